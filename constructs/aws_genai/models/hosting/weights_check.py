"""A look at weights before they are deployed."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack
from constructs import Construct

from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey
from ...foundation.network import PrivateNetwork
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
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        WeightsCheck(
            stack,
            "Weights",
            bucket="models-of-mine",
            prefix="assistant/3/",
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param bucket: name of the bucket.
    :param prefix: prefix of the files, ending in ``/``.
    :param key_arn: the customer key that encrypts the files. Default: none.
    :param pickled: names of files below the prefix that may be pickles. Default: none.
    :param key: encrypts the function's logs.
    :param topic: receives calls of the function that failed.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: str,
        prefix: str,
        key: DataKey,
        topic: AlarmTopic,
        key_arn: str | None = None,
        pickled: Sequence[str] = (),
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        function = provider(
            Stack.of(self),
            "WeightsCheck",
            "weights_check",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
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
