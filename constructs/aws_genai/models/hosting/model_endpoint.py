"""Weights of one's own on a SageMaker endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from aws_cdk import RemovalPolicy
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.containers import ServerName, default_server, serving_container
from ...foundation.network import PrivateNetwork
from ...functions.weights_check.check import PICKLED
from .hosted_endpoint import HostedEndpoint, region_of
from .serving import Container, EndpointOptions
from .weights import Weights
from .weights_check import WeightsCheck


class ModelEndpoint(HostedEndpoint):
    """Your own weights in S3 on an AWS Deep Learning Container, with all that :class:`JumpStartEndpoint` has.

    The container is chosen for the accelerator: LMI on GPUs, vLLM for Neuron on Inferentia2 and Trainium; vLLM, TGI and
    Triton by name. Before the model is made, a function of the deployment looks at every file: weights must be
    safetensors, and a pickle fails the deployment unless it is named. The container's role cannot read files with the
    ending of a pickle either, whenever they are put there. Weights for Neuron must be compiled for it, for the
    container reaches no network.
    https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import ModelEndpoint, Weights
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ModelEndpoint(
            stack,
            "Assistant",
            weights=Weights(uri="s3://models-of-mine/assistant/3"),
            instance_type="ml.g6.12xlarge",
            endpoint_name="assistant",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param weights: where the weights lie.
    :param instance_type: type of the instances, ``ml.`` and a type of the accelerator catalogue.
    :param server: the container, one of vllm, lmi, tgi, neuron, triton. Default: the one that suits the accelerator.
    :param context: most tokens of a sequence. Default: the model's own.
    :param environment: further variables of the container; they win. Default: none.
    :param functions_network: a VPC that the function of the deployment runs in. Default: none, the service's own.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    :param options: see :class:`EndpointOptions`.
    :raises InvalidValueError: if the address is none, the container does not run on the type or in the Region, or the
        ways to serve exclude each other.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        weights: Weights,
        instance_type: str,
        server: ServerName | None = None,
        context: int | None = None,
        environment: Mapping[str, str] | None = None,
        functions_network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        **options: Unpack[EndpointOptions],
    ) -> None:
        super().__init__(scope, id)
        bucket, prefix = weights.place()
        facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        chosen = serving_container(server or default_server(facts))
        chosen.check(instance_type)
        self.server = chosen.name
        region = region_of(self)
        container = Container(
            image=chosen.image(region),
            environment={**chosen.variables(facts.count, context), **(environment or {})},
            bucket=bucket,
            key=prefix,
            accelerators=facts.count,
            host_image=chosen.host_image,
            key_arn=weights.key_arn,
            unread=[ending for ending in PICKLED if not any(name.endswith(ending) for name in weights.pickled)],
        )
        self._serve(container, instance_type, region, **options)
        check = WeightsCheck(
            self,
            "Weights",
            bucket=bucket,
            prefix=prefix,
            key_arn=weights.key_arn,
            pickled=weights.pickled,
            key=options["key"],
            topic=options["topic"],
            network=functions_network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self.node.find_child("Model").node.add_dependency(check)
