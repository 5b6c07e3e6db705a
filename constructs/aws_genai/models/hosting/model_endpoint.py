"""Your own weights on a SageMaker endpoint."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ...data.containers import default_server, serving_container
from ...errors import InvalidValueError
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...functions.weights_check.check import PICKLED
from .hosted_endpoint import HostedEndpoint, region_of
from .options import EndpointOptions
from .serving import Container
from .weights_check import WeightsCheck, shown


class ModelEndpoint(HostedEndpoint):
    """Your own weights in Amazon S3, served by an AWS Deep Learning Container with all that
    :class:`JumpStartEndpoint` offers.

    The container suits the accelerator: LMI on GPUs, vLLM for Neuron on Inferentia2 and Trainium. vLLM, TGI and Triton
    can be chosen by name. Before the model is created, a function checks every file: weights must be safetensors, and
    a pickle fails the deployment unless it is listed in ``weights.pickled``. The execution role cannot read files with
    the extension of a pickle either, whenever they are uploaded. Weights for Neuron must be compiled beforehand, since
    the container has no network access.
    https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import EndpointOptions, ModelEndpoint, ServedWeights

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
                weights=ServedWeights(uri="s3://my-models/assistant/3"), instance_type="ml.g6.12xlarge"
            ),
        )
        app.synth()

    :param foundation: key, topic and network.
    :param endpoint_name: name of the endpoint, 1 to 63 letters, digits and hyphens.
    :param options: the weights, the instance type, and how they are served.
    :param captured: receives captured requests and responses; required by ``data_capture_percent``.
    :param queued: holds the requests and responses of asynchronous inference; required by ``asynchronous``.
    :param execution_role: an existing role that SageMaker assumes to load and run the model; a managed policy with the
        permissions of this endpoint is attached to it. Default: ``options.execution_role``, or a new role.
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
        execution_role: iam.IRole | None = None,
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
            shown=shown(self, bucket),
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
            execution_role=execution_role,
        )
        check = WeightsCheck(self, "Weights", foundation=foundation, weights=weights)
        self.node.find_child("Model").node.add_dependency(check)
