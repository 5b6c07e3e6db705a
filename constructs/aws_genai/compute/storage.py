"""What training reads and writes."""

from __future__ import annotations

from constructs import Construct

from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.key import FSX_LINKS
from ..foundation.role import WorkloadRole
from ..foundation.statements import deny

#: What would take the lock off a data set before its time:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
_UNLOCKING = ("s3:BypassGovernanceRetention", "s3:PutObjectLegalHold", "s3:PutObjectRetention")


class TrainingStorage(Construct):
    """Buckets for data sets and checkpoints; what was reviewed as a data set cannot be replaced or deleted.

    Every object of the data sets is locked when it arrives, and nobody may lift the lock before its time. Writing the
    same key again makes a new version and leaves the old one; training reads the versions that were reviewed.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import TrainingStorage
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        foundation = Foundation(stack)
        TrainingStorage(stack, "Storage", foundation=foundation)
        app.synth()

    :param foundation: key, topic, network and retention to build on.
    :param lock_days: days that an object of the data sets is locked from its arrival. Default: 90.
    :param checkpoint_days: days until a checkpoint expires. Default: 90.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        lock_days: int = 90,
        checkpoint_days: int = 90,
    ) -> None:
        super().__init__(scope, id)
        network = foundation.network
        self.data_sets = SecureBucket(
            self,
            "DataSets",
            foundation=foundation,
            lock_days=lock_days,
        )
        for bucket in (self.data_sets, self.data_sets.replica):
            if bucket is not None:
                bucket.add_statements(deny(_UNLOCKING, [f"{bucket.bucket_arn}/*"], sid="NobodyUnlocks"))
        self.checkpoints = SecureBucket(
            self,
            "Checkpoints",
            foundation=foundation,
            retention_days=checkpoint_days,
            noncurrent_days=min(30, checkpoint_days),
        )
        if network is not None:
            for bucket in (self.data_sets, self.checkpoints):
                bucket.only_through(network.s3_endpoint_id, beside=[FSX_LINKS])

    def grant_train(self, role: WorkloadRole, *, data_set: str, run: str) -> None:
        """Let ``role`` read one data set, and read and write the checkpoints of one run; each prefix ends in ``/``."""
        self.data_sets.grant_read(role, data_set)
        self.grant_checkpoints(role, run)

    def grant_checkpoints(self, role: WorkloadRole, run: str) -> None:
        """Let ``role`` read and write the checkpoints under ``run``, which ends in ``/``."""
        self.checkpoints.grant_read(role, run)
        self.checkpoints.grant_write(role, run)
