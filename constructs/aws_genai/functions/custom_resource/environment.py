"""The environment variables of a function that waits for what it creates."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: ARN of the role with which schedules invoke the function again.
    WAIT_ROLE: str
