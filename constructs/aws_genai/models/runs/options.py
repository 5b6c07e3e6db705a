"""The options of batch inference and of evaluations, each declared once: for code, and for the settings file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from ...data.bedrock import check_chat
from ...errors import InvalidValueError, nearest
from ...functions.evaluation.names import COMPARED, COSTS, GROUNDED, JUDGED
from ...options import ModelId, Options, TimeZone, check_cron, text
from ...resource_name import BEDROCK, ResourceName
from ..access.options import Inference
from ..knowledge.options import Group

#: Names of jobs end in a suffix for the execution, and the name of the state machine ends in its kind.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html
BATCH_NAME = ResourceName("Batch", 63, BEDROCK)
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateEvaluationJob.html
EVALUATION_NAME = ResourceName("Evaluation", 63, BEDROCK)
#: https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
MACHINE_NAME = ResourceName("State machine", 80, r"[\w-]+", "letters, digits, hyphens and underscores")

#: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
_SCHEDULE = r"^(cron\([A-Za-z0-9 ,*/?#-]{1,200}\)|rate\([1-9][0-9]{0,4} (minute|hour|day)s?\))$"


class BatchInferenceOptions(Inference):
    """Batch inference: files of prompts in a bucket start batch inference jobs.

    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
    """

    model: ModelId
    """Id of the model, which must support batch inference."""

    most_failed_percent: Annotated[float, Field(ge=0, le=100)] = 0
    """Maximum share of prompts without a response, in percent. With more, the run fails."""

    @model_validator(mode="after")
    def _chats(self) -> Self:
        check_chat([self.model], self.max_tokens)
        return self


class Judge(Options):
    """A model that evaluates the responses of other models.

    https://docs.aws.amazon.com/bedrock/latest/userguide/evaluation-judge.html
    """

    model: ModelId
    """Id of the foundation model or inference profile, which must be supported as an evaluator model."""

    metrics: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1)] = [
        "Correctness",
        "Completeness",
        "Helpfulness",
    ]
    """Metrics by the names of Bedrock without the prefix Builtin."""


class EvaluationOptions(Inference):
    """An evaluation: models get the same prompts, and their responses are compared.

    https://docs.aws.amazon.com/bedrock/latest/userguide/evaluation-judge.html
    """

    temperature: Annotated[float, Field(ge=0, le=1)] = 0
    """Temperature: the higher, the more varied are responses. With 0, two runs are the most alike."""

    models: Annotated[list[ModelId], Field(min_length=1)]
    """Ids of the models. The thresholds apply to the first."""

    judge: Judge | None = None
    """Evaluator model. Default: responses are only compared with reference responses."""

    thresholds: dict[Annotated[str, Field(max_length=64)], Annotated[float, Field(ge=0, le=3_600_000)]] = {}
    """Thresholds of the first model by metric: a minimum for metrics of the judge, exact_match, f1 and rouge_l; a
    maximum for latency_ms, usd_per_answer and blocked_percent. A run below them fails."""

    groups: list[Group] = []
    """Groups of users whose documents the models answer from. Required with a knowledge base."""

    schedule: Annotated[str, text(_SCHEDULE, "be cron(...) of six fields or rate(...), in quotes")] | None = None
    """Schedule of runs, such as cron(0 5 ? * MON *). Default: runs are only started on demand."""

    time_zone: TimeZone = "UTC"
    """IANA time zone of the schedule."""

    @property
    def asked(self) -> list[str]:
        """Every model that is invoked."""
        return [*self.models, *([self.judge.model] if self.judge else [])]

    @field_validator("schedule")
    @classmethod
    def _reached(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("cron("):
            check_cron(value[len("cron(") : -1], aws=True)
        return value

    @model_validator(mode="after")
    def _measures(self) -> Self:
        check_chat(self.models, self.max_tokens)
        if self.judge:
            # Groups are given with a knowledge base, and only then.
            known = GROUNDED if self.groups else JUDGED
            for metric in self.judge.metrics:
                if metric not in known:
                    raise InvalidValueError(
                        f"{metric} is not a metric of {'responses from documents' if self.groups else 'responses'}",
                        field="judge.metrics",
                        hint=nearest(metric, known),
                    )
            check_chat([self.judge.model], 1)
        measured = [*COMPARED, *COSTS, *(self.judge.metrics if self.judge else ())]
        for metric in self.thresholds:
            if metric not in measured:
                raise InvalidValueError(
                    f"{metric} is not measured", field=f"thresholds.{metric}", hint=nearest(metric, measured)
                )
        return self

    def check_documents(self, *, documents: bool) -> None:
        """Refuse a knowledge base without groups, and groups without a knowledge base.

        :raises InvalidValueError: naming what is missing.
        """
        if documents != bool(self.groups):
            reason = (
                "There is a knowledge base, but no group whose documents may be used"
                if documents
                else "There are groups, but no knowledge base with documents"
            )
            raise InvalidValueError(reason, field="groups", hint="Set both knowledge and groups, or neither")
