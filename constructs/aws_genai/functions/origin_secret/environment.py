"""The environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: Id of the distribution.
    DISTRIBUTION: str
    #: ARN of the regex pattern set of AWS WAF with the accepted values.
    ACCEPTED: str
    #: Name of the header.
    HEADER: str
    #: Number of seconds until a change of AWS WAF is in effect everywhere.
    PROPAGATION_SECONDS: int
