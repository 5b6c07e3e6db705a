"""Layer 2: models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.models import DeniedTopic, Guardrail, GuardrailPolicy, ModelAccess
from aws_genai.models.guardrail import STRICT_PII
from aws_genai.security import DataKey, SecureBucket
from settings import Settings
from settings.models import Bedrock, GuardrailSettings, Idle, Models

from .base import LayerStack
from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.models import JumpStartEndpoint


class ModelsStack(LayerStack):
    """The guardrail, the models that may be called through it, and the endpoints of open-weight models."""

    def __init__(self, scope: Construct, settings: Settings, models: Models, foundation: FoundationStack) -> None:
        super().__init__(scope, "models", settings, description="Layer 2: governed and hosted models")
        self._foundation = foundation
        self._key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: guardrail, endpoints, captured data",
            alias=f"{settings.prefix}/models",
            removal_policy=self.removal_policy,
        )
        if models.idle:
            self._key.allow_logs()
        self.access = self._bedrock(models.bedrock) if models.bedrock else None
        self.endpoints = self._endpoints(models)
        if models.idle and models.endpoints:
            self._sweeper(models.idle)

    def _bedrock(self, bedrock: Bedrock) -> ModelAccess:
        guardrail = Guardrail(
            self, "Guardrail", name=self.settings.prefix, key=self._key, policy=policy(bedrock.guardrail)
        )
        return ModelAccess(self, "Access", models=bedrock.models, guardrail=guardrail, regions=bedrock.regions)

    def _endpoints(self, models: Models) -> list[JumpStartEndpoint]:
        if not models.endpoints:
            return []
        # Imported as needed: SageMaker is a large module of the CDK.
        from aws_genai.models import DataCapture, JumpStartEndpoint, WarmHours

        if self._foundation.network is None:
            raise ValueError("endpoints run in a network, and the foundation has none")
        security = self.settings.security
        captured: SecureBucket | None = None
        if any(endpoint.data_capture_percent for endpoint in models.endpoints.values()):
            captured = SecureBucket(
                self,
                "Captured",
                key=self._key,
                access_logs=self.access_logs,
                retention_days=security.record_days,
                replica=security.replicas,
                removal_policy=self.removal_policy,
            )
        return [
            JumpStartEndpoint(
                self,
                name,
                model_id=endpoint.model,
                endpoint_name=f"{self.settings.prefix}-{name}",
                instance_type=endpoint.instance_type,
                accept_eula=endpoint.accept_eula,
                min_instances=endpoint.min_instances,
                max_instances=endpoint.max_instances,
                invocations_per_instance=endpoint.invocations_per_instance,
                latency_ms=endpoint.latency_ms,
                idle_hours=endpoint.idle_hours,
                scale_to_zero=endpoint.scale_to_zero,
                warm=WarmHours(**endpoint.warm.model_dump()) if endpoint.warm else None,
                network=self._foundation.network,
                key=self._key,
                topic=self._foundation.topic,
                data_capture=DataCapture(bucket=captured, sampling_percent=endpoint.data_capture_percent)
                if captured and endpoint.data_capture_percent
                else None,
            )
            for name, endpoint in models.endpoints.items()
        ]

    def _sweeper(self, idle: Idle) -> None:
        from aws_genai.models import IdleSweeper, WorkingHours

        settings = self.settings
        hours = WorkingHours(**idle.working_hours.model_dump()) if idle.working_hours else None
        IdleSweeper(
            self,
            "Idle",
            prefix=f"{settings.prefix}-",
            owner={"project": settings.project, "environment": settings.environment},
            key=self._key,
            topic=self._foundation.topic,
            idle_hours=idle.hours,
            notice_hours=idle.notice_hours,
            working_hours=hours,
            dry_run=idle.dry_run,
            network=self._foundation.network if settings.security.private_functions else None,
            log_days=settings.security.log_days,
            removal_policy=self.removal_policy,
        )


def policy(guardrail: GuardrailSettings) -> GuardrailPolicy:
    """The guardrail's policy as the settings describe it."""
    return GuardrailPolicy(
        filter_strength=guardrail.filter_strength,
        prompt_attack_strength=guardrail.prompt_attack_strength,
        denied_topics=[
            DeniedTopic(name, topic.definition, tuple(topic.examples))
            for name, topic in guardrail.denied_topics.items()
        ],
        denied_words=guardrail.denied_words,
        profanity=guardrail.profanity,
        pii=STRICT_PII if guardrail.pii is None else guardrail.pii,
        grounding_threshold=guardrail.grounding_threshold,
        relevance_threshold=guardrail.relevance_threshold,
    )
