"""Layer 1: accelerated compute."""

from __future__ import annotations

from constructs import Construct

from aws_genai.compute import (
    AcceleratorFleet,
    EnvelopeKey,
    LustreFileSystem,
    Schedule,
    TrainingCluster,
    TrainingQueue,
    TrainingStorage,
    WeightsBucket,
    WorkQueue,
)
from aws_genai.foundation import AccessAttempts, DataKey, SecureBucket
from settings import Settings
from settings.compute import Compute, Storage, registers

from .base import LayerStack
from .foundation import FoundationStack


class ComputeStack(LayerStack):
    """Weights, data sets and checkpoints under one key, and the fleets, queues and clusters that use them."""

    def __init__(self, scope: Construct, settings: Settings, compute: Compute, foundation: FoundationStack) -> None:
        super().__init__(scope, "compute", settings, description="Layer 1: accelerated compute")
        if foundation.network is None:
            raise ValueError("accelerated compute runs in a network, and the foundation has none")
        self._network, self._topic = foundation.network, foundation.topic
        self._functions_network = foundation.private
        self._key = DataKey(
            self,
            "Key",
            description=f"{settings.prefix}: weights and volumes",
            alias=f"{settings.prefix}/compute",
            removal_policy=self.removal_policy,
        )
        self._key.allow_logs()
        self.weights = WeightsBucket(
            self,
            "Weights",
            key=self._key,
            access_logs=self.access_logs,
            topic=self._topic,
            publisher_role_arn=compute.weights.publisher_role,
            break_glass_role_arn=compute.weights.break_glass_role,
            network=self._network,
            replica=settings.security.replicas,
            removal_policy=self.removal_policy,
        )
        self.storage = self._storage(compute.storage) if compute.storage else None
        self._files = self._file_system(compute.storage, self.storage) if compute.storage and self.storage else None
        self.fleets = self._fleets(compute)
        if self.storage is not None:
            self.queues = self._queues(compute, self.storage)
            self.clusters = self._clusters(compute, self.storage)
        if settings.security.audit_trail:
            kept = [self.weights.bucket]
            if self.storage is not None:
                kept += [self.storage.data_sets, self.storage.checkpoints]
            AccessAttempts(
                self, "Attempts", key=self._key, topic=self._topic, buckets=[each.bucket_name for each in kept]
            )

    def _storage(self, storage: Storage) -> TrainingStorage:
        return TrainingStorage(
            self,
            "Training",
            key=self._key,
            access_logs=self.access_logs,
            lock_days=storage.lock_days,
            checkpoint_days=storage.checkpoint_days,
            network=self._network,
            replica=self.settings.security.replicas,
            topic=self._topic,
            removal_policy=self.removal_policy,
        )

    def _file_system(self, storage: Storage, kept: TrainingStorage) -> LustreFileSystem | None:
        if storage.file_system is None:
            return None
        return LustreFileSystem(
            self,
            "Files",
            network=self._network,
            key=self._key,
            data_sets=kept.data_sets,
            checkpoints=kept.checkpoints,
            removal_policy=self.removal_policy,
            **storage.file_system.model_dump(),
        )

    def _fleets(self, compute: Compute) -> list[AcceleratorFleet]:
        weights = compute.weights
        envelope = None
        if weights.attestation:
            envelope = EnvelopeKey(
                self,
                "Envelope",
                measurements=registers(weights.attestation),
                publisher_role_arn=weights.publisher_role,
                removal_policy=self.removal_policy,
            )
        return [
            AcceleratorFleet(
                self,
                name,
                instance_type=types[0],
                alternatives=types[1:],
                capacity=fleet.capacity.purchase(),
                max_instances=fleet.max_instances,
                cluster=fleet.cluster,
                efa=fleet.efa,
                queue=WorkQueue(self, f"{name}-work", key=self._key, topic=self._topic) if fleet.work_queue else None,
                messages_per_instance=fleet.messages_per_instance,
                schedules=[Schedule(**schedule.model_dump()) for schedule in fleet.schedules],
                idle_minutes=fleet.idle_minutes,
                idle_to_zero=fleet.idle_to_zero,
                root_volume_gib=fleet.root_volume_gib,
                image_id=fleet.image,
                envelope=envelope if fleet.attested else None,
                files=self._files if fleet.file_system else None,
                network=self._network,
                key=self._key,
                topic=self._topic,
                weights=self.weights,
                log_days=self.settings.security.log_days,
                removal_policy=self.removal_policy,
            )
            for name, fleet in compute.fleets.items()
            for types in [[each.instance_type for each in fleet.types(self.settings.region)]]
        ]

    def _queues(self, compute: Compute, storage: TrainingStorage) -> list[TrainingQueue]:
        return [
            TrainingQueue(
                self,
                name,
                queue_name=f"{self.settings.prefix}-{name}",
                instance_type=queue.instance_type,
                alternatives=queue.alternatives,
                image=queue.image,
                capacity=queue.capacity.purchase(),
                max_instances=queue.max_instances,
                nodes=queue.nodes,
                efa=queue.efa,
                command=queue.command,
                data_sets=queue.data_sets or None,
                shares=queue.shares,
                attempts=queue.attempts,
                timeout_hours=queue.timeout_hours,
                idle_minutes=queue.idle_minutes,
                root_volume_gib=queue.root_volume_gib,
                storage=storage,
                files=self._files if queue.file_system else None,
                network=self._network,
                key=self._key,
                topic=self._topic,
                log_days=self.settings.security.log_days,
                removal_policy=self.removal_policy,
            )
            for name, queue in compute.queues.items()
        ]

    def _clusters(self, compute: Compute, storage: TrainingStorage) -> list[TrainingCluster]:
        if not compute.clusters:
            return []
        security = self.settings.security
        scripts = SecureBucket(
            self,
            "Scripts",
            key=self._key,
            access_logs=self.access_logs,
            replica=security.replicas,
            topic=self._topic,
            removal_policy=self.removal_policy,
        )
        return [
            TrainingCluster(
                self,
                name,
                cluster_name=f"{self.settings.prefix}-{name}",
                groups=cluster.machines(),
                orchestrator=cluster.orchestrator(),
                lifecycle=cluster.files(""),
                jobs=cluster.files("jobs"),
                data_sets=cluster.data_sets or None,
                teams=cluster.shares(),
                storage=storage,
                scripts=scripts,
                files=self._files if cluster.file_system else None,
                network=self._network,
                key=self._key,
                topic=self._topic,
                functions_network=self._functions_network,
                log_days=security.log_days,
            )
            for name, cluster in compute.clusters.items()
        ]
