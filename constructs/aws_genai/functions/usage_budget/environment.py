"""The environment variables that the counters of a usage budget need."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The table of the counters, and the limits, as :class:`.budget.Limit` has them."""

    BUDGET_TABLE: str
    #: Of a user in a day.
    BUDGET_DAY: dict[str, int]
    #: Of a user in a month.
    BUDGET_MONTH: dict[str, int] | None = None
    #: Of the members of a group together, in a ``day`` and a ``month``.
    BUDGET_GROUPS: dict[str, dict[str, dict[str, int]]] | None = None
