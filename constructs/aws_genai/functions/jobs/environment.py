"""The environment variables of a function that invokes models."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Invoking(Contract):
    """The guardrail, and the ids of models."""

    GUARDRAIL_ID: str
    GUARDRAIL_VERSION: str
    #: JSON: the ARN of the application inference profile of each model. Default: models are invoked by their own ids.
    PROFILES: str | None = None

    @property
    def profiles(self) -> dict[str, str]:
        """Returns the ARN of the application inference profile of each model."""
        return dict(json.loads(self.PROFILES or "{}"))
