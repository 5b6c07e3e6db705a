"""The error that a caller of this library gets for a value that cannot work, and where it is reported."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class InvalidValueError(ValueError):
    """A value that AWS would refuse, or that this library refuses for safety.

    :param message: what is wrong, as a sentence without a full stop.
    :param field: name of the argument, or its path with dots. Default: none.
    :param hint: what to do instead, such as the nearest valid value. Default: none.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.message = message
        self.field = field
        self.hint = hint

    def at(self, field: str) -> InvalidValueError:
        """The same error for another field: message and hint are kept."""
        return InvalidValueError(self.message, field=field, hint=self.hint)


@contextmanager
def below(path: str) -> Iterator[None]:
    """Report errors below a path: ``cidr`` below ``network`` becomes ``network.cidr``."""
    try:
        yield
    except InvalidValueError as error:
        raise error.at(f"{path}.{error.field}" if error.field else path) from error


@contextmanager
def reported_at(path: str) -> Iterator[None]:
    """Report errors at a path, whichever field they name."""
    try:
        yield
    except InvalidValueError as error:
        raise error.at(path) from error


def nearest(value: str, choices: Iterable[str], count: int = 1, *, cutoff: float = 0.4) -> str:
    """Say which of ``choices`` is closest to ``value``, as a sentence for an error message.

    :param cutoff: minimum similarity of a proposal, 0 to 1; without one, some of the choices are listed.
    """
    known = sorted(choices)
    # Comparing a longer value would take seconds, and it is no typing mistake.
    close = difflib.get_close_matches(value[:200], known, n=count, cutoff=cutoff)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Choose one of: " + ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
