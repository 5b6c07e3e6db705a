"""The environment variables that the counters of a usage budget need."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The table of the counters, and the limits of a user in a day."""

    BUDGET_TABLE: str
    BUDGET_REQUESTS: int
    BUDGET_TOKENS: int
    BUDGET_BLOCKS: int
