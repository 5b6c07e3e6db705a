"""What training reads and writes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from constructs import Construct

from ..foundation.alarms import AlarmTopic
from ..foundation.bucket import AccessLogBucket, SecureBucket
from ..foundation.key import FSX_LINKS, DataKey
from ..foundation.network import PrivateNetwork
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
        from aws_genai.foundation import AccessLogBucket, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        TrainingStorage(
            stack,
            "Storage",
            key=DataKey(stack, "Key", description="Training"),
            access_logs=AccessLogBucket(stack, "Logs"),
        )
        app.synth()

    :param key: encrypts every object.
    :param access_logs: where server access logs go.
    :param lock_days: days that an object of the data sets is locked from its arrival. Default: 90.
    :param checkpoint_days: days until a checkpoint expires. Default: 90.
    :param network: objects are read through its endpoint of S3 only, but by file systems that are linked to the
        buckets. Default: from anywhere.
    :param replica: keep second copies. Default: no.
    :param topic: told of objects that could not be copied; needed with ``replica``. Default: nobody is.
    :param removal_policy: what happens to the buckets on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        access_logs: AccessLogBucket,
        lock_days: int = 90,
        checkpoint_days: int = 90,
        network: PrivateNetwork | None = None,
        replica: bool = False,
        topic: AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.data_sets = SecureBucket(
            self,
            "DataSets",
            key=key,
            access_logs=access_logs,
            lock_days=lock_days,
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
        )
        for bucket in (self.data_sets, self.data_sets.replica):
            if bucket is not None:
                bucket.add_statements(deny(_UNLOCKING, [f"{bucket.bucket_arn}/*"], sid="NobodyUnlocks"))
        self.checkpoints = SecureBucket(
            self,
            "Checkpoints",
            key=key,
            access_logs=access_logs,
            retention_days=checkpoint_days,
            noncurrent_days=min(30, checkpoint_days),
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
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
