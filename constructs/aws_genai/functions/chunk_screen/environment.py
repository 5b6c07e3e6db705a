"""The environment variables of the function that screens chunks."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: Name of the source.
    SOURCE: str
    #: The groups that may read the documents of the source.
    GROUPS: list[str]
    #: ID and version of the guardrail that evaluates chunks. Default: none.
    GUARDRAIL_ID: str | None = None
    GUARDRAIL_VERSION: str | None = None
