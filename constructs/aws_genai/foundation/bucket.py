"""Buckets that are private, encrypted, versioned and logged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from aws_cdk import aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ..gate.acknowledgement import acknowledge
from ..once import path
from .access_log_bucket import OWNER_ENFORCED, PRIVATE, REPLICATION, encryption, lifecycle
from .alarms import AlarmTopic, alarm
from .foundation import Foundation
from .role import WorkloadRole, grant, permissions_of
from .statements import Statement, deny, document, tls_only

#: Name of the replication rule.
_RULE = "replica"


class SecureBucket(Construct):
    """A private, versioned bucket with a customer managed key, TLS only, and server access logs.

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Documents")
        foundation = Foundation(stack)
        SecureBucket(stack, "Documents", foundation=foundation)
        app.synth()

    :param foundation: Provides the key that encrypts every object, the access log bucket, whether to create a replica,
        and the removal policy.
    :param retention_days: Number of days after which an object expires. Default: never.
    :param retention_prefix: Prefix of the objects that expire, which ends in ``/``. Default: every object.
    :param noncurrent_days: Number of days to keep a noncurrent version. Default: 90.
    :param lock_days: Number of days for which a new object can be neither overwritten nor deleted. Default: no lock.
    :param bucket_key: Whether to use an S3 Bucket Key, which reduces requests to AWS KMS. Default: yes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        retention_days: int | None = None,
        retention_prefix: str | None = None,
        noncurrent_days: int = 90,
        lock_days: int | None = None,
        bucket_key: bool = True,
    ) -> None:
        super().__init__(scope, id)
        key, access_logs, removal_policy = foundation.key, foundation.access_logs, foundation.removal_policy
        self.key = key
        self.replica: SecureBucket | None = None
        self.resource: s3.CfnBucket
        replication: s3.CfnBucket.ReplicationConfigurationProperty | None = None
        if foundation.replicas:
            self.replica = SecureBucket(
                self,
                "Replica",
                foundation=foundation.but(replicas=False),
                retention_days=retention_days,
                retention_prefix=retention_prefix,
                noncurrent_days=noncurrent_days,
                # S3 replicates a bucket with Object Lock only to a bucket with Object Lock.
                lock_days=lock_days,
                bucket_key=bucket_key,
            )
            acknowledge(
                self.replica.resource,
                REPLICATION,
                reason="This bucket is itself the replica; a replica of the replica would have no end.",
                met_by=f"replication of {scope.node.id}/{id} into this bucket",
            )
            replication = self._replication(self.replica)
        self.resource = s3.CfnBucket(
            self,
            "Resource",
            bucket_encryption=encryption(key, bucket_key=bucket_key),
            public_access_block_configuration=PRIVATE,
            ownership_controls=OWNER_ENFORCED,
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            lifecycle_configuration=lifecycle(retention_days, noncurrent_days, retention_prefix),
            logging_configuration=s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_logs.bucket_name, log_file_prefix=f"{path(self)}/"
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
        if self.replica:
            self._grant_replication(self.replica, locked=bool(lock_days))
            self._watch_replication(self.replica, foundation.topic)

    def add_statements(self, *statements: Statement) -> None:
        """Add statements to the bucket's policy."""
        self._statements += statements
        self.rewrite_policy()

    def rewrite_policy(self) -> None:
        """Update the bucket policy after one of its statements was changed."""
        self.policy_resource.policy_document = document(self._statements)

    @cached_property
    def logical_id(self) -> str:
        """The logical id of the bucket, as cdk-nag's findings give it."""
        return self.resource.stack.get_logical_id(self.resource)

    def _replication(self, replica: SecureBucket) -> s3.CfnBucket.ReplicationConfigurationProperty:
        """Same-Region replication, encrypted under the same key.

        AWS does not document that S3 passes its account when it assumes the role, so the trust policy has no condition.
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
            runbook="replication",
            description=f"Objects of {path(self)} were not copied: look for the replication status FAILED.",
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
        # The role's policy refers to the bucket by its logical id, and the bucket refers to the role. There is no
        # cycle, because the policy is a separate resource that CloudFormation creates after both.
        role = self.replication_role
        role.allow(("s3:GetReplicationConfiguration", "s3:ListBucket"), [self.bucket_arn])
        objects, copies = f"{self.bucket_arn}/*", f"{replica.bucket_arn}/*"
        # S3 replicates a locked object together with its retention:
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

    def grant_read(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Grant ``grantee`` permission to list and read the objects under ``prefixes`` only; each ends in ``/``."""
        given = self._grant_objects(grantee, prefixes, ("s3:GetObject", "s3:GetObjectVersion"))
        grant(
            grantee,
            ["s3:ListBucket"],
            [self.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
        self.key.grant_decrypt(grantee)
        return given

    def grant_get(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Grant ``grantee`` permission to read objects under ``prefixes`` whose keys it knows; each ends in ``/``."""
        given = self._grant_objects(grantee, prefixes, ("s3:GetObject",))
        self.key.grant_decrypt(grantee)
        return given

    def grant_write(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Grant ``grantee`` permission to write objects under ``prefixes`` only; each ends in ``/``."""
        given = self._grant_objects(grantee, prefixes, ("s3:PutObject", "s3:AbortMultipartUpload"))
        self.key.grant_encrypt_decrypt(grantee)
        return given

    def grant_write_named(self, grantee: iam.IGrantable, pattern: str) -> iam.Grant:
        """Grant ``grantee`` permission to write objects of one name only.

        :param pattern: The key, with ``*`` for the part that is chosen at run time, such as ``data/*/report.json``.
        """
        given = self._grant_objects(grantee, (), ("s3:PutObject", "s3:AbortMultipartUpload"), pattern)
        self.key.grant_encrypt_decrypt(grantee)
        return given

    def only_through(self, endpoint_id: str | None, *, beside: Sequence[str] = ()) -> None:
        """Deny reading objects of this bucket and its replica, except through one VPC endpoint.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies-vpc-endpoint.html

        :param endpoint_id: The id of the gateway endpoint of S3. With None, if it is not known, nothing is denied.
        :param beside: The ARNs of roles that read without the endpoint, such as those of AWS services. ``*`` is
            allowed.
        """
        for bucket in (self, self.replica) if endpoint_id else ():
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

    def _grant_objects(
        self, grantee: iam.IGrantable, prefixes: Sequence[str], actions: Sequence[str], pattern: str = ""
    ) -> iam.Grant:
        keys = [pattern] if pattern else [f"{prefix}*" for prefix in prefixes]
        given = grant(grantee, actions, [f"{self.bucket_arn}/{key}" for key in keys])
        permissions = permissions_of(grantee)
        if pattern and permissions is not None:
            acknowledge(
                permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::<{self.logical_id}.Arn>/{pattern}",
                reason="A part of the object key is chosen at run time; its beginning and its end are fixed.",
                met_by=f"the name {pattern.rpartition('/')[2]} of the object in the statement",
            )
        for prefix in prefixes:
            if permissions is not None:
                acknowledge(
                    permissions,
                    "AwsSolutions-IAM5",
                    finding=f"Resource::<{self.logical_id}.Arn>/{prefix}*",
                    reason="Object keys under the prefix are chosen at run time, so the statement ends at the prefix.",
                    met_by=f"the prefix {prefix} of this bucket in the statement",
                )
        return given


def _lock(days: int) -> s3.CfnBucket.ObjectLockConfigurationProperty:
    return s3.CfnBucket.ObjectLockConfigurationProperty(
        object_lock_enabled="Enabled",
        rule=s3.CfnBucket.ObjectLockRuleProperty(
            default_retention=s3.CfnBucket.DefaultRetentionProperty(mode="GOVERNANCE", days=days)
        ),
    )
