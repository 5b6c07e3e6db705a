"""Existing buckets, which are imported by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_kms as kms, aws_s3 as s3

if TYPE_CHECKING:
    from constructs import Construct


def existing_bucket(scope: Construct, id: str, *, name: str, key_arn: str | None = None) -> s3.IBucket:
    """Import a bucket by name, without looking it up, with the key that encrypts it.

    :param name: name of the bucket.
    :param key_arn: ARN of the KMS key that encrypts the objects. Default: they are encrypted with SSE-S3.
    """
    key = kms.Key.from_key_arn(scope, f"{id}Key", key_arn) if key_arn else None
    return s3.Bucket.from_bucket_attributes(scope, id, bucket_name=name, encryption_key=key)
