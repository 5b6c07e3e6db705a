"""Checks whether model files are safe to load: safetensors contain only numbers, a pickle runs code when it is loaded.

https://docs.python.org/3/library/pickle.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

#: Extensions of files that hold Python pickles.
PICKLED = (".bin", ".ckpt", ".joblib", ".npz", ".pickle", ".pkl", ".pt", ".pth")
#: Extensions of weights that hold no code.
WEIGHTS = (".gguf", ".onnx", ".plan", ".safetensors")
#: First bytes of a pickle of protocol 2 and later, and of a ZIP archive of pickles, which PyTorch writes.
_PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ZIP = b"PK\x03\x04"
#: The header of safetensors is JSON, at most 100 MB, preceded by its length in 8 bytes:
#: https://huggingface.co/docs/safetensors/index#format
_LONGEST_HEADER = 100_000_000
_MOST_FILES = 2_000


class Files(Protocol):
    """The files of a model."""

    def names(self) -> Iterable[str]:
        """Returns the names under the prefix."""
        ...

    def beginning(self, name: str, count: int) -> bytes:
        """Returns the first bytes of a file."""
        ...


def problems(files: Files, pickled: Sequence[str]) -> Iterator[str]:
    """Returns the problems with the files, one sentence each."""
    names = list(files.names())
    if not any(name.endswith(WEIGHTS) or name in pickled for name in names):
        yield "there are no safetensors files: upload the model, or correct the location"
    if len(names) > _MOST_FILES:
        yield f"there are {len(names)} files; the maximum is {_MOST_FILES}: store the model under its own prefix"
        return
    for name in names:
        if name in pickled:
            continue
        if name.endswith(PICKLED):
            yield f"{name} is a pickle file, which runs code when it is loaded: convert it, or list it in pickled"
            continue
        first = files.beginning(name, 9)
        if first.startswith((*_PICKLE, _ZIP)):
            yield f"{name} is a pickle file with another extension: delete it"
        elif name.endswith(".safetensors") and not _is_safetensors(first):
            yield f"{name} is not a valid safetensors file: upload it again"


def _is_safetensors(first: bytes) -> bool:
    return len(first) == 9 and int.from_bytes(first[:8], "little") <= _LONGEST_HEADER and first[8:] == b"{"


class Stored:
    """The files under a prefix of a bucket."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def names(self) -> Iterator[str]:
        """Returns the names under the prefix, without folders."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
            for each in page.get("Contents", ()):
                if not each["Key"].endswith("/"):
                    yield each["Key"].removeprefix(self._prefix)

    def beginning(self, name: str, count: int) -> bytes:
        """Returns the first bytes of a file; none if it is empty."""
        key = f"{self._prefix}{name}"
        if not self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]:
            return b""
        found = self._s3.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{count - 1}")
        return bytes(found["Body"].read())
