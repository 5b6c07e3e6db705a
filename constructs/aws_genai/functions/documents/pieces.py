"""What is taken out of a document, within bounds that a hostile one cannot pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

#: Characters at most, of everything that a document says; far more than a book has.
MOST_CHARACTERS = 10_000_000
#: Parts at most.
_MOST_PIECES = 1_000_000


class UnreadableError(ValueError):
    """A document that no text can be taken out of; the message is one sentence that says why."""


class SlowError(UnreadableError):
    """A document that takes longer to read than it may."""

    def __init__(self) -> None:
        super().__init__("it takes too long to read: split it, or save it anew in a simpler form")


@dataclass(frozen=True)
class Piece:
    """A part of a document's text.

    :param hidden: whether people who look at the document do not see it.
    :param where: what it is or where it stands, such as ``page 2`` or ``comment``.
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
        """What people see."""
        return "\n".join(each.text for each in self.pieces if not each.hidden)


@dataclass
class Collector:
    """Takes pieces in as they are found.

    :param until: when ``time.monotonic()`` passes this, the document takes too long.
    :param depth: how many documents this one lies in.
    :raises UnreadableError: once there is too much of anything.
    """

    until: float
    depth: int = 0
    pieces: list[Piece] = field(default_factory=list)
    characters: int = 0

    def add(self, text: str, where: str, *, hidden: bool = False) -> None:
        """Keep a piece; blanks alone are none."""
        self.check()
        text = text.strip("\r\n\t ")
        if not text:
            return
        self.characters += len(text)
        if self.characters > MOST_CHARACTERS or len(self.pieces) >= _MOST_PIECES:
            raise UnreadableError(f"it holds more text than is read of one document, {MOST_CHARACTERS:,} characters")
        self.pieces.append(Piece(text, hidden, where))

    def check(self) -> None:
        """Stop what goes on for too long."""
        if time.monotonic() > self.until:
            raise SlowError
