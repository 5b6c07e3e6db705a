"""The release of a quarantined document: a reviewer's acceptance of exactly one version.

Releases are stored under ``released/``. The bucket policy allows only reviewers to write there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from .names import RELEASED


@dataclass(frozen=True)
class Release:
    """The release of one version of one document.

    :param document: name of the document, which begins with its source.
    :param sha256: SHA-256 digest of its content.
    :param version: version id of the object under ``incoming/``.
    :param reviewer: ARN of the reviewer.
    :param released: time of the release, in ISO 8601.
    :param reason: the reviewer's reason.
    """

    document: str
    sha256: str
    version: str
    reviewer: str
    released: str
    reason: str = ""

    @property
    def person(self) -> str:
        """Returns the name at the end of the reviewer's ARN."""
        return self.reviewer.rsplit("/", 1)[-1]

    def text(self) -> bytes:
        """Returns the content of the object."""
        return json.dumps(asdict(self), indent=1).encode()

    def covers(self, document: str, sha256: str, version: str) -> bool:
        """Returns whether it is for exactly this content under this name. Any change requires another review."""
        return (self.document, self.sha256, self.version) == (document, sha256, version)


def key_of(document: str) -> str:
    """Returns the key of the release of a document."""
    return f"{RELEASED}{document}.json"


def document_of(key: str) -> str:
    """Returns the document of a key under ``released/``; empty if the key is not the key of a release."""
    return key.removeprefix(RELEASED).removesuffix(".json") if key.endswith(".json") else ""


def parse(text: bytes) -> Release | None:
    """Returns a release; None if the text is not a release."""
    try:
        content = json.loads(text)
        return Release(**{name: str(content.get(name, "")) for name in Release.__dataclass_fields__})
    except (ValueError, AttributeError):
        return None
