"""The one error a caller of this library meets for a value that cannot work."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InvalidValueError(ValueError):
    """A value that AWS would refuse, or that this library refuses for safety.

    ``field`` names the argument, ``hint`` the nearest value that works, so that a settings loader can
    point at the line to change.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.field = field
        self.hint = hint


def nearest(value: str, choices: Iterable[str], count: int = 1) -> str:
    """Say which of ``choices`` is closest to ``value``, as a sentence for an error message."""
    known = sorted(choices)
    close = difflib.get_close_matches(value, known, n=count, cutoff=0.4)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Choose one of: " + ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
