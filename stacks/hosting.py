"""Layer 2: models on dedicated capacity, and their training."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.foundation import SecureBucket
from settings import Settings
from settings.fine_tuning import FineTuningSettings
from settings.models import Models

from . import training
from .base import LayerStack
from .custom import customized_model, imported_model, model_deployment, provisioned_throughput
from .foundation import FoundationStack
from .models import ModelsStack

if TYPE_CHECKING:
    from aws_genai.models import DriftLimits, Experiments, FineTuning, Guardrail, IdleOptions
    from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint

#: Retention of requests and responses of asynchronous endpoints, in days.
_QUEUED_DAYS = 30


class HostingStack(LayerStack):
    """Endpoints of Amazon SageMaker AI, custom models of Bedrock, fine-tuning, and SageMaker Studio."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        models: Models,
        foundation: FoundationStack,
        governed: ModelsStack | None,
    ) -> None:
        super().__init__(
            scope, "hosting", settings, description="Layer 2: models on dedicated capacity", layer="models"
        )
        key = self.key_of("endpoints, weights, training data, captured data")
        key.allow_logs()
        self._foundation = self.build_on(key, foundation.topic, foundation.network)
        self._governed = governed
        self.experiments: Experiments | None = None
        self.endpoints = self._endpoints(models)
        self.tuned = self._fine_tuning(models.fine_tuning) if models.fine_tuning else []
        built_on = self._foundation
        self.imported = {
            name: imported_model(self, built_on, self._guardrail, name, each) for name, each in models.imported.items()
        }
        self.provisioned = {
            name: provisioned_throughput(self, built_on, self._guardrail, name, each)
            for name, each in models.provisioned.items()
        }
        hub = training.model_hub(self, built_on, models)
        if models.monitoring:
            self._monitoring(models, models.monitoring)
        training.studio(
            self,
            built_on,
            models,
            hub=hub,
            experiments=self.experiments,
            tuned=self.tuned,
            endpoints=self.endpoints,
        )
        if models.idle and models.endpoints:
            self._sweeper(models.idle)

    @property
    def _guardrail(self) -> Guardrail:
        """The guardrail for invocations of custom models. The settings require one."""
        if self._governed is None or self._governed.access is None:
            raise ValueError("custom models are called through a guardrail, and there is none")
        return self._governed.access.guardrail

    def _endpoints(self, models: Models) -> list[HostedEndpoint]:
        if not models.endpoints:
            return []
        # Imported on use, because SageMaker is a large module of the CDK.
        from aws_genai.models import JumpStartEndpoint, ModelEndpoint

        return [
            (ModelEndpoint if options.weights else JumpStartEndpoint)(
                self,
                name,
                foundation=self._foundation,
                endpoint_name=f"{self.settings.prefix}-{name}",
                options=options,
                captured=self._captured if options.data_capture_percent else None,
                queued=self._queued if options.asynchronous else None,
            )
            for name, options in models.endpoints.items()
        ]

    def _fine_tuning(self, tuning: FineTuningSettings) -> list[FineTuning]:
        foundation = self._foundation
        data_sets = training.signed_data_sets(self, foundation, tuning)
        access = self._governed.access if self._governed else None
        for name, each in tuning.customized.items():
            customized_model(self, foundation, access.guardrail if access else None, data_sets, name, each)
            if each.deployed:
                model_deployment(self, foundation, self._guardrail, name, each.deployed, each.key_arn)
        self.experiments = training.experiments(self, foundation)
        return training.pipelines(self, foundation, tuning, data_sets, self.experiments)

    def _monitoring(self, models: Models, limits: DriftLimits) -> None:
        from aws_genai.models import ModelMonitoring

        prefix = self.settings.prefix
        ModelMonitoring(
            self,
            "Monitoring",
            foundation=self._foundation,
            endpoints=[f"{prefix}-{name}" for name, each in models.endpoints.items() if each.data_capture_percent],
            captured=self._captured,
            limits=limits,
        )

    @cached_property
    def _captured(self) -> SecureBucket:
        """The bucket of captured requests and responses of endpoints."""
        days = self.settings.security.record_days
        return SecureBucket(self, "Captured", foundation=self._foundation, retention_days=days)

    @cached_property
    def _queued(self) -> SecureBucket:
        """The bucket of requests to asynchronous endpoints, and of their responses."""
        return SecureBucket(self, "Queued", foundation=self._foundation, retention_days=_QUEUED_DAYS)

    def _sweeper(self, idle: IdleOptions) -> None:
        from aws_genai.models import IdleSweeper

        settings = self.settings
        IdleSweeper(
            self,
            "Idle",
            foundation=self._foundation,
            prefix=f"{settings.prefix}-",
            owner={"project": settings.project, "environment": settings.environment},
            options=idle,
        )
