"""The buckets that training reads and writes."""

from __future__ import annotations

from aws_cdk import aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.key import FSX_LINKS
from ..foundation.statements import deny
from .imported_bucket import ImportedBucket
from .options import StorageOptions

#: What would lift the lock of a data set before its time:
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
_UNLOCKING = ("s3:BypassGovernanceRetention", "s3:PutObjectLegalHold", "s3:PutObjectRetention")


class TrainingStorage(Construct):
    """Buckets for data sets and checkpoints. A data set that was reviewed cannot be overwritten or deleted.

    Every object of the data sets is locked when it arrives, and nobody may lift the lock before its time. Writing the
    same key again creates a new version and keeps the old one; training reads the versions that were reviewed.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html

    Existing buckets can be given in place of new ones. Their settings and policies cannot be changed from here: object
    lock, expiration, reading through the VPC endpoint only, and replicas do not apply. An annotation of the synthesis
    says so.

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import TrainingStorage
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Training")
        TrainingStorage(stack, "Storage", foundation=Foundation(stack))
        app.synth()

    :param foundation: key and retention. With a network, objects are read through its S3 endpoint only.
    :param options: how long data sets are locked and checkpoints kept. Default: 90 days each.
    :param data_sets: an existing bucket of data sets, with its ``encryption_key`` if it has one. Default: a new bucket.
    :param checkpoints: an existing bucket for checkpoints. Default: a new bucket.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        options: StorageOptions | None = None,
        data_sets: s3.IBucket | None = None,
        checkpoints: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        options = options or StorageOptions()
        self.data_sets: SecureBucket | ImportedBucket = (
            self._imported(data_sets, "object lock, and a policy that denies lifting it")
            if data_sets is not None
            else self._locked(foundation, options.lock_days)
        )
        self.checkpoints: SecureBucket | ImportedBucket = (
            self._imported(checkpoints, "expiration of checkpoints")
            if checkpoints is not None
            else SecureBucket(
                self,
                "Checkpoints",
                foundation=foundation,
                retention_days=options.checkpoint_days,
                noncurrent_days=min(30, options.checkpoint_days),
            )
        )
        endpoint = foundation.network.s3_endpoint_id if foundation.network else None
        for bucket in (self.data_sets, self.checkpoints):
            if endpoint and isinstance(bucket, SecureBucket):
                bucket.only_through(endpoint, beside=[FSX_LINKS])

    def _locked(self, foundation: Foundation, days: int) -> SecureBucket:
        made = SecureBucket(self, "DataSets", foundation=foundation, lock_days=days)
        for bucket in (made, made.replica):
            if bucket is not None:
                bucket.add_statements(deny(_UNLOCKING, [f"{bucket.bucket_arn}/*"], sid="NobodyUnlocks"))
        return made

    def _imported(self, bucket: s3.IBucket, unset: str) -> ImportedBucket:
        return ImportedBucket(
            self,
            bucket,
            unset=[
                unset,
                "a policy that denies reading but through the VPC endpoint of Amazon S3",
                "versioning, access logs and replicas",
                "use of its KMS key by the service-linked role of Amazon FSx, if a file system is linked to it",
            ],
        )

    def grant_train(self, grantee: iam.IGrantable, *, data_set: str, run: str) -> iam.Grant:
        """Let ``grantee`` read a data set, and read and write the checkpoints of a run.

        :param data_set: prefix of the data set, ending in ``/``.
        :param run: prefix of the checkpoints, ending in ``/``.
        """
        given = self.data_sets.grant_read(grantee, data_set)
        self.grant_checkpoints(grantee, run)
        return given

    def grant_checkpoints(self, grantee: iam.IGrantable, run: str) -> iam.Grant:
        """Let ``grantee`` read and write the checkpoints under ``run``, which ends in ``/``."""
        self.checkpoints.grant_read(grantee, run)
        return self.checkpoints.grant_write(grantee, run)
