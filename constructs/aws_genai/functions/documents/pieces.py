"""The text that is extracted from a document, with limits that protect against malicious documents."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Maximum number of characters of a document, far more than a book has.
MOST_CHARACTERS = 10_000_000
#: Maximum number of pieces.
_MOST_PIECES = 1_000_000


class UnreadableError(ValueError):
    """The text of a document cannot be extracted. The message is one sentence with the reason."""


class SlowError(UnreadableError):
    """A document takes longer to read than the maximum."""

    def __init__(self) -> None:
        super().__init__("it takes too long to read: split it, or save it in a simpler format")


@dataclass(frozen=True)
class Piece:
    """A part of a document's text.

    :param hidden: whether readers of the document do not see it.
    :param where: its type or location, such as ``comment`` or ``page 2``.
    """

    text: str
    hidden: bool
    where: str


@dataclass(frozen=True)
class Extracted:
    """The text of a document, in reading order."""

    pieces: Sequence[Piece]

    @property
    def text(self) -> str:
        """Returns the visible text."""
        return "\n".join(each.text for each in self.pieces if not each.hidden)


@dataclass
class Collector:
    """Collects the pieces of a document.

    :param until: value of ``time.monotonic()`` after which reading is stopped.
    :param depth: number of documents that this one is embedded in.
    :raises UnreadableError: if a limit is exceeded.
    """

    until: float
    depth: int = 0
    pieces: list[Piece] = field(default_factory=list)
    characters: int = 0

    def add(self, text: str, where: str, *, hidden: bool = False) -> None:
        """Adds a piece, unless it is only whitespace."""
        self.check()
        text = text.strip("\r\n\t ")
        if not text:
            return
        self.characters += len(text)
        if self.characters > MOST_CHARACTERS or len(self.pieces) >= _MOST_PIECES:
            raise UnreadableError(f"it has more text than the maximum of {MOST_CHARACTERS:,} characters")
        self.pieces.append(Piece(text, hidden, where))

    def check(self) -> None:
        """Raises an error if reading takes too long."""
        if time.monotonic() > self.until:
            raise SlowError
