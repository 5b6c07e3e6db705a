"""Buckets that are private, encrypted, versioned and logged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ..errors import InvalidValueError
from ..gate.acknowledgements import acknowledge, compliance
from ..pseudo import ACCOUNT_ID
from .alarms import AlarmTopic, alarm
from .key import DataKey
from .role import WorkloadRole, grant
from .statements import Statement, allow, deny, document, service, tls_only

_REPLICATION = compliance("S3BucketReplicationEnabled")

#: Name of the rule that replicates.
_RULE = "replica"


class AccessLogBucket(Construct):
    """The bucket that receives the S3 server access logs of a stack's other buckets.

    Each stack has its own: rule packs recognize a bucket as the destination of logs within its stack only. S3
    delivers access logs only into buckets encrypted with S3 managed keys.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html

    Example::

        import aws_cdk as cdk
        from aws_genai.security import AccessLogBucket, CostTags, DataKey, SecureBucket, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Logs")
        logs = AccessLogBucket(stack, "AccessLogs", retention_days=365)
        SecureBucket(stack, "Data", key=DataKey(stack, "Key", description="Data"), access_logs=logs)
        app.synth()

    :param retention_days: days until a log is deleted. Default: 365.
    :param removal_policy: what happens on deletion of the stack. Default: retain.
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
            bucket_encryption=_encryption(None),
            public_access_block_configuration=_PRIVATE,
            ownership_controls=_OWNER_ENFORCED,
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=_lifecycle(retention_days),
        )
        self.resource.apply_removal_policy(removal_policy)
        self.bucket_name: str = self.resource.ref
        self.bucket_arn: str = self.resource.attr_arn
        policy = [
            tls_only("s3:*", self.bucket_arn, f"{self.bucket_arn}/*"),
            allow(
                ["s3:PutObject"],
                [f"{self.bucket_arn}/*"],
                sid="ServerAccessLogs",
                principal=service("logging.s3.amazonaws.com"),
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}},
            ),
        ]
        s3.CfnBucketPolicy(self, "Policy", bucket=self.bucket_name, policy_document=document(policy))
        acknowledge(
            self.resource,
            compliance("S3DefaultEncryptionKMS"),
            reason="S3 cannot deliver server access logs into a bucket whose default encryption is SSE-KMS.",
            met_by="SSE-S3 with 256-bit AES on every object",
        )
        acknowledge(
            self.resource,
            _REPLICATION,
            reason="Access logs are a secondary record that expires; losing it loses no data of the workload.",
            met_by="the CloudTrail trail, which records the same requests where the audit is on",
        )


