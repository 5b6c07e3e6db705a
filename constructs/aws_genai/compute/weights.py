"""The bucket of model weights, and who may read and write them."""

from __future__ import annotations

from aws_cdk import aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.report import report_event
from ..foundation.role import principal_arn
from ..foundation.statements import Statement, deny
from .imported_bucket import ImportedBucket
from .options import WeightsOptions

_READ = (
    "s3:GetObject",
    "s3:GetObjectAttributes",
    "s3:GetObjectTorrent",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAttributes",
)
_WRITE = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:ReplicateObject",
    "s3:RestoreObject",
)


class WeightsBucket(Construct):
    """A bucket of model weights that only the workloads that use them can read, administrators included.

    The bucket policy denies reading to every principal but those of :meth:`grant_read`, and writing to every principal
    but the publisher and those of :meth:`grant_write`; the key policy lets the same principals decrypt and no other. An
    explicit deny overrides every permission that an administrator has. Administrators can still change policies and
    delete the stack, and CloudTrail records it.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

    With an existing ``bucket``, nothing is created but grants: its policy cannot be changed from here, so the denials,
    reading through the VPC endpoint only, and replicas do not apply. An annotation of the synthesis says so.

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import WeightsBucket, WeightsOptions
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Weights")
        WeightsBucket(
            stack,
            "Weights",
            foundation=Foundation(stack),
            options=WeightsOptions(publisher_role="arn:aws:iam::111122223333:role/model-publisher"),
        )
        app.synth()

    :param foundation: key, topic and retention. With a network, objects are read through its S3 endpoint only.
    :param options: the publisher and the break-glass role. Default: neither.
    :param bucket: an existing bucket in place of a new one, with its ``encryption_key`` if it has one. Default: a new
        bucket.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        options: WeightsOptions | None = None,
        bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._options = options = options or WeightsOptions()
        self._denials: list[tuple[SecureBucket, Statement, list[str]]] = []
        self._readers = [options.break_glass_role] if options.break_glass_role else []
        self._writers = [options.publisher_role] if options.publisher_role else []
        self.bucket: SecureBucket | ImportedBucket
        if bucket is None:
            self.bucket = self._create(foundation)
        else:
            self.bucket = ImportedBucket(
                self,
                bucket,
                unset=[
                    "a policy that denies reading to all but the roles that use the weights, and writing to all but the"
                    " publisher",
                    "a policy that denies reading but through the VPC endpoint of Amazon S3",
                    "versioning, access logs and replicas",
                ],
            )
        if options.break_glass_role:
            self._report(options.break_glass_role, foundation)

    def grant_read(self, grantee: iam.IGrantable, prefix: str) -> iam.Grant:
        """Let ``grantee`` read the weights under ``prefix``, which ends in ``/``, and nothing else."""
        given = self.bucket.grant_read(grantee, prefix)
        if self._denials:
            self._readers.append(principal_arn(grantee)[1])
            self._admit()
        return given

    def grant_write(self, grantee: iam.IGrantable, prefix: str) -> iam.Grant:
        """Let ``grantee`` write weights under ``prefix``, which ends in ``/``, and nothing else."""
        given = self.bucket.grant_write(grantee, prefix)
        if self._denials:
            self._writers.append(principal_arn(grantee)[1])
            self._admit()
        return given

    def _create(self, foundation: Foundation) -> SecureBucket:
        key, network = foundation.key, foundation.network
        publisher, breaker = self._options.publisher_role, self._options.break_glass_role
        bucket = SecureBucket(self, "Bucket", foundation=foundation)
        self._guard(bucket, self._writers)
        if bucket.replica:
            self._guard(bucket.replica, [bucket.replication_role.role_arn])
        self._admit()
        if network is not None and network.s3_endpoint_id:
            bucket.only_through(network.s3_endpoint_id, beside=[breaker] if breaker else [])
        if publisher:
            key.allow_role_arn("Publisher", publisher, ("kms:Decrypt", "kms:GenerateDataKey"))
        if breaker:
            key.allow_role_arn("BreakGlass", breaker, ("kms:Decrypt",))
        return bucket

    def _guard(self, bucket: SecureBucket, writers: list[str]) -> None:
        objects = [f"{bucket.bucket_arn}/*"]
        read = deny(_READ, objects, sid="ReadersOnly")
        write = deny(_WRITE, objects, sid="PublisherOnly")
        bucket.add_statements(read, write)
        self._denials += [(bucket, read, self._readers), (bucket, write, writers)]

    def _admit(self) -> None:
        """Except whoever was granted access from the denials."""
        for bucket, denial, admitted in self._denials:
            if admitted:
                denial["Condition"] = {"ArnNotEquals": {"aws:PrincipalArn": list(admitted)}}
                bucket.rewrite_policy()

    def _report(self, role_arn: str, foundation: Foundation) -> None:
        report_event(
            self,
            "BreakGlassUsed",
            topic=foundation.topic,
            key=foundation.key,
            description="The break-glass role called S3 or KMS: find out who used it and why.",
            pattern={
                "detail-type": ["AWS API Call via CloudTrail"],
                "detail": {
                    "eventSource": ["s3.amazonaws.com", "kms.amazonaws.com"],
                    "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [role_arn]}}},
                },
            },
            # Decrypt is a read-only event, which rules in the state ENABLED do not receive.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
            state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )
