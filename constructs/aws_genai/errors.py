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


def nearest(value: str, choices: Iterable[str], count: int = 1, *, cutoff: float = 0.4) -> str:
    """Say which of ``choices`` is closest to ``value``, as a sentence for an error message.

    :param cutoff: least likeness of what is proposed, 0 to 1; with none so like, some of the choices are listed.
    """
    known = sorted(choices)
    # Beyond that length only a mistake is compared, which would take seconds.
    close = difflib.get_close_matches(value[:200], known, n=count, cutoff=cutoff)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Choose one of: " + ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
