"""The manifest of a data set: the versions and checksums of the files that train a model, and its author.

It is stored with the files as ``manifest.json``, which the author writes; approvers may write nothing but the signature
``manifest.json.sig``, which names them. It is signed with an AWS KMS key that only approvers may sign with: https://docs.aws.amazon.com/kms/latest/developerguide/symmetric-asymmetric.html
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
#: ECDSA over NIST P-256 with SHA-256, on the digest of the manifest and its approver.
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
    author: str
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
            author=str(content["author"]),
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
        if key.rpartition("/")[2] in (NAME, SIGNATURE):
            # Approvers may write files of the latter name.
            raise ManifestError(f"{key} has the name of a manifest or a signature: give the file another name")
    return made


def checksum(text: bytes) -> str:
    """The SHA-256 of a manifest."""
    return hashlib.sha256(text).hexdigest()


def digest(text: bytes, approver: str) -> bytes:
    """The digest that is signed: of the manifest, and of who signs it."""
    return hashlib.sha256(hashlib.sha256(text).digest() + approver.encode()).digest()


def person(arn: str) -> str:
    """The person behind an identity, by the name of the session or the user."""
    return arn.rsplit("/", 1)[-1].lower()


def signature(approver: str, signed: bytes) -> bytes:
    """The content of a signature file."""
    return json.dumps({"approver": approver, "signature": base64.b64encode(signed).decode()}).encode()


def check_signature(kms: Any, key: str, text: bytes, signature: bytes) -> str:  # noqa: ANN401 - boto3 has no types
    """Refuse a manifest without a valid signature; returns the approver.

    :raises ManifestError: if the signature is malformed, or of another text.
    """
    approver = ""
    try:
        content = json.loads(signature)
        approver, raw = str(content["approver"]), base64.b64decode(content["signature"], validate=True)
        if not raw or not approver:
            raise ValueError("the signature is empty")
        answer = kms.verify(
            KeyId=key, Message=digest(text, approver), MessageType="DIGEST", Signature=raw, SigningAlgorithm=ALGORITHM
        )
        valid = bool(answer["SignatureValid"])
    except (kms.exceptions.KMSInvalidSignatureException, ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise ManifestError(
            "The signature of the manifest is not valid: have an approver review the data set and sign it"
        )
    return approver


def _file(content: Mapping[str, Any]) -> File:
    file = File(str(content["key"]), str(content["version"]), str(content["sha256"]).lower(), int(content["bytes"]))
    if len(file.sha256) != 64 or not file.version or file.version == "null":
        raise ValueError(f"{file.key} has no version or no SHA-256")
    return file
