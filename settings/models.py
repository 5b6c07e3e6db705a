"""Settings of layer 2: models."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import model_validator

from aws_genai.errors import InvalidValueError, below, nearest
from aws_genai.models.custom.options import ImportedModelOptions, ProvisionedThroughputOptions
from aws_genai.models.hosting.options import DriftLimits, EndpointOptions, IdleOptions
from aws_genai.models.knowledge.options import Knowledge
from aws_genai.models.prompts.options import RouterOptions, variables
from aws_genai.models.runs.options import BatchInferenceOptions
from aws_genai.models.training.options import HubOptions, StudioOptions
from aws_genai.options import Name, Options

from .bedrock import Bedrock
from .evaluation import EvaluationSettings
from .fine_tuning import FineTuningSettings
from .prompts import FlowSettings, PromptSettings


class Models(Options):
    """Layer 2."""

    idle: IdleOptions | None = None
    """Stops endpoints without invocations, after a notification. Default: idle endpoints only raise an alarm."""

    bedrock: Bedrock | None = None
    """On-demand models of Amazon Bedrock."""

    knowledge: dict[Name, Knowledge] = {}
    """Knowledge bases that responses are based on, by name."""

    imported: dict[Name, ImportedModelOptions] = {}
    """Your models that are imported into Amazon Bedrock (Custom Model Import), by name."""

    batches: dict[Name, BatchInferenceOptions] = {}
    """Batch inference jobs, by name."""

    prompts: dict[Name, PromptSettings] = {}
    """Prompts of Prompt management, by name."""

    flows: dict[Name, FlowSettings] = {}
    """Flows of prompts, by name."""

    routers: dict[Name, RouterOptions] = {}
    """Intelligent prompt routers, by name."""

    provisioned: dict[Name, ProvisionedThroughputOptions] = {}
    """Provisioned throughput of models of Bedrock, by name."""

    evaluations: dict[Name, EvaluationSettings] = {}
    """Evaluations of models, by name."""

    endpoints: dict[Name, EndpointOptions] = {}
    """Models on SageMaker endpoints, by name."""

    hub: HubOptions | None = None
    """A private hub with the JumpStart models that may be used. Default: none."""

    studio: StudioOptions | None = None
    """A SageMaker Studio domain for data scientists, ML engineers and approvers. Default: none."""

    monitoring: DriftLimits | None = None
    """Limits of drift and quality for endpoints that capture data. Default: captured data is not monitored."""

    fine_tuning: FineTuningSettings | None = None
    """Models that are fine-tuned on signed data sets. Default: none."""

    @model_validator(mode="after")
    def _one_name_each(self) -> Models:
        for name in self.fine_tuning.pipelines if self.fine_tuning else ():
            if name in self.endpoints:
                raise InvalidValueError(
                    f"An endpoint and a pipeline are both called {name}", field="fine_tuning", hint="Rename one of them"
                )
        return self

    @model_validator(mode="after")
    def _guarded(self) -> Models:
        deployed = self.fine_tuning and any(each.deployed for each in self.fine_tuning.customized.values())
        kinds = {"imported": self.imported, "provisioned": self.provisioned, "fine_tuning.customized": deployed}
        kind = next((name for name, each in kinds.items() if each), None)
        if kind and not self.bedrock:
            which = "Imported" if kind == "imported" else "Custom"
            raise InvalidValueError(
                f"{which} models are invoked through the guardrail of models.bedrock, which is left out",
                field=f"models.{kind}",
                hint="Add models: {bedrock: {models: [...]}} with models that are available in the Region",
            )
        return self

    @model_validator(mode="after")
    def _embedded(self) -> Models:
        allowed = self.bedrock.models if self.bedrock else []
        for name, prompt in self.prompts.items():
            check_named(f"models.prompts.{name}.model", [prompt.model], allowed)
        for name, router in self.routers.items():
            check_named(f"models.routers.{name}.models", router.models, allowed)
        for name, flow in self.flows.items():
            with below(f"models.flows.{name}"):
                flow.check({prompt: variables(each.text) for prompt, each in self.prompts.items()})
        for name, batch in self.batches.items():
            check_named(f"models.batches.{name}.model", [batch.model], allowed)
        for name, evaluation in self.evaluations.items():
            check_named(f"models.evaluations.{name}", evaluation.asked, allowed)
            if evaluation.knowledge and evaluation.knowledge not in self.knowledge:
                raise InvalidValueError(
                    f"{evaluation.knowledge} is not among models.knowledge",
                    field=f"models.evaluations.{name}.knowledge",
                    hint=nearest(evaluation.knowledge, list(self.knowledge)),
                )
        for name, each in self.knowledge.items():
            check_named(f"models.knowledge.{name}.embedding", [each.embedding], allowed)
            check_named(f"models.knowledge.{name}", each.called, allowed)
        return self

    @model_validator(mode="after")
    def _platform(self) -> Models:
        if self.monitoring and not any(each.data_capture_percent for each in self.endpoints.values()):
            raise InvalidValueError(
                "No endpoint captures data, so there is nothing to monitor",
                field="monitoring",
                hint="Set data_capture_percent of an endpoint, or leave monitoring out",
            )
        if self.hub and not self.catalogued():
            raise InvalidValueError("A hub without models lets its users use none", field="hub", hint="Name models")
        return self

    def catalogued(self) -> list[str]:
        """Every model of the JumpStart catalog that is served, fine-tuned or allowed, sorted."""
        found = set(self.hub.models) if self.hub else set()
        for endpoint in self.endpoints.values():
            served = [endpoint.model, *(each.model for each in endpoint.beside.values())]
            found |= {model for model in (*served, endpoint.shadow.model if endpoint.shadow else None) if model}
        if self.fine_tuning:
            found |= {tuned.model for tuned in self.fine_tuning.pipelines.values()}
        return sorted(found)

    @property
    def governed(self) -> bool:
        """Whether there are on-demand models, or resources that use them."""
        return bool(self.bedrock or self.knowledge)

    @property
    def hosted(self) -> bool:
        """Whether there are models on dedicated capacity, or resources that train or serve them."""
        served = self.endpoints or self.imported or self.provisioned
        return bool(served or self.fine_tuning or self.hub or self.studio)

    @property
    def needs_network(self) -> bool:
        """Whether any resource of the layer runs in the VPC."""
        aurora = any(each.store == "aurora" for each in self.knowledge.values())
        return bool(self.endpoints or self.fine_tuning or self.studio or aurora)

    @property
    def has_functions(self) -> bool:
        """Whether the layer has functions, which security.private_functions would run in the VPC."""
        watched = self.hub or self.monitoring or self.fine_tuning or (self.idle and self.endpoints)
        owned = (
            self.own_weights or self.knowledge or self.imported or self.evaluations or self.batches or self.provisioned
        )
        return bool(watched or owned or (self.bedrock and self.bedrock.invocation_log))

    @property
    def own_weights(self) -> bool:
        """Whether any endpoint serves weights from your bucket, which a function checks."""
        return any(endpoint.weights for endpoint in self.endpoints.values())


def check_named(field: str, models: Sequence[str], allowed: Sequence[str]) -> None:
    """Reject models that may not be invoked.

    :raises InvalidValueError: with the first such model.
    """
    for model in models:
        if model not in allowed:
            raise InvalidValueError(
                f"{model} is not among models.bedrock.models", field=field, hint="Add it there, or choose one that is"
            )
