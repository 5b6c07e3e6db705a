"""Layer 1: accelerated compute."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3
from constructs import Construct

from aws_genai.compute import (
    AcceleratorFleet,
    EnvelopeKey,
    LustreFileSystem,
    TrainingCluster,
    TrainingQueue,
    TrainingStorage,
    WeightsBucket,
    WorkQueue,
)
from aws_genai.foundation import AccessAttempts, ExistingBucket, SecureBucket, existing_bucket
from settings import Settings
from settings.compute import Compute, StorageSettings

from .base import LayerStack
from .foundation import FoundationStack


class ComputeStack(LayerStack):
    """Weights, data sets and checkpoints encrypted with one key, and the fleets, queues and clusters that use them."""

    def __init__(self, scope: Construct, settings: Settings, compute: Compute, foundation: FoundationStack) -> None:
        super().__init__(scope, "compute", settings, description="Layer 1: accelerated compute")
        key = self.key_of("weights and volumes")
        key.allow_logs()
        self._foundation = self.build_on(key, foundation.topic, foundation.network)
        self.weights = WeightsBucket(
            self,
            "Weights",
            foundation=self._foundation,
            options=compute.weights,
            bucket=self._existing("ExistingWeights", compute.weights.bucket),
        )
        self.storage = self._storage(compute.storage) if compute.storage else None
        self._files = self._file_system(compute.storage, self.storage) if compute.storage and self.storage else None
        self.fleets = self._fleets(compute)
        if self.storage is not None:
            self.queues = self._queues(compute, self.storage)
            self.clusters = self._clusters(compute, self.storage)
        if settings.security.audit_trail:
            buckets = [self.weights.bucket]
            if self.storage is not None:
                buckets += [self.storage.data_sets, self.storage.checkpoints]
            AccessAttempts(
                self, "Attempts", foundation=self._foundation, buckets=[each.bucket_name for each in buckets]
            )

    def _existing(self, id: str, bucket: ExistingBucket | None) -> s3.IBucket | None:
        if bucket is None:
            return None
        return existing_bucket(self, id, name=bucket.name, key_arn=bucket.key_arn)

    def _storage(self, storage: StorageSettings) -> TrainingStorage:
        return TrainingStorage(
            self,
            "Training",
            foundation=self._foundation,
            options=storage,
            data_sets=self._existing("ExistingDataSets", storage.data_sets),
            checkpoints=self._existing("ExistingCheckpoints", storage.checkpoints),
        )

    def _file_system(self, storage: StorageSettings, buckets: TrainingStorage) -> LustreFileSystem | None:
        if storage.file_system is None:
            return None
        return LustreFileSystem(
            self,
            "Files",
            foundation=self._foundation,
            data_sets=buckets.data_sets,
            checkpoints=buckets.checkpoints,
            options=storage.file_system,
        )

    def _fleets(self, compute: Compute) -> list[AcceleratorFleet]:
        envelope = None
        if compute.weights.attestation:
            envelope = EnvelopeKey(self, "Envelope", foundation=self._foundation, options=compute.weights)
        return [
            AcceleratorFleet(
                self,
                name,
                foundation=self._foundation,
                options=fleet,
                queue=WorkQueue(self, f"{name}-work", foundation=self._foundation) if fleet.work_queue else None,
                weights=self.weights,
                envelope=envelope if fleet.attested else None,
                files=self._files if fleet.file_system else None,
            )
            for name, fleet in compute.fleets.items()
        ]

    def _queues(self, compute: Compute, storage: TrainingStorage) -> list[TrainingQueue]:
        return [
            TrainingQueue(
                self,
                name,
                foundation=self._foundation,
                queue_name=f"{self.settings.prefix}-{name}",
                options=queue,
                storage=storage,
                files=self._files if queue.file_system else None,
            )
            for name, queue in compute.queues.items()
        ]

    def _clusters(self, compute: Compute, storage: TrainingStorage) -> list[TrainingCluster]:
        if not compute.clusters:
            return []
        scripts = SecureBucket(self, "Scripts", foundation=self._foundation)
        return [
            TrainingCluster(
                self,
                name,
                foundation=self._foundation,
                cluster_name=f"{self.settings.prefix}-{name}",
                options=cluster,
                storage=storage,
                scripts=scripts,
                lifecycle=cluster.files(""),
                jobs=cluster.files("jobs"),
                files=self._files if cluster.file_system else None,
            )
            for name, cluster in compute.clusters.items()
        ]
