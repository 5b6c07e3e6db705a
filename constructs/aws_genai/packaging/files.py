"""Files that a deployment puts into a bucket."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnCustomResource, Stack, aws_s3_assets as s3_assets
from constructs import Construct

from ..foundation.alarms import AlarmTopic
from ..foundation.bucket import SecureBucket
from ..foundation.key import DataKey
from ..foundation.network import PrivateNetwork
from ..foundation.pseudo import PARTITION
from ..gate.acknowledgement import acknowledge
from .dependencies import archive
from .provider import provider


class BucketFiles(Construct):
    """Files in a bucket, below a prefix that a digest of their contents names.

    Changed files get a prefix of their own, and the old ones are deleted once nothing names them any more. Each stack
    has one function that copies, whatever the number of these.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html

    Example::

        import aws_cdk as cdk
        from aws_genai.packaging import BucketFiles
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Files")
        key = DataKey(stack, "Key", description="Files")
        key.allow_logs()
        BucketFiles(
            stack,
            "Scripts",
            contents={"hello.sh": b"#!/bin/sh\\necho hello\\n"},
            bucket=SecureBucket(stack, "Bucket", key=key, access_logs=AccessLogBucket(stack, "Logs")),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param contents: what is in each file, by its name below the prefix.
    :param bucket: where the files go.
    :param key: encrypts the function's logs.
    :param topic: receives calls of the function that failed.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        contents: Mapping[str, bytes],
        bucket: SecureBucket,
        key: DataKey,
        topic: AlarmTopic,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
    ) -> None:
        super().__init__(scope, id)
        path, digest = archive(contents)
        asset = s3_assets.Asset(self, "Archive", path=str(path), asset_hash=digest)
        #: Where the files are, ending in ``/``.
        self.prefix = f"{digest[:16]}/"
        self.uri = f"s3://{bucket.bucket_name}/{self.prefix.rstrip('/')}"
        function = provider(
            Stack.of(self),
            "BucketFiles",
            "bucket_files",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
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
        # A function that may not copy yet would fail the deployment.
        self.resource.node.add_dependency(function.role.permissions, function.resource)
