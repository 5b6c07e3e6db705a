"""An open-weight model on a SageMaker endpoint."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from ...data.jumpstart import JumpStartCatalogue
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from .hosted_endpoint import HostedEndpoint, Shadow, region_of
from .options import EndpointOptions
from .serving import jumpstart_container


class JumpStartEndpoint(HostedEndpoint):
    """A model of the JumpStart catalogue on a SageMaker endpoint inside the VPC.

    The container has no network access and no credentials. Volumes and captured data are encrypted. The endpoint scales
    on invocations per instance, has alarms on errors, latency and idleness, and rolls back a deployment during which
    an alarm is raised.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import EndpointOptions, JumpStartEndpoint

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        JumpStartEndpoint(
            stack,
            "Embeddings",
            foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
            endpoint_name="embeddings",
            options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3"),
        )
        app.synth()

    :param foundation: key, topic and network. The network needs two zones or more to survive the loss of one.
    :param endpoint_name: name of the endpoint, 1 to 63 letters, digits and hyphens.
    :param options: the model, and how it is served.
    :param captured: receives captured requests and responses; required by ``data_capture_percent``.
    :param queued: holds the requests of asynchronous inference under ``<endpoint>/in/``, and receives the responses
        under ``<endpoint>/out/``; required by ``asynchronous``.
    :param execution_role: an existing role that SageMaker assumes to load and run the model; a managed policy with the
        permissions of this endpoint is attached to it. Default: ``options.execution_role``, or a new role.
    :raises InvalidValueError: if the model is not available in the Region, or a bucket is missing.
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
        self.model = JumpStartCatalogue.get(options.model or "")
        kind = options.instance_type or self.model.default_instance_type
        region = region_of(self)
        shadow = None
        if options.shadow:
            copied = JumpStartCatalogue.get(options.shadow.model)
            shadow_type = options.shadow.instance_type or copied.default_instance_type
            shadow = Shadow(
                container=jumpstart_container(copied, shadow_type, region, options.shadow.accept_eula),
                instance_type=shadow_type,
                percent=options.shadow.percent,
            )
        self._serve(
            jumpstart_container(self.model, kind, region, options.accept_eula),
            kind,
            region,
            foundation=foundation,
            endpoint_name=endpoint_name,
            options=options,
            captured=captured,
            queued=queued,
            execution_role=execution_role,
            beside={
                name: jumpstart_container(JumpStartCatalogue.get(each.model), kind, region, each.accept_eula)
                for name, each in options.beside.items()
            },
            shadow=shadow,
        )
