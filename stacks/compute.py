"""Layer 1: accelerated compute."""

from __future__ import annotations

from constructs import Construct

from aws_genai.compute import (
    AcceleratorFleet,
    LustreFileSystem,
    Schedule,
    TrainingStorage,
    WeightsBucket,
    WorkQueue,
)
from aws_genai.security import DataKey
from settings import Settings
from settings.compute import Compute

from .base import LayerStack
from .foundation import FoundationStack


class ComputeStack(LayerStack):
    """A weights bucket under its own key, and fleets that read from it."""

    def __init__(self, scope: Construct, settings: Settings, compute: Compute, foundation: FoundationStack) -> None:
        super().__init__(scope, "compute", settings, description="Layer 1: accelerated compute")
        if foundation.network is None:
            raise ValueError("fleets run in a network, and the foundation has none")
        key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: weights and volumes",
            alias=f"{settings.prefix}/compute",
            removal_policy=self.removal_policy,
        )
        key.allow_logs()
        weights = WeightsBucket(
            self,
            "Weights",
            key=key,
            access_logs=self.access_logs,
            topic=foundation.topic,
            publisher_role_arn=compute.weights.publisher_role,
            break_glass_role_arn=compute.weights.break_glass_role,
            replica=settings.security.replicas,
            removal_policy=self.removal_policy,
        )
        files = None
        if compute.storage:
            storage = TrainingStorage(
                self,
                "Training",
                key=key,
                access_logs=self.access_logs,
                lock_days=compute.storage.lock_days,
                checkpoint_days=compute.storage.checkpoint_days,
                replica=settings.security.replicas,
                removal_policy=self.removal_policy,
            )
            if compute.storage.file_system:
                files = LustreFileSystem(
                    self,
                    "Files",
                    network=foundation.network,
                    key=key,
                    data_sets=storage.data_sets,
                    checkpoints=storage.checkpoints,
                    removal_policy=self.removal_policy,
                    **compute.storage.file_system.model_dump(),
                )
        self.fleets = [
            AcceleratorFleet(
                self,
                name,
                instance_type=types[0],
                alternatives=types[1:],
                capacity=fleet.capacity.purchase(),
                max_instances=fleet.max_instances,
                cluster=fleet.cluster,
                efa=fleet.efa,
                queue=WorkQueue(self, f"{name}-work", key=key) if fleet.work_queue else None,
                messages_per_instance=fleet.messages_per_instance,
                schedules=[Schedule(**schedule.model_dump()) for schedule in fleet.schedules],
                idle_minutes=fleet.idle_minutes,
                idle_to_zero=fleet.idle_to_zero,
                root_volume_gib=fleet.root_volume_gib,
                files=files if fleet.file_system else None,
                network=foundation.network,
                key=key,
                topic=foundation.topic,
                weights=weights,
                log_days=settings.security.log_days,
                removal_policy=self.removal_policy,
            )
            for name, fleet in compute.fleets.items()
            for types in [[each.instance_type for each in fleet.types(settings.region)]]
        ]
