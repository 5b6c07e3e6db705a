"""Files that a deployment uploads to a bucket."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnCustomResource, Stack, aws_s3_assets as s3_assets
from constructs import Construct

from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.pseudo import PARTITION
from ..gate.acknowledgement import acknowledge
from .dependencies import archive
from .provider import provider


class BucketFiles(Construct):
    """Files in a bucket, under a prefix that contains a digest of their contents.

    Changed files are uploaded to a new prefix, and the old ones are deleted when no resource refers to them. Each stack
    has one function that copies files, for any number of these constructs.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate
        from aws_genai.packaging import BucketFiles

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Files")
        foundation = Foundation(stack)
        BucketFiles(
            stack,
            "Scripts",
            contents={"hello.sh": b"#!/bin/sh\\necho hello\\n"},
            bucket=SecureBucket(stack, "Bucket", foundation=foundation),
            foundation=foundation,
        )
        app.synth()

    :param contents: The content of each file, by its name under the prefix.
    :param bucket: The bucket to upload the files to.
    :param foundation: Provides the key, topic, network and log retention of the function.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        contents: Mapping[str, bytes],
        bucket: SecureBucket,
    ) -> None:
        super().__init__(scope, id)
        path, digest = archive(contents)
        asset = s3_assets.Asset(self, "Archive", path=str(path), asset_hash=digest)
        #: The prefix of the files, which ends in ``/``.
        self.prefix = f"{digest[:16]}/"
        self.uri = f"s3://{bucket.bucket_name}/{self.prefix.rstrip('/')}"
        function = provider(
            Stack.of(self),
            "BucketFiles",
            "bucket_files",
            foundation=foundation,
        )
        function.role.allow(("s3:GetObject",), [f"arn:{PARTITION}:s3:::{asset.s3_bucket_name}/{asset.s3_object_key}"])
        function.role.allow(("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"), [f"{bucket.bucket_arn}/*"])
        function.role.allow(("s3:ListBucketVersions",), [bucket.bucket_arn])
        bucket.key.grant_encrypt_decrypt(function.role)
        acknowledge(
            function.role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::<{bucket.logical_id}.Arn>/*",
            reason="The prefix of the files changes with their contents, so that no deployment can name the next one.",
            met_by="the one bucket in the statement, which holds nothing else",
        )
        self.resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        for name, value in (
            ("SourceBucket", asset.s3_bucket_name),
            ("SourceKey", asset.s3_object_key),
            ("Bucket", bucket.bucket_name),
            ("Prefix", self.prefix),
        ):
            self.resource.add_property_override(name, value)
        # The deployment would fail if the function had no permission to copy yet.
        self.resource.node.add_dependency(function.role.permissions, function.resource)
