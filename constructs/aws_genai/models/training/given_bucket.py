"""A bucket that the library does not create."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ...foundation.role import WorkloadRole, grant
from ...foundation.statements import Statement
from ...gate.acknowledgement import acknowledge


class GivenBucket:
    """An ``s3.IBucket`` with the grants of :class:`SecureBucket`: exact actions on exact prefixes.

    :param scope: the construct that uses the bucket.
    :param bucket: the bucket. Its encryption key, if it has one, must let the account allow its use by IAM policies:
        https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """

    def __init__(self, scope: Construct, bucket: s3.IBucket) -> None:
        self._scope, self._bucket = scope, bucket
        self.bucket_name: str = bucket.bucket_name
        self.bucket_arn: str = bucket.bucket_arn

    def grant_read(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Let ``grantee`` list and read the objects under ``prefixes`` only; each ends in ``/``."""
        self._grant_key(grantee, ["kms:Decrypt"])
        listed = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        grant(grantee, ["s3:ListBucket"], [self.bucket_arn], conditions=listed)
        return self._grant_objects(grantee, prefixes, ["s3:GetObject", "s3:GetObjectVersion"])

    def grant_write(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Let ``grantee`` write objects under ``prefixes`` only; each ends in ``/``."""
        self._grant_key(grantee, ["kms:Decrypt", "kms:GenerateDataKey"])
        return self._grant_objects(grantee, prefixes, ["s3:PutObject", "s3:AbortMultipartUpload"])

    def grant_write_named(self, grantee: iam.IGrantable, pattern: str) -> iam.Grant:
        """Let ``grantee`` write objects of one name only.

        :param pattern: the key, with ``*`` for the part that is chosen at run time.
        """
        self._grant_key(grantee, ["kms:Decrypt", "kms:GenerateDataKey"])
        if isinstance(grantee, WorkloadRole):
            acknowledge(
                grantee.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::{self._shown()}/{pattern}",
                reason="A part of the object key is chosen at run time; its beginning and its end are fixed.",
                met_by=f"the name {pattern.rpartition('/')[2]} of the object in the statement",
            )
        return grant(grantee, ["s3:PutObject", "s3:AbortMultipartUpload"], [f"{self.bucket_arn}/{pattern}"])

    def add_statement(self, statement: Statement) -> bool:
        """Add a statement to the policy of the bucket; returns whether the app manages that policy."""
        return self._bucket.add_to_resource_policy(iam.PolicyStatement.from_json(statement)).statement_added

    def _grant_key(self, grantee: iam.IGrantable, actions: Sequence[str]) -> None:
        if (key := self._bucket.encryption_key) is not None:
            grant(grantee, actions, [key.key_arn])

    def _grant_objects(self, grantee: iam.IGrantable, prefixes: Sequence[str], actions: Sequence[str]) -> iam.Grant:
        if isinstance(grantee, WorkloadRole):
            for prefix in prefixes:
                acknowledge(
                    grantee.permissions,
                    "AwsSolutions-IAM5",
                    finding=f"Resource::{self._shown()}/{prefix}*",
                    reason="Object keys under the prefix are chosen at run time, so the statement ends at the prefix.",
                    met_by=f"the prefix {prefix} of this bucket in the statement",
                )
        return grant(grantee, actions, [f"{self.bucket_arn}/{prefix}*" for prefix in prefixes])

    def _shown(self) -> str:
        """The ARN as findings of cdk-nag show it."""
        resolved = Stack.of(self._scope).resolve(self.bucket_arn)
        if isinstance(resolved, dict) and "Fn::GetAtt" in resolved:
            return f"<{'.'.join(resolved['Fn::GetAtt'])}>"
        return f"arn:<AWS::Partition>:s3:::{self.bucket_name}"
