"""Whether the files of a model may be loaded: safetensors hold numbers only, a pickle runs code when it is read.

https://docs.python.org/3/library/pickle.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

#: Endings of files that hold Python pickles.
PICKLED = (".bin", ".ckpt", ".joblib", ".npz", ".pickle", ".pkl", ".pt", ".pth")
#: Endings of weights that hold no code.
WEIGHTS = (".gguf", ".onnx", ".plan", ".safetensors")
#: How a pickle of protocol 2 and later begins, and a zip of pickles, which is what PyTorch writes.
_PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ZIP = b"PK\x03\x04"
#: A header of safetensors is JSON after its length in 8 bytes, at most 100 MB:
#: https://huggingface.co/docs/safetensors/index#format
_LONGEST_HEADER = 100_000_000
_MOST_FILES = 2_000


class Files(Protocol):
    """The files of a model."""

    def names(self) -> Iterable[str]:
        """Names below the prefix."""
        ...

    def beginning(self, name: str, count: int) -> bytes:
        """The first bytes of a file."""
        ...


def problems(files: Files, pickled: Sequence[str]) -> Iterator[str]:
    """What must not be loaded, one sentence each; nothing if all is well."""
    names = list(files.names())
    if not any(name.endswith(WEIGHTS) or name in pickled for name in names):
        yield "no safetensors lie there: upload the model, or correct the address"
    if len(names) > _MOST_FILES:
        yield f"{len(names)} files lie there, more than the {_MOST_FILES} of any model: give it a prefix of its own"
        return
    for name in names:
        if name in pickled:
            continue
        if name.endswith(PICKLED):
            yield f"{name} is a pickle, which runs code when it is loaded: convert it to safetensors, or name it"
            continue
        first = files.beginning(name, 9)
        if first.startswith((*_PICKLE, _ZIP)):
            yield f"{name} is a pickle under another name: remove it"
        elif name.endswith(".safetensors") and not _is_safetensors(first):
            yield f"{name} does not hold safetensors: upload it again"


def _is_safetensors(first: bytes) -> bool:
    return len(first) == 9 and int.from_bytes(first[:8], "little") <= _LONGEST_HEADER and first[8:] == b"{"


class Stored:
    """The files below a prefix of a bucket."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def names(self) -> Iterator[str]:
        """Names below the prefix; folders are none."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
            for each in page.get("Contents", ()):
                if not each["Key"].endswith("/"):
                    yield each["Key"].removeprefix(self._prefix)

    def beginning(self, name: str, count: int) -> bytes:
        """The first bytes of a file; an empty one has none."""
        key = f"{self._prefix}{name}"
        if not self._s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]:
            return b""
        found = self._s3.get_object(Bucket=self._bucket, Key=key, Range=f"bytes=0-{count - 1}")
        return bytes(found["Body"].read())
