"""A look at weights before they are deployed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnCustomResource, Stack
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.pseudo import PARTITION
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider


class WeightsCheck(Construct):
    """A deployment goes on only if the files of a model may be loaded: safetensors, and no pickle but named ones.

    :class:`ModelEndpoint` makes it. Each stack has one function that looks, whatever the number of these; a changed
    address is looked at anew. https://huggingface.co/docs/safetensors/index#format

    Example::

        import aws_cdk as cdk
        from aws_genai.models.hosting.weights_check import WeightsCheck
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        foundation = Foundation(stack)
        WeightsCheck(
            stack, "Weights", bucket="models-of-mine", prefix="assistant/3/", foundation=foundation
        )
        app.synth()

    :param foundation: key, topic, network and retention to build on.
    :param bucket: name of the bucket.
    :param prefix: prefix of the files, ending in ``/``.
    :param key_arn: the customer key that encrypts the files. Default: none.
    :param pickled: names of files below the prefix that may be pickles. Default: none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        bucket: str,
        prefix: str,
        key_arn: str | None = None,
        pickled: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        function = provider(
            Stack.of(self),
            "WeightsCheck",
            "weights_check",
            foundation=foundation,
        )
        arn = f"arn:{PARTITION}:s3:::{bucket}"
        function.role.allow(("s3:GetObject",), [f"{arn}/{prefix}*"])
        function.role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}})
        if key_arn:
            function.role.allow(("kms:Decrypt",), [key_arn])
        acknowledge(
            function.role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::arn:<AWS::Partition>:s3:::{bucket}/{prefix}*",
            reason="Names of the files of a model are chosen by who made it, so the statement ends at the prefix.",
            met_by="the prefix of this one model in the statement, and reading only",
        )
        self.resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        for name, value in (("Bucket", bucket), ("Prefix", prefix), ("Pickled", list(pickled))):
            self.resource.add_property_override(name, value)
        # A function that may not look yet would fail the deployment.
        self.resource.node.add_dependency(function.role.permissions, function.resource)
