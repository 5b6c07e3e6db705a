"""Buckets that exist already, with the grants that this library gives on its own ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Annotations, Stack, aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ..foundation.pseudo import REGION
from ..foundation.role import WorkloadRole, grant
from ..gate.acknowledgement import acknowledge


class ImportedBucket:
    """An existing bucket. Its settings, its policy and the policy of its key stay as they are.

    Roles of this library are granted exactly what they need, through an Amazon S3 gateway endpoint that admits buckets
    of the same account only. What only the owner of the bucket can set is listed in an annotation of the synthesis,
    because nothing is looked up in the account.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html

    :param scope: the construct that uses the bucket, to which the annotation is added.
    :param bucket: the bucket, with its ``encryption_key`` if it is encrypted with a customer managed key.
    :param unset: controls that this library sets on its own buckets and cannot set on this one.
    """

    def __init__(self, scope: Construct, bucket: s3.IBucket, *, unset: Sequence[str]) -> None:
        self.bucket_name: str = bucket.bucket_name
        self.bucket_arn: str = bucket.bucket_arn
        key = bucket.encryption_key
        self.key_arn: str | None = key.key_arn if key else None
        self._stack = Stack.of(scope)
        lines = [
            f"The bucket {_flat(self._stack.resolve(self.bucket_name))} exists already, and its settings cannot be "
            "checked: it must be in this account and Region, block public access and be encrypted.",
            f"Not applied to it: {'; '.join(unset)}. Set them on the bucket yourself.",
        ]
        if self.key_arn:
            lines.append("The policy of its KMS key must let the IAM policies of this account allow its use.")
        Annotations.of(scope).add_info(" ".join(lines))

    def grant_read(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Let ``grantee`` list and read the objects under ``prefixes`` only; each ends in ``/``."""
        given = self._grant_objects(grantee, prefixes, ["s3:GetObject", "s3:GetObjectVersion"])
        grant(
            grantee,
            ["s3:ListBucket"],
            [self.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        )
        self._grant_key(grantee, ["kms:Decrypt"])
        return given

    def grant_write(self, grantee: iam.IGrantable, *prefixes: str) -> iam.Grant:
        """Let ``grantee`` write objects under ``prefixes`` only; each ends in ``/``."""
        given = self._grant_objects(grantee, prefixes, ["s3:PutObject", "s3:AbortMultipartUpload"])
        self._grant_key(grantee, ["kms:Decrypt", "kms:GenerateDataKey"])
        return given

    def _grant_objects(self, grantee: iam.IGrantable, prefixes: Sequence[str], actions: Sequence[str]) -> iam.Grant:
        given = grant(grantee, actions, [f"{self.bucket_arn}/{prefix}*" for prefix in prefixes])
        if isinstance(grantee, WorkloadRole):
            arn = _flat(self._stack.resolve(self.bucket_arn))
            for prefix in prefixes:
                acknowledge(
                    grantee.permissions,
                    "AwsSolutions-IAM5",
                    finding=f"Resource::{arn}/{prefix}*",
                    reason="Object keys under the prefix are chosen at run time, so the statement ends at the prefix.",
                    met_by=f"the prefix {prefix} of this bucket in the statement",
                )
        return given

    def _grant_key(self, grantee: iam.IGrantable, actions: Sequence[str]) -> None:
        if self.key_arn:
            through = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
            grant(grantee, actions, [self.key_arn], conditions=through)


def _flat(value: Any) -> str:  # noqa: ANN401 - JSON of CloudFormation
    """An intrinsic function as findings of cdk-nag write it."""
    if isinstance(value, str):
        return value
    name, argument = next(iter(value.items()))
    if name == "Ref":
        return f"<{argument}>"
    if name == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if name == "Fn::Join":
        separator, parts = argument
        return str(separator).join(_flat(part) for part in parts)
    return str(value)
