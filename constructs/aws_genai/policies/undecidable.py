"""The error of a question that a template does not answer."""

from __future__ import annotations


class UndecidableError(Exception):
    """Whether the request is allowed cannot be told from the template; it is never guessed."""
