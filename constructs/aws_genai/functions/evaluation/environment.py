"""The environment variables of the function for evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from ..jobs.environment import Invoking


class PlanVariable(TypedDict):
    """The content of PLAN."""

    name: str
    #: Parameters of a Converse request to each model, by its id.
    models: dict[str, dict[str, Any]]
    system_prompt: str
    #: US dollars per million input and output tokens of each model whose prices are known.
    prices: dict[str, tuple[float, float]]
    thresholds: dict[str, float]
    #: Metrics of the judge.
    metrics: list[str]
    #: Groups of users whose documents the models answer from.
    groups: list[str]


@dataclass(frozen=True, kw_only=True)
class Environment(Invoking):
    """The environment variables of the function. Those of the knowledge base come from its construct."""

    PLAN: PlanVariable
    BUCKET: str
    #: ARN of the evaluator model, of the role of the evaluation jobs, and of the key that encrypts them.
    JUDGE: str | None = None
    JUDGE_ROLE: str | None = None
    KEY_ARN: str | None = None
    KNOWLEDGE_BASE: str | None = None
    SEARCH: dict[str, Any] | None = None
