"""A check of weights before they are deployed."""

from __future__ import annotations

from aws_cdk import CfnCustomResource, Stack, Token
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.pseudo import PARTITION
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from .options import Weights


class WeightsCheck(Construct):
    """Fails the deployment unless the files of a model are safe to load: safetensors, and no pickle but listed ones.

    :class:`ModelEndpoint` creates one of these. All of a stack share one function. A new location is checked again;
    new files under the same location are not. https://huggingface.co/docs/safetensors/index#format

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Weights
        from aws_genai.models.hosting.weights_check import WeightsCheck

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        WeightsCheck(
            stack,
            "Weights",
            foundation=Foundation(stack),
            weights=Weights(uri="s3://my-models/assistant/3"),
        )
        app.synth()

    :param foundation: key, topic and network of the function.
    :param weights: the files to check.
    """

    def __init__(self, scope: Construct, id: str, *, foundation: Foundation, weights: Weights) -> None:
        super().__init__(scope, id)
        bucket, prefix = weights.place()
        function = provider(Stack.of(self), "WeightsCheck", "weights_check", foundation=foundation)
        arn = f"arn:{PARTITION}:s3:::{bucket}"
        function.role.allow(("s3:GetObject",), [f"{arn}/{prefix}*"])
        function.role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}})
        if weights.key_arn:
            function.role.allow(("kms:Decrypt",), [weights.key_arn])
        acknowledge(
            function.role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::arn:<AWS::Partition>:s3:::{shown(self, bucket)}/{prefix}*",
            reason="The publisher of a model chooses the names of its files, so the statement ends at the prefix.",
            met_by="the prefix of this one model in the statement, and reading only",
        )
        self.resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        for name, value in (("Bucket", bucket), ("Prefix", prefix), ("Pickled", weights.pickled)):
            self.resource.add_property_override(name, value)
        # Without its permissions, the function would fail the deployment.
        self.resource.node.add_dependency(function.role.permissions, function.resource)


def shown(scope: Construct, bucket: str) -> str:
    """The name of a bucket as findings of cdk-nag show it: that of a bucket of the same stack by its logical id."""
    if not Token.is_unresolved(bucket):
        return bucket
    resolved = Stack.of(scope).resolve(bucket)
    return f"<{resolved['Ref']}>" if isinstance(resolved, dict) and "Ref" in resolved else bucket
