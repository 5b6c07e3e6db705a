"""The environment variables of an assistant that answers from tables."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """Which tables may be read, through which workgroup, and how much of them."""

    #: Tables, as ``database.table``.
    INSIGHT_TABLES: list[str]
    #: Name of the Athena workgroup.
    INSIGHT_WORKGROUP: str
    #: Maximum number of rows of a result.
    INSIGHT_ROWS: int
    #: Maximum number of bytes that a query reads.
    INSIGHT_BYTES: int
    #: Maximum number of seconds of a query.
    INSIGHT_SECONDS: int
