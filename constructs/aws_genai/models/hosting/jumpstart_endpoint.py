"""An open-weight model on a SageMaker endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

from constructs import Construct

from ...data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula
from ...errors import InvalidValueError
from .hosted_endpoint import HostedEndpoint, Shadow, region_of
from .serving import Container, EndpointOptions, jumpstart_container

__all__ = ["BesideModel", "JumpStartEndpoint", "ShadowModel"]


@dataclass(frozen=True, kw_only=True)
class ShadowModel:
    """A model that gets a copy of some calls; its answers are measured, never returned.

    https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests.html

    :param model_id: a model of :class:`JumpStartCatalogue`.
    :param instance_type: a type that the model supports. Default: the model's own.
    :param accept_eula: accept the model's end-user licence agreement. Default: no.
    :param percent: share of the calls, 1 to 100. Default: 100.
    """

    model_id: str
    instance_type: str | None = None
    accept_eula: bool = False
    percent: int = 100


@dataclass(frozen=True, kw_only=True)
class BesideModel:
    """A model that shares the instances of an endpoint.

    :param model_id: a model of :class:`JumpStartCatalogue`.
    :param accept_eula: accept the model's end-user licence agreement. Default: no.
    """

    model_id: str
    accept_eula: bool = False


class JumpStartEndpoint(HostedEndpoint):
    """A model of the JumpStart catalogue on a SageMaker endpoint inside the VPC.

    The container has no network and no credentials, volumes and captured data are encrypted, the endpoint scales
    on invocations per instance, alarms on errors, latency and idleness, and goes back to the version before when
    a deployment raises an alarm.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import JumpStartEndpoint
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        JumpStartEndpoint(
            stack,
            "Embeddings",
            model_id="huggingface-sentencesimilarity-bge-m3",
            endpoint_name="embeddings",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param model_id: a model of :class:`JumpStartCatalogue`.
    :param instance_type: a type that the model supports. Default: the model's own.
    :param accept_eula: accept the model's end-user licence agreement. Default: no.
    :param beside: further models, by name, that share the instances as inference components. Default: none.
    :param shadow: a model that gets a copy of some calls. Default: none.
    :param options: see :class:`EndpointOptions`.
    :raises InvalidValueError: if the model is not in the catalogue, does not run on the type or in the Region,
        has a licence that was not accepted, has warm hours that change nothing, does not fit beside the others, or
        the ways to serve exclude each other.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model_id: str,
        instance_type: str | None = None,
        accept_eula: bool = False,
        beside: Mapping[str, BesideModel] | None = None,
        shadow: ShadowModel | None = None,
        **options: Unpack[EndpointOptions],
    ) -> None:
        super().__init__(scope, id)
        self.model = JumpStartCatalogue.get(model_id)
        kind = instance_type or self.model.default_instance_type
        region = region_of(self)
        first = _container(self.model, kind, region, accept_eula)
        others = {
            name: _container(JumpStartCatalogue.get(each.model_id), kind, region, each.accept_eula)
            for name, each in (beside or {}).items()
        }
        self._serve(first, kind, region, beside=others, shadow=_shadow(shadow, region) if shadow else None, **options)


def _container(model: JumpStartModel, instance_type: str, region: str, accept_eula: bool) -> Container:
    check_eula(model, accept_eula)
    return jumpstart_container(model, instance_type, region, accept_eula)


def _shadow(wanted: ShadowModel, region: str) -> Shadow:
    check_percent(wanted.percent)
    model = JumpStartCatalogue.get(wanted.model_id)
    kind = wanted.instance_type or model.default_instance_type
    return Shadow(
        container=_container(model, kind, region, wanted.accept_eula), instance_type=kind, percent=wanted.percent
    )


def check_percent(percent: int) -> None:
    """Refuse a share of calls that is none.

    :raises InvalidValueError: unless ``percent`` is 1 to 100.
    """
    if not 1 <= percent <= 100:
        raise InvalidValueError(f"A shadow gets 1 to 100 percent of the calls, not {percent}", field="percent")
