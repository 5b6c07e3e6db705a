"""Layer 2: models."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from constructs import Construct

from aws_genai.foundation import DataKey, SecureBucket
from settings import Settings
from settings.endpoints import Endpoint
from settings.fine_tuning import FineTuningSettings
from settings.models import Idle, Models

from .base import LayerStack
from .bedrock import BedrockModels
from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.foundation import PrivateNetwork
    from aws_genai.models import EndpointOptions, Experiments, FineTuning, ModelHub, Studio
    from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint

#: Days that requests and answers of asynchronous endpoints are kept.
_QUEUED_DAYS = 30


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
        if models.has_functions or models.idle:
            self._key.allow_logs()
        self.experiments: Experiments | None = None
        #: What is paid by the token.
        self.bedrock = BedrockModels(self, foundation, self._key)
        self.bedrock.make(models)
        self.endpoints = self._endpoints(models)
        self.tuned = self._fine_tuning(models.fine_tuning) if models.fine_tuning else []
        self.bedrock.give(models.provisioned)
        self._platform(models)
        if models.idle and models.endpoints:
            self._sweeper(models.idle)

    def _endpoints(self, models: Models) -> list[HostedEndpoint]:
        if not models.endpoints:
            return []
        # Imported as needed: SageMaker is a large module of the CDK.
        from aws_genai.models import JumpStartEndpoint, ModelEndpoint

        private = self._foundation.private
        made: list[HostedEndpoint] = []
        for name, endpoint in models.endpoints.items():
            options = self._options(name, endpoint)
            if own := endpoint.weights:
                made.append(
                    ModelEndpoint(
                        self,
                        name,
                        weights=own.weights(),
                        instance_type=endpoint.instance_type or "",
                        server=own.server,
                        context=own.context,
                        environment=own.environment,
                        functions_network=private,
                        log_days=self.settings.security.log_days,
                        removal_policy=self.removal_policy,
                        **options,
                    )
                )
            else:
                made.append(
                    JumpStartEndpoint(
                        self,
                        name,
                        model_id=endpoint.model or "",
                        instance_type=endpoint.instance_type,
                        accept_eula=endpoint.accept_eula,
                        beside=endpoint.others(),
                        shadow=endpoint.copied(),
                        **options,
                    )
                )
        return made

    def _fine_tuning(self, tuning: FineTuningSettings) -> list[FineTuning]:
        # Imported as needed: SageMaker is a large module of the CDK.
        from aws_genai.models import Experiments, FineTuning, SignedDataSets

        network, security = self._network, self.settings.security
        private = self._foundation.private
        stored: dict[str, Any] = {"replica": security.replicas, "access_logs": self.access_logs}
        common: dict[str, Any] = {"key": self._key, "removal_policy": self.removal_policy}
        data_sets = SignedDataSets(
            self,
            "DataSets",
            approver_role_arns=tuning.approver_roles,
            topic=self._foundation.topic,
            network=private,
            log_days=security.log_days,
            **stored,
            **common,
        )
        self.bedrock.customize(tuning.customized, data_sets)
        self.experiments = experiments = Experiments(
            self, "Experiments", name=self.settings.prefix, topic=self._foundation.topic, **stored, **common
        )
        return [
            FineTuning(
                self,
                f"{name}-tuning",
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
                network=network,
                topic=self._foundation.topic,
                tags=self.cost_tags,
                functions_network=private,
                log_days=security.log_days,
                **common,
            )
            for name, tuned in tuning.pipelines.items()
        ]

    def _platform(self, models: Models) -> None:
        """What people work with: the hub, the studio, and the watch over traffic."""
        if not (models.hub or models.studio or models.monitoring):
            return
        from aws_genai.models import DriftLimits, ModelHub, ModelMonitoring, Studio

        topic, security = self._foundation.topic, self.settings.security
        private = self._foundation.private
        common: dict[str, Any] = {"key": self._key, "topic": topic, "network": private, "log_days": security.log_days}
        common["removal_policy"] = self.removal_policy
        hub = (
            ModelHub(self, "Hub", name=self.settings.prefix, models=models.catalogued(), **common)
            if models.hub
            else None
        )
        if models.monitoring:
            ModelMonitoring(
                self,
                "Monitoring",
                endpoints=[
                    f"{self.settings.prefix}-{name}"
                    for name, endpoint in models.endpoints.items()
                    if endpoint.data_capture_percent
                ],
                captured=self._captured,
                limits=DriftLimits(**models.monitoring.model_dump()),
                **common,
            )
        if models.studio:
            studio = Studio(
                self,
                "Studio",
                name=self.settings.prefix,
                network=self._network,
                key=self._key,
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

    @property
    def _network(self) -> PrivateNetwork:
        if self._foundation.network is None:
            raise ValueError("endpoints and jobs run in a network, and the foundation has none")
        return self._foundation.network

    def _options(self, name: str, endpoint: Endpoint) -> EndpointOptions:
        from aws_genai.models import AsyncInference, DataCapture, WarmHours

        percent, queued = endpoint.data_capture_percent, endpoint.asynchronous
        return {
            "endpoint_name": f"{self.settings.prefix}-{name}",
            "min_instances": endpoint.min_instances,
            "max_instances": endpoint.max_instances,
            "invocations_per_instance": endpoint.invocations_per_instance,
            "latency_ms": endpoint.latency_ms,
            "idle_hours": endpoint.idle_hours,
            "scale_to_zero": endpoint.scale_to_zero,
            "warm": WarmHours(**endpoint.warm.model_dump()) if endpoint.warm else None,
            "retain_capacity": endpoint.retain_capacity,
            "traffic": endpoint.traffic.shift() if endpoint.traffic else None,
            "asynchronous": AsyncInference(bucket=self._queued, **queued.model_dump()) if queued else None,
            "data_capture": DataCapture(bucket=self._captured, sampling_percent=percent) if percent else None,
            "network": self._network,
            "key": self._key,
            "topic": self._foundation.topic,
        }

    @cached_property
    def _captured(self) -> SecureBucket:
        """Calls that endpoints record."""
        return self.bucket("Captured", self._key, self._foundation.topic, self.settings.security.record_days)

    @cached_property
    def _queued(self) -> SecureBucket:
        """Requests that wait for asynchronous endpoints, and their answers."""
        return self.bucket("Queued", self._key, self._foundation.topic, _QUEUED_DAYS)

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
            network=self._foundation.private,
            log_days=settings.security.log_days,
            removal_policy=self.removal_policy,
        )
