"""Weights of one's own on a SageMaker endpoint."""

from __future__ import annotations

from constructs import Construct

from ...data.containers import default_server, serving_container
from ...errors import InvalidValueError
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...functions.weights_check.check import PICKLED
from .hosted_endpoint import HostedEndpoint, region_of
from .options import EndpointOptions
from .serving import Container
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
        from aws_genai.models import EndpointOptions, ModelEndpoint, ServedWeights
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"], private_functions=True)
        ModelEndpoint(
            stack,
            "Assistant",
            foundation=foundation,
            endpoint_name="assistant",
            options=EndpointOptions(
                weights=ServedWeights(uri="s3://models-of-mine/assistant/3"), instance_type="ml.g6.12xlarge"
            ),
        )
        app.synth()

    :param foundation: key, topic and network.
    :param endpoint_name: name of the endpoint, 1 to 63 letters, digits and hyphens.
    :param options: the weights, the instance type, and how they are served.
    :param captured: receives captured requests and responses; required by ``data_capture_percent``.
    :param queued: holds the requests and responses of asynchronous inference; required by ``asynchronous``.
    :raises InvalidValueError: if there are no weights, the container is not available in the Region, or a bucket is
        missing.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        endpoint_name: str,
        options: EndpointOptions,
        captured: SecureBucket | None = None,
        queued: SecureBucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        weights = options.weights
        if weights is None or options.instance_type is None:
            raise InvalidValueError(
                "A ModelEndpoint serves weights of your own, and none are given",
                field="weights",
                hint="Set weights, or use JumpStartEndpoint for a model of the catalogue",
            )
        bucket, prefix = weights.place()
        facts = options.hardware()
        chosen = serving_container(weights.server or default_server(facts))
        self.server = chosen.name
        region = region_of(self)
        container = Container(
            image=chosen.image(region),
            environment={**chosen.variables(facts.count, weights.context), **weights.environment},
            bucket=bucket,
            key=prefix,
            accelerators=facts.count,
            host_image=chosen.host_image,
            key_arn=weights.key_arn,
            unread=[ending for ending in PICKLED if not any(name.endswith(ending) for name in weights.pickled)],
        )
        self._serve(
            container,
            options.instance_type,
            region,
            foundation=foundation,
            endpoint_name=endpoint_name,
            options=options,
            captured=captured,
            queued=queued,
        )
        check = WeightsCheck(
            self,
            "Weights",
            bucket=bucket,
            prefix=prefix,
            key_arn=weights.key_arn,
            pickled=weights.pickled,
            foundation=foundation,
        )
        self.node.find_child("Model").node.add_dependency(check)
