"""What layer 2 has of Amazon Bedrock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_genai.foundation import DataKey, SecureBucket
from aws_genai.models import EnforcedGuardrail, Guardrail, InvocationLogging, ModelAccess
from settings.batch import Batch
from settings.bedrock import Bedrock, InvocationLog
from settings.customized import Customized, Provisioned
from settings.evaluation import EvaluationSettings
from settings.imported import Imported
from settings.models import Models
from settings.prompts import FlowSettings, PromptSettings, RouterSettings

from .base import LayerStack
from .foundation import FoundationStack
from .knowledge import knowledge_base

if TYPE_CHECKING:
    from aws_genai.models import (
        ApplicationProfiles,
        BatchInference,
        CustomizedModel,
        Evaluation,
        ImportedModel,
        KnowledgeBase,
        ModelDeployment,
        Prompt,
        PromptFlow,
        PromptRouter,
        ProvisionedThroughput,
        SignedDataSets,
    )


class BedrockModels:
    """The guardrail, the models that may be called through it, and what is built on them."""

    def __init__(self, stack: LayerStack, foundation: FoundationStack, key: DataKey) -> None:
        self._stack, self._foundation, self._key = stack, foundation, key
        self._settings = stack.settings
        self.access: ModelAccess | None = None
        self.knowledge: dict[str, KnowledgeBase] = {}
        self.imported: dict[str, ImportedModel] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.batches: dict[str, BatchInference] = {}
        self.prompts: dict[str, Prompt] = {}
        self.flows: dict[str, PromptFlow] = {}
        self.routers: dict[str, PromptRouter] = {}
        self.customized: dict[str, CustomizedModel] = {}
        self.deployed: dict[str, ModelDeployment] = {}
        self.provisioned: dict[str, ProvisionedThroughput] = {}

    def make(self, models: Models) -> None:
        """Make all that the settings ask for."""
        self.access = self._bedrock(models.bedrock) if models.bedrock else None
        self.knowledge = {
            name: knowledge_base(self._stack, self._foundation, self._key, self.access, name, each)
            for name, each in models.knowledge.items()
        }
        self.imported = {name: self._imported(name, each) for name, each in models.imported.items()}
        self.prompts = {name: self._prompt(name, each) for name, each in models.prompts.items()}
        self.flows = {name: self._flow(name, each) for name, each in models.flows.items()}
        self.routers = {name: self._router(name, each) for name, each in models.routers.items()}
        self.batches = {name: self._batch(name, each) for name, each in models.batches.items()}
        self.evaluations = {name: self._evaluation(name, each) for name, each in models.evaluations.items()}

    def customize(self, customized: Mapping[str, Customized], data_sets: SignedDataSets) -> None:
        """Make what models of Bedrock learn by, and deploy what was chosen of what they became."""
        for name, each in customized.items():
            self.customized[name] = self._customized(name, each, data_sets)
            if each.deployed:
                self.deployed[name] = self._deployed(name, each.deployed, each.key_arn)

    def give(self, provisioned: Mapping[str, Provisioned]) -> None:
        """Provision the throughput that is paid by the hour."""
        from aws_genai.models import ProvisionedThroughput

        for name, each in provisioned.items():
            self.provisioned[name] = ProvisionedThroughput(
                self._stack,
                f"{name}-throughput",
                name=f"{self._settings.prefix}-{name}",
                model_arn=each.model,
                model_key_arn=each.key_arn,
                units=each.units,
                usd_per_hour=each.usd_per_hour,
                commitment=each.commitment,
                guardrail=self._through.guardrail,
                tags=self._stack.cost_tags,
                **self._served,
            )

    def _bedrock(self, bedrock: Bedrock) -> ModelAccess:
        rules, key = bedrock.guardrail, self._key
        if bedrock.enforce:
            # Everybody in the account may use it through Bedrock, so nothing else is encrypted under it.
            key = DataKey(
                self._stack,
                "GuardrailKey",
                description=f"{self._settings.prefix}: enforced guardrail",
                removal_policy=self._stack.removal_policy,
            )
        guardrail = Guardrail(
            self._stack,
            "Guardrail",
            name=self._settings.prefix,
            key=key,
            policy=rules.policy(),
            pinned=rules.version,
        )
        if bedrock.enforce:
            EnforcedGuardrail(self._stack, "Everywhere", guardrail=guardrail, excluded=bedrock.enforce.excluded)
        if bedrock.invocation_log:
            self._log_calls(bedrock.invocation_log)
        return ModelAccess(
            self._stack,
            "Access",
            models=bedrock.models,
            guardrail=guardrail,
            regions=bedrock.regions,
            providers=bedrock.providers,
            uses=bedrock.uses,
        )

    def _bodies(self) -> SecureBucket:
        """A bucket of calls that are recorded whole."""
        days = self._settings.security.record_days
        return self._stack.bucket("CallBodies", self._key, self._foundation.topic, days)

    def _log_calls(self, log: InvocationLog) -> None:
        InvocationLogging(
            self._stack,
            "Calls",
            bucket=None if log.mask else self._bodies(),
            **self._served,
            **log.model_dump(),
        )

    def _imported(self, name: str, imported: Imported) -> ImportedModel:
        from aws_genai.models import ImportedModel

        return ImportedModel(
            self._stack,
            f"{name}-imported",
            name=f"{self._settings.prefix}-{name}",
            weights=imported.weights(),
            guardrail=self._through.guardrail,
            version=imported.version,
            **self._served,
        )

    def _evaluation(self, name: str, evaluation: EvaluationSettings) -> Evaluation:
        from aws_genai.models import Evaluation, Inference

        whole = f"{self._settings.prefix}-{name}"
        return Evaluation(
            self._stack,
            f"{name}-evaluation",
            name=whole,
            models=evaluation.models,
            access=self._through,
            profiles=self._profiles(f"{name}-evaluated", f"{whole}-evaluation", evaluation.models),
            judge=evaluation.judge.whole() if evaluation.judge else None,
            thresholds=evaluation.thresholds,
            knowledge=self.knowledge[evaluation.knowledge] if evaluation.knowledge else None,
            groups=evaluation.groups,
            inference=Inference(
                max_tokens=evaluation.max_tokens,
                temperature=evaluation.temperature,
                system_prompt=evaluation.system_prompt,
            ),
            schedule=evaluation.schedule,
            time_zone=evaluation.time_zone,
            retention_days=self._settings.security.record_days,
            **self._stored,
            **self._served,
        )

    def _batch(self, name: str, batch: Batch) -> BatchInference:
        from aws_genai.models import BatchInference, Inference

        whole = f"{self._settings.prefix}-{name}"
        return BatchInference(
            self._stack,
            f"{name}-batch",
            name=whole,
            model=batch.model,
            access=self._through,
            profiles=self._profiles(f"{name}-batched", f"{whole}-batch", [batch.model]),
            most_failed_percent=batch.most_failed_percent,
            inference=Inference(
                max_tokens=batch.max_tokens, temperature=batch.temperature, system_prompt=batch.system_prompt
            ),
            retention_days=self._settings.security.record_days,
            **self._stored,
            **self._served,
        )

    def _profiles(self, id: str, name: str, models: list[str]) -> ApplicationProfiles | None:
        """Names under which one use of models is paid for, if the settings want such."""
        from aws_genai.models import ApplicationProfiles

        bedrock = self._settings.models.bedrock if self._settings.models else None
        if self.access is None or bedrock is None or not bedrock.application_profiles:
            return None
        return ApplicationProfiles(self._stack, id, name=name, access=self.access, models=models)

    def _prompt(self, name: str, prompt: PromptSettings) -> Prompt:
        from aws_genai.models import Inference, Prompt

        return Prompt(
            self._stack,
            f"{name}-prompt",
            name=f"{self._settings.prefix}-{name}",
            text=prompt.text,
            model=prompt.model,
            access=self._through,
            key=self._key,
            inference=Inference(max_tokens=prompt.max_tokens, temperature=prompt.temperature),
            keep_versions=prompt.keep_versions,
        )

    def _flow(self, name: str, flow: FlowSettings) -> PromptFlow:
        from aws_genai.models import PromptFlow

        return PromptFlow(
            self._stack,
            f"{name}-flow",
            name=f"{self._settings.prefix}-{name}",
            prompts=self.prompts,
            steps=flow.whole(),
            guardrail=self._through.guardrail,
            key=self._key,
            keep_versions=flow.keep_versions,
        )

    def _router(self, name: str, router: RouterSettings) -> PromptRouter:
        from aws_genai.models import PromptRouter

        return PromptRouter(
            self._stack,
            f"{name}-router",
            name=f"{self._settings.prefix}-{name}",
            models=router.models,
            access=self._through,
            quality_difference=router.quality_difference,
        )

    def _customized(self, name: str, customized: Customized, data_sets: SignedDataSets) -> CustomizedModel:
        from aws_genai.models import CustomizedModel

        return CustomizedModel(
            self._stack,
            f"{name}-customized",
            name=f"{self._settings.prefix}-{name}",
            data_set=customized.data_set or name,
            base=customized.base,
            kind=customized.kind,
            teacher=customized.teacher,
            guardrail=self.access.guardrail if self.access else None,
            hyperparameters=customized.hyperparameters,
            refuse_personal_data=customized.refuse_personal_data,
            most_duplicates_percent=customized.most_duplicates_percent,
            data_sets=data_sets,
            tags=self._stack.cost_tags,
            **self._stored,
            **self._served,
        )

    def _deployed(self, name: str, model_arn: str, key_arn: str | None) -> ModelDeployment:
        from aws_genai.models import ModelDeployment

        return ModelDeployment(
            self._stack,
            f"{name}-deployed",
            name=f"{self._settings.prefix}-{name}",
            model_arn=model_arn,
            model_key_arn=key_arn,
            guardrail=self._through.guardrail,
            tags=self._stack.cost_tags,
            **self._served,
        )

    @property
    def _served(self) -> dict[str, Any]:
        """What every construct with a function takes."""
        return {
            "key": self._key,
            "topic": self._foundation.topic,
            "network": self._foundation.private,
            "log_days": self._settings.security.log_days,
            "removal_policy": self._stack.removal_policy,
        }

    @property
    def _stored(self) -> dict[str, Any]:
        """What every construct with a bucket takes beside."""
        return {"access_logs": self._stack.access_logs, "replica": self._settings.security.replicas}

    @property
    def _through(self) -> ModelAccess:
        """What everything that calls models calls them through; the settings make sure of it."""
        if self.access is None:
            raise ValueError("models are called through a guardrail, and there is none")
        return self.access
