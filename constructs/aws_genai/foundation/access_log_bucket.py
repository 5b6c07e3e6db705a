"""The bucket that receives the server access logs of other buckets."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_s3 as s3
from constructs import Construct

from ..gate.acknowledgement import acknowledge, compliance
from .key import DataKey
from .pseudo import ACCOUNT_ID, PARTITION
from .statements import allow, document, service, tls_only

#: The rule of the compliance packs that requires a replica.
REPLICATION = compliance("S3BucketReplicationEnabled")


class AccessLogBucket(Construct):
    """The bucket that receives the S3 server access logs of a stack's other buckets.

    Each stack has its own: rule packs recognize a bucket as the destination of logs only within its stack. S3 delivers
    access logs only to buckets that are encrypted with S3 managed keys.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Logs")
        foundation = Foundation(stack)
        SecureBucket(stack, "Data", foundation=foundation)
        app.synth()

    :param retention_days: Number of days after which a log is deleted. Default: 365.
    :param removal_policy: The removal policy of the bucket when the stack is deleted. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        retention_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.resource = s3.CfnBucket(
            self,
            "Resource",
            bucket_encryption=encryption(None),
            public_access_block_configuration=PRIVATE,
            ownership_controls=OWNER_ENFORCED,
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=lifecycle(retention_days),
        )
        self.resource.apply_removal_policy(removal_policy)
        self.bucket_name: str = self.resource.ref
        self.bucket_arn: str = self.resource.attr_arn
        self._statements = [
            tls_only("s3:*", self.bucket_arn, f"{self.bucket_arn}/*"),
            allow(
                ["s3:PutObject"],
                [f"{self.bucket_arn}/*"],
                sid="ServerAccessLogs",
                principal=service("logging.s3.amazonaws.com"),
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
            ),
        ]
        self.policy_resource = s3.CfnBucketPolicy(
            self, "Policy", bucket=self.bucket_name, policy_document=document(self._statements)
        )
        acknowledge(
            self.resource,
            compliance("S3DefaultEncryptionKMS"),
            reason="S3 cannot deliver server access logs into a bucket whose default encryption is SSE-KMS.",
            met_by="SSE-S3 with 256-bit AES on every object",
        )
        acknowledge(
            self.resource,
            REPLICATION,
            reason="Access logs are a secondary record that expires; losing it loses no data of the workload.",
            met_by="the CloudTrail trail, which records the same requests where the audit is on",
        )

    def allow_deliveries(self, region: str) -> None:
        """Allow CloudWatch Logs to deliver the logs of AWS services from its delivery sources in ``region``.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
        """
        sources = f"arn:{PARTITION}:logs:{region}:{ACCOUNT_ID}:delivery-source:*"
        self._statements.append(
            allow(
                ["s3:PutObject"],
                [f"{self.bucket_arn}/AWSLogs/{ACCOUNT_ID}/*"],
                sid="LogDeliveries",
                principal=service("delivery.logs.amazonaws.com"),
                conditions={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT_ID, "s3:x-amz-acl": "bucket-owner-full-control"},
                    "ArnLike": {"aws:SourceArn": sources},
                },
            )
        )
        self.policy_resource.policy_document = document(self._statements)


PRIVATE = s3.CfnBucket.PublicAccessBlockConfigurationProperty(
    block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
)
OWNER_ENFORCED = s3.CfnBucket.OwnershipControlsProperty(
    rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
)


def encryption(key: DataKey | None, *, bucket_key: bool = True) -> s3.CfnBucket.BucketEncryptionProperty:
    default = s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
        sse_algorithm="aws:kms" if key else "AES256", kms_master_key_id=key.key_arn if key else None
    )
    return s3.CfnBucket.BucketEncryptionProperty(
        server_side_encryption_configuration=[
            s3.CfnBucket.ServerSideEncryptionRuleProperty(
                server_side_encryption_by_default=default, bucket_key_enabled=bucket_key if key else None
            )
        ]
    )


def lifecycle(
    retention_days: int | None, noncurrent_days: int = 30, prefix: str | None = None
) -> s3.CfnBucket.LifecycleConfigurationProperty:
    some = s3.CfnBucket.RuleProperty(
        id="expire-some", status="Enabled", expiration_in_days=retention_days, prefix=prefix
    )
    return s3.CfnBucket.LifecycleConfigurationProperty(
        rules=[
            *([some] if prefix else []),
            s3.CfnBucket.RuleProperty(
                id="expire",
                status="Enabled",
                expiration_in_days=None if prefix else retention_days,
                noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                    noncurrent_days=noncurrent_days
                ),
                abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                    days_after_initiation=7
                ),
            ),
        ]
    )
