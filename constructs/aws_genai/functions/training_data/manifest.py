"""The manifest of a data set: the version ids and checksums of its files, and the approver.

It is stored with the files as ``manifest.json``, and its signature as ``manifest.json.sig``. Only approvers may sign
with the AWS KMS key: https://docs.aws.amazon.com/kms/latest/developerguide/symmetric-asymmetric.html
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "manifest.json"
SIGNATURE = "manifest.json.sig"
#: ECDSA over NIST P-256 with SHA-256, on the digest of the manifest.
ALGORITHM = "ECDSA_SHA_256"
_PARTS = ("train", "held_out")


class ManifestError(ValueError):
    """A data set that must not be used for training; the message says what to do."""


@dataclass(frozen=True)
class File:
    """One version of one file."""

    key: str
    version: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The signed data set."""

    data_set: str
    approver: str
    train: tuple[File, ...]
    held_out: tuple[File, ...]
    template: Mapping[str, str] | None

    @property
    def files(self) -> tuple[File, ...]:
        """Returns all files, training files first."""
        return (*self.train, *self.held_out)


def parse(text: bytes, prefix: str) -> Manifest:
    """Parses a manifest, whose files must be under ``prefix``.

    :raises ManifestError: if it is malformed, or names a file outside the prefix.
    """
    try:
        content = json.loads(text)
        files = {part: tuple(_file(each) for each in content[part]) for part in _PARTS}
        made = Manifest(
            data_set=str(content["data_set"]),
            approver=str(content["approver"]),
            train=files["train"],
            held_out=files["held_out"],
            template=content.get("template"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"The manifest is malformed ({error}): write it again") from error
    if not made.train or not made.held_out:
        raise ManifestError(
            "A data set needs training files and held-out files for evaluation: list both in the manifest"
        )
    keys = [each.key for each in made.files]
    if len(set(keys)) != len(keys):
        raise ManifestError("The manifest lists a file twice: a training file cannot be held out for evaluation")
    for key in keys:
        if not key.startswith(prefix) or ".." in key:
            raise ManifestError(f"{key} is not under {prefix}, the prefix of this data set")
    return made


def digest(text: bytes) -> bytes:
    """Returns the digest that is signed."""
    return hashlib.sha256(text).digest()


def check_signature(kms: Any, key: str, text: bytes, signature: bytes) -> None:  # noqa: ANN401 - boto3 has no types
    """Rejects a manifest without a valid signature.

    :raises ManifestError: if the signature is malformed, or of another text.
    """
    try:
        raw = base64.b64decode(signature, validate=True)
        if not raw:
            raise ValueError("the signature is empty")
        answer = kms.verify(
            KeyId=key, Message=digest(text), MessageType="DIGEST", Signature=raw, SigningAlgorithm=ALGORITHM
        )
        valid = bool(answer["SignatureValid"])
    except (kms.exceptions.KMSInvalidSignatureException, ValueError):
        valid = False
    if not valid:
        raise ManifestError(
            "The signature of the manifest is not valid: have an approver review the data set and sign it"
        )


def _file(content: Mapping[str, Any]) -> File:
    file = File(str(content["key"]), str(content["version"]), str(content["sha256"]).lower(), int(content["bytes"]))
    if len(file.sha256) != 64 or not file.version or file.version == "null":
        raise ValueError(f"{file.key} has no version or no SHA-256")
    return file
