"""The environment variables of the function that records actions."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """Where actions are recorded."""

    #: Name of the log group.
    AUDIT_LOG: str
