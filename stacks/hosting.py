"""Layer 2: models that run on capacity of their own, and how they are trained."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from constructs import Construct

from aws_genai.foundation import SecureBucket
from settings import Settings
from settings.fine_tuning import FineTuningSettings
from settings.models import Models

from .base import LayerStack
from .custom import customized_model, imported_model, model_deployment, provisioned_throughput
from .foundation import FoundationStack
from .models import ModelsStack

if TYPE_CHECKING:
    from aws_genai.models import Experiments, FineTuning, Guardrail, IdleOptions, ModelHub, Studio
    from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint

#: Number of days that requests and responses of asynchronous endpoints are kept.
_QUEUED_DAYS = 30


class HostingStack(LayerStack):
    """Endpoints of Amazon SageMaker AI, custom models of Bedrock, fine-tuning, and the places where people work."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        models: Models,
        foundation: FoundationStack,
        governed: ModelsStack | None,
    ) -> None:
        super().__init__(
            scope, "hosting", settings, description="Layer 2: models on capacity of their own", layer="models"
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
        self._platform(models)
        if models.idle and models.endpoints:
            self._sweeper(models.idle)

    @property
    def _guardrail(self) -> Guardrail:
        """The guardrail that custom models are called through; the settings make sure that there is one."""
        if self._governed is None or self._governed.access is None:
            raise ValueError("custom models are called through a guardrail, and there is none")
        return self._governed.access.guardrail

    def _endpoints(self, models: Models) -> list[HostedEndpoint]:
        if not models.endpoints:
            return []
        # Imported as needed: SageMaker is a large module of the CDK.
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
        # Imported as needed: SageMaker is a large module of the CDK.
        from aws_genai.models import Experiments, FineTuning, SignedDataSets

        foundation = self._foundation
        data_sets = SignedDataSets(self, "DataSets", foundation=foundation, approver_role_arns=tuning.approver_roles)
        access = self._governed.access if self._governed else None
        for name, each in tuning.customized.items():
            customized_model(self, foundation, access.guardrail if access else None, data_sets, name, each)
            if each.deployed:
                model_deployment(self, foundation, self._guardrail, name, each.deployed, each.key_arn)
        self.experiments = experiments = Experiments(
            self, "Experiments", foundation=foundation, name=self.settings.prefix
        )
        return [
            FineTuning(
                self,
                f"{name}-tuning",
                foundation=foundation,
                name=name,
                endpoint_name=f"{self.settings.prefix}-{name}",
                model_id=tuned.model,
                accept_eula=tuned.accept_eula,
                data_sets=data_sets,
                method=tuned.method,
                hyperparameters=tuned.hyperparameters,
                instance_type=tuned.instance_type,
                max_hours=tuned.max_hours,
                spot=tuned.spot,
                thresholds={str(metric): least for metric, least in tuned.thresholds.items()},
                refuse_personal_data=tuned.refuse_personal_data,
                most_duplicates_percent=tuned.most_duplicates_percent,
                serving_type=tuned.endpoint.instance_type,
                instances=tuned.endpoint.instances,
                latency_ms=tuned.endpoint.latency_ms,
                idle_hours=tuned.endpoint.idle_hours,
                experiments=experiments,
            )
            for name, tuned in tuning.pipelines.items()
        ]

    def _platform(self, models: Models) -> None:
        """What people work with: the hub, the studio, and the watch over traffic."""
        if not (models.hub or models.studio or models.monitoring):
            return
        from aws_genai.models import DriftLimits, ModelHub, ModelMonitoring, Studio

        prefix = self.settings.prefix
        hub = None
        if models.hub:
            hub = ModelHub(self, "Hub", foundation=self._foundation, name=prefix, models=models.catalogued())
        if models.monitoring:
            ModelMonitoring(
                self,
                "Monitoring",
                foundation=self._foundation,
                endpoints=[f"{prefix}-{name}" for name, each in models.endpoints.items() if each.data_capture_percent],
                captured=self._captured,
                limits=DriftLimits(**models.monitoring.model_dump()),
            )
        if models.studio:
            studio = Studio(
                self,
                "Studio",
                foundation=self._foundation,
                name=prefix,
                people=models.studio.people,
                idle_minutes=models.studio.idle_minutes,
                instance_types=models.studio.instance_types,
                sign_on=models.studio.sign_on,
            )
            self._equip(studio, hub)

    def _equip(self, studio: Studio, hub: ModelHub | None) -> None:
        """Give each persona what it works with."""
        for persona, role in studio.roles.items():
            if hub:
                hub.grant_use(role)
            if self.experiments and persona != "approver":
                self.experiments.grant_use(role)
                self.experiments.grant_open(role)
        for tuned in self.tuned:
            tuned.grant_train(studio.roles["data-scientist"])
            tuned.grant_approve(studio.roles["approver"])
            tuned.endpoint.grant_invoke(studio.roles["ml-engineer"])
        for endpoint in self.endpoints:
            endpoint.grant_describe(studio.roles["ml-engineer"])
            endpoint.grant_invoke(studio.roles["ml-engineer"])

    @cached_property
    def _captured(self) -> SecureBucket:
        """Requests and responses that endpoints capture."""
        days = self.settings.security.record_days
        return SecureBucket(self, "Captured", foundation=self._foundation, retention_days=days)

    @cached_property
    def _queued(self) -> SecureBucket:
        """Requests to asynchronous endpoints, and their responses."""
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