class SecureBucket(Construct):
    """A bucket encrypted with a customer key, versioned, private, TLS only, and logged.

    Example::

        import aws_cdk as cdk
        from aws_genai.security import AccessLogBucket, CostTags, DataKey, SecureBucket, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Documents")
        SecureBucket(
            stack,
            "Documents",
            key=DataKey(stack, "Key", description="Documents"),
            access_logs=AccessLogBucket(stack, "AccessLogs"),
        )
        app.synth()

    :param key: the key that encrypts every object.
    :param access_logs: where server access logs go.
    :param retention_days: days until an object expires. Default: never.
    :param noncurrent_days: days that a replaced version is kept. Default: 90.
    :param lock_days: days that an object can be neither replaced nor deleted, from its arrival. Default: not locked.
    :param replica: keep a second copy in a bucket of its own. Default: no.
    :param topic: told of objects that could not be copied; needed with ``replica``. Default: nobody is.
    :param bucket_key: encrypt under a key of the bucket that S3 derives, for fewer requests to AWS KMS. Default: yes.
    :param removal_policy: what happens on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is a replica and no topic.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        key: DataKey,
        access_logs: AccessLogBucket,
        retention_days: int | None = None,
        noncurrent_days: int = 90,
        lock_days: int | None = None,
        replica: bool = False,
        topic: AlarmTopic | None = None,
        bucket_key: bool = True,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.key = key
        self.replica: SecureBucket | None = None
        self.resource: s3.CfnBucket
        replication: s3.CfnBucket.ReplicationConfigurationProperty | None = None
        if replica:
            if topic is None:
                raise InvalidValueError(
                    "S3 says nothing of objects that it could not copy",
                    field="topic",
                    hint="Name the topic that hears of them, or leave out the replica",
                )
            self.replica = SecureBucket(
                self,
                "Replica",
                key=key,
                access_logs=access_logs,
                retention_days=retention_days,
                noncurrent_days=noncurrent_days,
                # S3 replicates a locked bucket into a locked one only.
                lock_days=lock_days,
                bucket_key=bucket_key,
                removal_policy=removal_policy,
            )
            acknowledge(
                self.replica.resource,
                _REPLICATION,
                reason="This bucket is itself the replica; a replica of the replica would have no end.",
                met_by=f"replication of {scope.node.id}/{id} into this bucket",
            )
            replication = self._replication(self.replica)
        self.resource = s3.CfnBucket(
            self,
            "Resource",
            bucket_encryption=_encryption(key, bucket_key=bucket_key),
            public_access_block_configuration=_PRIVATE,
            ownership_controls=_OWNER_ENFORCED,
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=_lifecycle(retention_days, noncurrent_days),
            logging_configuration=s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_logs.bucket_name, log_file_prefix=f"{self.node.path}/"
            ),
            replication_configuration=replication,
            object_lock_enabled=True if lock_days else None,
            object_lock_configuration=_lock(lock_days) if lock_days else None,
        )
        self.resource.apply_removal_policy(removal_policy)
        self.bucket_name: str = self.resource.ref
        self.bucket_arn: str = self.resource.attr_arn
        self._statements = [tls_only("s3:*", self.bucket_arn, f"{self.bucket_arn}/*")]
        self.policy_resource = s3.CfnBucketPolicy(
            self, "Policy", bucket=self.bucket_name, policy_document=document(self._statements)
        )
        if self.replica and topic:
            self._grant_replication(self.replica, locked=bool(lock_days))
            self._watch_replication(self.replica, topic)

    def add_statements(self, *statements: Statement) -> None:
        """Add statements to the bucket's policy."""
        self._statements += statements
        self.rewrite_policy()

    def rewrite_policy(self) -> None:
        """Write the policy anew, after a statement of it was changed."""
        self.policy_resource.policy_document = document(self._statements)

    @cached_property
    def logical_id(self) -> str:
        """The bucket's name in the template, as findings of cdk-nag give it."""
        return self.resource.stack.get_logical_id(self.resource)

    def _replication(self, replica: SecureBucket) -> s3.CfnBucket.ReplicationConfigurationProperty:
        """Same-Region replication, encrypted under the same key.

        No page promises that S3 tells its account when it takes the role, so its trust has no condition.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
        """
        self.replication_role = WorkloadRole(self, "Replication", assumed_by=iam.ServicePrincipal("s3.amazonaws.com"))
        return s3.CfnBucket.ReplicationConfigurationProperty(
            role=self.replication_role.role_arn,
            rules=[
                s3.CfnBucket.ReplicationRuleProperty(
                    id=_RULE,
                    status="Enabled",
                    priority=0,
                    filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
                    delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Disabled"),
                    source_selection_criteria=s3.CfnBucket.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
                    ),
                    destination=s3.CfnBucket.ReplicationDestinationProperty(
                        bucket=replica.bucket_arn,
                        encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                            replica_kms_key_id=self.key.key_arn
                        ),
                        metrics=s3.CfnBucket.MetricsProperty(status="Enabled"),
                    ),
                )
            ],
        )

    def _watch_replication(self, replica: SecureBucket, topic: AlarmTopic) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html"""
        alarm(
            self,
            "NotReplicated",
            topic=topic,
            description=f"Objects of {self.node.path} were not copied: look for the replication status FAILED.",
            namespace="AWS/S3",
            metric="OperationsFailedReplication",
            dimensions={
                "SourceBucket": self.bucket_name,
                "DestinationBucket": replica.bucket_name,
                "RuleId": _RULE,
            },
            threshold=1,
        )

    def _grant_replication(self, replica: SecureBucket, *, locked: bool) -> None:
        # The source bucket is named by its logical id in the role's policy; the bucket names the role, so the
        # statement uses the attribute of a policy that CloudFormation creates after both.
        role = self.replication_role
        role.allow(("s3:GetReplicationConfiguration", "s3:ListBucket"), [self.bucket_arn])
        objects, copies = f"{self.bucket_arn}/*", f"{replica.bucket_arn}/*"
        # S3 copies a locked object with its lock:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-managing-replication
        locks = ("s3:GetObjectLegalHold", "s3:GetObjectRetention") if locked else ()
        role.allow(
            (*locks, "s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"),
            [objects],
        )
        role.allow(("s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"), [copies])
        self.key.grant_replicate(role)
        for bucket in (self, replica):
            acknowledge(
                role.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::<{bucket.logical_id}.Arn>/*",
                reason="Replication copies every object of the bucket, so its role names all objects of it.",
                met_by="the bucket's own ARN in the statement and replication actions only",
            )

    def grant_read(self, role: iam.IRole, *prefixes: str) -> None:
        """Let ``role`` list and read the objects under ``prefixes`` only; each ends in ``/``."""
        self._grant_objects(role, prefixes, ("s3:GetObject", "s3:GetObjectVersion"))
        grant(
            role,
            ["s3:ListBucket"],
            [self.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
        self.key.grant_decrypt(role)

    def grant_write(self, role: iam.IRole, *prefixes: str) -> None:
        """Let ``role`` write objects under ``prefixes`` only; each ends in ``/``."""
        self._grant_objects(role, prefixes, ("s3:PutObject", "s3:AbortMultipartUpload"))
        self.key.grant_encrypt_decrypt(role)

    def only_through(self, endpoint_id: str, *, beside: Sequence[str] = ()) -> None:
        """Deny reading objects, of this bucket and its replica, but through one VPC endpoint.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies-vpc-endpoint.html

        :param endpoint_id: id of the gateway endpoint of S3.
        :param beside: ARNs, with ``*`` allowed, of roles that read from elsewhere, such as those of AWS services.
        """
        for bucket in (self, self.replica):
            if bucket is not None:
                conditions: dict[str, dict[str, object]] = {"StringNotEquals": {"aws:SourceVpce": endpoint_id}}
                if beside:
                    conditions["ArnNotLike"] = {"aws:PrincipalArn": list(beside)}
                bucket.add_statements(
                    deny(
                        ["s3:GetObject", "s3:GetObjectVersion"],
                        [f"{bucket.bucket_arn}/*"],
                        sid="OnlyThroughTheEndpoint",
                        conditions=conditions,
                    )
                )

    def _grant_objects(self, role: iam.IRole, prefixes: Sequence[str], actions: Sequence[str]) -> None:
        grant(role, actions, [f"{self.bucket_arn}/{prefix}*" for prefix in prefixes])
        if isinstance(role, WorkloadRole):
            for prefix in prefixes:
                acknowledge(
                    role.permissions,
                    "AwsSolutions-IAM5",
                    finding=f"Resource::<{self.logical_id}.Arn>/{prefix}*",
                    reason="Object keys under the prefix are chosen at run time, so the statement ends at the prefix.",
                    met_by=f"the prefix {prefix} of this bucket in the statement",
                )


_PRIVATE = s3.CfnBucket.PublicAccessBlockConfigurationProperty(
    block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
)
_OWNER_ENFORCED = s3.CfnBucket.OwnershipControlsProperty(
    rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
)


def _encryption(key: DataKey | None, *, bucket_key: bool = True) -> s3.CfnBucket.BucketEncryptionProperty:
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


def _lock(days: int) -> s3.CfnBucket.ObjectLockConfigurationProperty:
    return s3.CfnBucket.ObjectLockConfigurationProperty(
        object_lock_enabled="Enabled",
        rule=s3.CfnBucket.ObjectLockRuleProperty(
            default_retention=s3.CfnBucket.DefaultRetentionProperty(mode="GOVERNANCE", days=days)
        ),
    )


def _lifecycle(retention_days: int | None, noncurrent_days: int = 30) -> s3.CfnBucket.LifecycleConfigurationProperty:
    return s3.CfnBucket.LifecycleConfigurationProperty(
        rules=[
            s3.CfnBucket.RuleProperty(
                id="expire",
                status="Enabled",
                expiration_in_days=retention_days,
                noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
                    noncurrent_days=noncurrent_days
                ),
                abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                    days_after_initiation=7
                ),
            )
        ]
    )
