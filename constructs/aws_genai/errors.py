"""The error that this library raises for an invalid value, and the field that it reports."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class InvalidValueError(ValueError):
    """A value that AWS would reject, or that this library rejects for safety.

    :param message: What is wrong, as a sentence without a period.
    :param field: The name of the argument, or its path with dots. Default: none.
    :param hint: What to do instead, such as the nearest valid value. Default: none.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.message = message
        self.field = field
        self.hint = hint

    def at(self, field: str) -> InvalidValueError:
        """The same error for another field, with the same message and hint."""
        return InvalidValueError(self.message, field=field, hint=self.hint)


@contextmanager
def below(path: str) -> Iterator[None]:
    """Prefix the fields of errors with a path: ``cidr`` with the path ``network`` becomes ``network.cidr``."""
    try:
        yield
    except InvalidValueError as error:
        raise error.at(f"{path}.{error.field}" if error.field else path) from error


@contextmanager
def reported_at(path: str) -> Iterator[None]:
    """Report errors at a path, regardless of the field that they name."""
    try:
        yield
    except InvalidValueError as error:
        raise error.at(path) from error


def nearest(value: str, choices: Iterable[str], count: int = 1, *, cutoff: float = 0.4) -> str:
    """Say which of ``choices`` is closest to ``value``, as a sentence for an error message.

    :param cutoff: Minimum similarity of a proposal, from 0 to 1. If no choice reaches it, some of the choices are
        listed.
    """
    known = sorted(choices)
    # Comparing a longer value would take seconds, and it is not a typing error.
    close = difflib.get_close_matches(value[:200], known, n=count, cutoff=cutoff)
    if close:
        return "Did you mean " + " or ".join(close) + "?"
    return "Choose one of: " + ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
