"""Settings of evaluations: which model answers best, in what time and for how much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from aws_genai.models.knowledge.options import Group
from aws_genai.models.runs.judge import Judge, check_evaluation
from aws_genai.options import Instructions, ModelId, Name, Options, TimeZone, check_cron, text

#: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_SCHEDULE = r"^(cron\([A-Za-z0-9 ,*/?#-]{1,200}\)|rate\([1-9][0-9]{0,4} (minute|hour|day)s?\))$"


class JudgeSettings(Options):
    """A model that says how good answers are."""

    model: ModelId
    """Id of the model that judges, one of models.bedrock.models that Bedrock takes as an evaluator."""

    metrics: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1)] = [
        "Correctness",
        "Completeness",
        "Helpfulness",
    ]
    """What it judges, as Bedrock names it without Builtin."""

    def whole(self) -> Judge:
        """The same for the library."""
        return Judge(model=self.model, metrics=tuple(self.metrics))


class EvaluationSettings(Options):
    """Models that are asked the same questions, side by side."""

    models: Annotated[list[ModelId], Field(min_length=1)]
    """Ids of the models, of models.bedrock.models; the thresholds are for the first."""

    judge: JudgeSettings | None = None
    """Who judges the answers; without one, they are compared with those that were expected."""

    thresholds: dict[Annotated[str, Field(max_length=64)], Annotated[float, Field(ge=0, le=3_600_000)]] = {}
    """What the first model must reach: at least of Correctness, f1 and the like, at most of latency_ms,
    usd_per_answer and blocked_percent."""

    knowledge: Name | None = None
    """Name in models.knowledge of the documents that are answered from; none without it."""

    groups: list[Group] = []
    """Whose documents the models are shown, with knowledge."""

    max_tokens: Annotated[int, Field(ge=1, le=128_000)] = 1024
    """Most tokens of an answer."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0
    """How varied answers are; at 0 two runs are the most alike."""

    system_prompt: Instructions = "You are a helpful assistant. Say so when you do not know."
    """Instructions that come before every question."""

    schedule: Annotated[str, text(_SCHEDULE, "be cron(...) of six fields or rate(...), in quotes")] | None = None
    """When a run starts by itself, such as cron(0 5 ? * MON *); only when asked for without it."""

    time_zone: TimeZone = "UTC"
    """Time zone of the schedule."""

    @field_validator("schedule")
    @classmethod
    def _reached(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("cron("):
            check_cron(value[len("cron(") : -1], aws=True)
        return value

    @model_validator(mode="after")
    def _measures(self) -> EvaluationSettings:
        judge = self.judge.whole() if self.judge else None
        documents = self.knowledge is not None
        check_evaluation(self.models, judge, self.thresholds, self.max_tokens, documents=documents, groups=self.groups)
        return self

    @property
    def asked(self) -> list[str]:
        """Every model that is called."""
        return [*self.models, *([self.judge.model] if self.judge else [])]
