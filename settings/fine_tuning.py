"""Settings of fine-tuning: pipelines from a signed data set to a model that serves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aws_genai.data.fine_tuning import check_transform
from aws_genai.data.jumpstart import JumpStartCatalogue, check_eula
from aws_genai.errors import InvalidValueError, nearest, reported_at
from aws_genai.options import HostedType, ModelId, Name, Options, RoleArn

from .customized import Customized

Share = Annotated[float, Field(ge=0, le=1)]
#: A number, or a word that the script knows.
Hyperparameter = (
    Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    | Annotated[float, Field(ge=-1e9, le=1e9)]
    | Annotated[str, Field(min_length=1, max_length=256)]
)


class Served(Options):
    """The endpoint of approved versions."""

    instance_type: HostedType | None = None
    """SageMaker instance type that the model supports, also for the evaluation; without it, the model's own."""

    instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Instances of the endpoint."""

    latency_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Median model latency in milliseconds that raises an alarm."""

    idle_hours: Annotated[int, Field(ge=1, le=24)] = 6
    """Hours without a call that raise an alarm."""


class Tuned(Options):
    """A model of the JumpStart catalogue that is fine-tuned on one data set."""

    model: ModelId
    """Id of a model of the JumpStart catalogue whose fine-tuning is known."""

    accept_eula: bool = False
    """Accept the model's end-user licence agreement."""

    method: Literal["instruction", "chat", "domain"] = "instruction"
    """Instructions with answers, conversations, or plain text of a domain."""

    hyperparameters: dict[Annotated[str, Field(max_length=64)], Hyperparameter] = {}
    """Those of JumpStart's script that differ from its defaults."""

    instance_type: HostedType | None = None
    """SageMaker instance type that trains; without it, the script's own."""

    max_hours: Annotated[int, Field(ge=1, le=672)] = 24
    """Longest training in hours."""

    spot: bool = True
    """Train on Spot capacity, with checkpoints."""

    thresholds: Annotated[dict[Literal["exact_match", "f1", "rouge_l"], Share], Field(min_length=1)] = {"f1": 0.2}
    """What answers to the held-out questions have to reach; below it, nothing is registered."""

    refuse_personal_data: bool = False
    """Let personal data stop a run, instead of only being counted."""

    most_duplicates_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Share of records that may stand twice, in percent."""

    endpoint: Served = Served()
    """Where approved versions serve."""

    @model_validator(mode="after")
    def _trainable(self) -> Tuned:
        with reported_at("model"):
            model = JumpStartCatalogue.get(self.model)
        if model.training is None:
            raise InvalidValueError(
                f"How {self.model} is fine-tuned is not known",
                field="model",
                hint=f"Choose one of: {', '.join(JumpStartCatalogue.trainable())}",
            )
        check_eula(model, self.accept_eula)
        model.training.arguments(self.method, self.hyperparameters)
        if self.instance_type:
            model.training.check_type(self.instance_type)
        kind = self.endpoint.instance_type
        if kind and kind not in model.supported_instance_types:
            raise InvalidValueError(
                f"{self.model} does not run on {kind}",
                field="endpoint",
                hint=nearest(kind, model.supported_instance_types),
            )
        check_transform(kind or model.default_instance_type, field="endpoint")
        return self

    def check_region(self, region: str, place: str) -> None:
        """Refuse what the Region does not have; ``place`` is the key path of the pipeline."""
        model = JumpStartCatalogue.get(self.model)
        if region not in model.regions:
            raise InvalidValueError(
                f"{self.model} is not available in {region}",
                field=f"{place}.model",
                hint=nearest(region, model.regions),
            )


class FineTuningSettings(Options):
    """Models that are fine-tuned on signed data sets."""

    approver_roles: list[RoleArn] = []
    """ARNs of roles that sign data sets off and approve versions, beside the approver of the studio."""

    pipelines: dict[Name, Tuned] = {}
    """What is fine-tuned, by the name of its data set."""

    customized: dict[Name, Customized] = {}
    """Models of Bedrock that learn from the same data sets, by name."""
