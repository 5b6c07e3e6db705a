"""A CloudWatch dashboard of the three layers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aws_cdk import Stack, aws_cloudwatch as cloudwatch
from constructs import Construct

from ..foundation.pseudo import REGION
from .chat_api import STAGE, ChatApi
from .options import DASHBOARD_NAME

if TYPE_CHECKING:
    from ..compute.fleet import AcceleratorFleet


class Endpoint(Protocol):
    """A SageMaker endpoint whose invocations can be shown."""

    endpoint_name: str

    @property
    def asynchronous(self) -> bool:
        """Whether requests wait in a queue."""
        ...

    @property
    def dimensions(self) -> dict[str, str]:
        """Dimensions of the metrics of its invocations."""
        ...


class Dashboard(Construct):
    """A CloudWatch dashboard with a row for the capacity, one for each endpoint, and one each for models and chat APIs.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Dashboard
        from aws_genai.foundation import CostTags
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        Dashboard(
            cdk.Stack(app, "Overview"),
            "Dashboard",
            name="assistant",
            models={"Nova Lite": "amazon.nova-lite-v1:0"},
        )
        app.synth()

    :param name: prefix of the dashboard's name, of letters, digits, hyphens and underscores; the Region follows.
    :param fleets: fleets whose instances are counted. Default: none.
    :param endpoints: endpoints whose invocations, errors and latency are shown. Default: none.
    :param models: ``ModelId`` dimension of each Bedrock model by its label: the id of the model, or of its application
        inference profile. Default: none.
    :param chats: chat APIs whose requests, errors and latency are shown. Default: none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        fleets: Sequence[AcceleratorFleet] = (),
        endpoints: Sequence[Endpoint] = (),
        models: Mapping[str, str] | None = None,
        chats: Sequence[ChatApi] = (),
    ) -> None:
        super().__init__(scope, id)
        DASHBOARD_NAME.check(name)
        rows = [
            [_graph("Instances in service", _instances(fleets))] if fleets else [],
            *(_endpoint(each) for each in endpoints),
            [
                _graph("Model calls", _bedrock(models, "Invocations")),
                _graph("Input tokens", _bedrock(models, "InputTokenCount")),
                _graph("Output tokens", _bedrock(models, "OutputTokenCount")),
            ]
            if models
            else [],
            [
                _graph("Chat requests", _chat(chats, "Count", "Sum")),
                _graph("Chat errors", [*_chat(chats, "4XXError", "Sum"), *_chat(chats, "5XXError", "Sum")]),
                _graph("Chat latency (milliseconds)", _chat(chats, "Latency", "p90")),
            ]
            if chats
            else [],
        ]
        widgets: list[dict[str, Any]] = []
        for y, row in enumerate(row for row in rows if row):
            for x, widget in enumerate(row):
                width = 24 // len(row)
                widgets.append({"type": "metric", "x": x * width, "y": y * 6, "width": width, "height": 6, **widget})
        # Names of dashboards are unique in an account, across Regions.
        named = f"{name}-{Stack.of(self).region}"
        cloudwatch.CfnDashboard(self, "Resource", dashboard_name=named, dashboard_body=json.dumps({"widgets": widgets}))


def _graph(title: str, metrics: list[list[Any]]) -> dict[str, Any]:
    return {
        "properties": {
            "title": title,
            "view": "timeSeries",
            "region": REGION,
            "period": 300,
            "metrics": metrics,
        }
    }


def _instances(fleets: Sequence[AcceleratorFleet]) -> list[list[Any]]:
    return [
        ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", fleet.group_name, {"stat": "SampleCount"}]
        for fleet in fleets
    ]


def _endpoint(endpoint: Endpoint) -> list[dict[str, Any]]:
    """The row of one endpoint."""
    by = [part for pair in endpoint.dimensions.items() for part in pair]
    name = endpoint.endpoint_name
    errors: list[Any] = ["Invocation5XXErrors", *by]
    if endpoint.asynchronous:
        errors = ["InvocationFailures", "EndpointName", name]
    return [
        _graph(f"{name}: invocations", [["AWS/SageMaker", "Invocations", *by, {"stat": "Sum"}]]),
        _graph(f"{name}: errors", [["AWS/SageMaker", *errors, {"stat": "Sum"}]]),
        _graph(f"{name}: model latency (microseconds)", [["AWS/SageMaker", "ModelLatency", *by, {"stat": "p50"}]]),
    ]


def _bedrock(models: Mapping[str, str], metric: str) -> list[list[Any]]:
    return [
        ["AWS/Bedrock", metric, "ModelId", dimension, {"stat": "Sum", "label": name}]
        for name, dimension in models.items()
    ]


def _chat(chats: Sequence[ChatApi], metric: str, stat: str) -> list[list[Any]]:
    return [["AWS/ApiGateway", metric, "ApiName", chat.name, "Stage", STAGE, {"stat": stat}] for chat in chats]
