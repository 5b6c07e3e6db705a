"""The error for a request that cannot be evaluated from the template."""

from __future__ import annotations


class UndecidableError(Exception):
    """The template does not determine whether the request is allowed; the decision is never guessed."""
