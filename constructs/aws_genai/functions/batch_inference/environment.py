"""The environment variables of the function for batch inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from ..jobs.environment import Invoking


class PlanVariable(TypedDict):
    """The content of PLAN."""

    name: str
    model: str
    #: Parameters of a Converse request to the model, by its id.
    models: dict[str, dict[str, Any]]
    system_prompt: str
    most_failed_percent: float
    #: US dollars per million input and output tokens, in a batch and on demand; empty if they are not known.
    batch_price: list[float]
    price: list[float]


@dataclass(frozen=True, kw_only=True)
class Environment(Invoking):
    """The environment variables of the function."""

    PLAN: PlanVariable
    BUCKET: str
    #: ARN of the role of the jobs.
    JOB_ROLE: str
    #: ARN of the key that encrypts the output of the jobs.
    KEY_ARN: str
