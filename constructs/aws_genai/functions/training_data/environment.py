"""The environment variables of the function."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: Name of the bucket of data sets.
    BUCKET: str
    #: ARN of the key with which approvers sign manifests.
    SIGNING_KEY: str
