"""What a reviewer says of a document that was refused: that exactly this version of it may come in.

It lies under ``released/``, where only reviewers may write, as the bucket's policy says.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from .names import RELEASED


@dataclass(frozen=True)
class Release:
    """Leave for one version of one document.

    :param document: its name, which begins with its source.
    :param sha256: of its content.
    :param version: of the object under ``incoming/``.
    :param reviewer: ARN of who looked at it.
    :param released: when, in ISO 8601.
    :param reason: why it may come in, in the reviewer's words.
    """

    document: str
    sha256: str
    version: str
    reviewer: str
    released: str
    reason: str = ""

    @property
    def person(self) -> str:
        """The name at the end of the reviewer's ARN."""
        return self.reviewer.rsplit("/", 1)[-1]

    def text(self) -> bytes:
        """What is written down."""
        return json.dumps(asdict(self), indent=1).encode()

    def covers(self, document: str, sha256: str, version: str) -> bool:
        """Whether it is about exactly this content under this name; a change of either is judged anew."""
        return (self.document, self.sha256, self.version) == (document, sha256, version)


def key_of(document: str) -> str:
    """Where the release of a document lies."""
    return f"{RELEASED}{document}.json"


def document_of(key: str) -> str:
    """The document that a key under ``released/`` is about; empty if it is about none."""
    return key.removeprefix(RELEASED).removesuffix(".json") if key.endswith(".json") else ""


def parse(text: bytes) -> Release | None:
    """A release, or None where the text is none."""
    try:
        content = json.loads(text)
        return Release(**{name: str(content.get(name, "")) for name in Release.__dataclass_fields__})
    except (ValueError, AttributeError):
        return None
