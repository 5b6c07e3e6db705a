"""A CloudWatch dashboard of the three layers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from aws_cdk import Stack, aws_cloudwatch as cloudwatch
from constructs import Construct

from ..compute.boot import NAMESPACE as ACCELERATORS, UTILIZATION
from ..data.bedrock import BedrockCatalogue
from ..errors import InvalidValueError
from ..foundation.pseudo import REGION
from ..functions.chat import metrics as own
from ..models.hosting.endpoint import VARIANT
from .chat_api import STAGE, ChatApi
from .options import DASHBOARD_NAME

if TYPE_CHECKING:
    from ..compute.fleet import AcceleratorFleet
    from .assistant import Assistant

#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MOST_WIDGETS, MOST_METRICS_OF_A_WIDGET, MOST_METRICS = 500, 500, 2500
_WIDTH, _HEIGHT = 24, 6
#: A metric of a graph, as the dashboard body has it.
Metric = list[Any]


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
    """A CloudWatch dashboard with a section for applications, models, endpoints and fleets.

    Applications, that is chat APIs and their assistants, are shown with requests, errors, the time to the first token,
    tokens, what the guardrail blocked, questions to which the documents say nothing, and the use of tools. Costs are
    estimated from the tokens that Bedrock counts and the catalogue's list prices, without discounts and prompt caching;
    a model without a known price has no line. CloudWatch bills a dashboard with 3 USD a month, beyond three in an
    account. https://aws.amazon.com/cloudwatch/pricing/
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
    :param fleets: fleets whose instances and accelerators are shown. Default: none.
    :param endpoints: endpoints whose invocations, errors, latency and GPUs are shown. Default: none.
    :param models: ``ModelId`` dimension of each Bedrock model by its label: the id of the model, or of its application
        inference profile. Default: none.
    :param prices: US dollars for a million input tokens and a million output tokens of the models by their label.
        Default: those of the catalogue, for labels whose dimension is the id of a model.
    :param chats: chat APIs that are shown, with their assistants. Default: none.
    :raises InvalidValueError: if the dashboard would have more widgets or metrics than CloudWatch takes.
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
        prices: Mapping[str, tuple[float, float]] | None = None,
        chats: Sequence[ChatApi] = (),
    ) -> None:
        super().__init__(scope, id)
        DASHBOARD_NAME.check(name)
        page = _Page()
        if chats:
            page.section("Applications", _applications(chats))
        if models:
            page.section("Models: all callers of the account, unless they have inference profiles of their own", [])
            page.rows(_models(models, _known(models) if prices is None else prices))
        if endpoints:
            page.section("Endpoints", [_idle(endpoints), *(_endpoint(each) for each in endpoints)])
        if fleets:
            page.section("Fleets", [_fleets(fleets)])
        # Names of dashboards are unique in an account, across Regions.
        named = f"{name}-{Stack.of(self).region}"
        cloudwatch.CfnDashboard(self, "Resource", dashboard_name=named, dashboard_body=json.dumps(page.body()))


Graph = dict[str, Any]


@dataclass
class _Page:
    """Widgets, row by row."""

    _widgets: list[Graph] = field(default_factory=list)
    _y: int = 0

    def section(self, title: str, rows: Sequence[Sequence[Graph]]) -> None:
        text = {"type": "text", "properties": {"markdown": f"## {title}"}}
        self._widgets.append({**text, "x": 0, "y": self._y, "width": _WIDTH, "height": 1})
        self._y += 1
        self.rows(rows)

    def rows(self, rows: Sequence[Sequence[Graph]]) -> None:
        for row in rows:
            width = _WIDTH // len(row)
            for number, graph in enumerate(row):
                place = {"x": number * width, "y": self._y, "width": width, "height": _HEIGHT}
                self._widgets.append({"type": "metric", **place, "properties": graph})
            self._y += _HEIGHT

    def body(self) -> dict[str, Any]:
        """The body of the dashboard.

        :raises InvalidValueError: if CloudWatch would not take it.
        """
        metrics = sum(len(each["properties"].get("metrics", ())) for each in self._widgets)
        for found, most, what in ((len(self._widgets), MOST_WIDGETS, "widgets"), (metrics, MOST_METRICS, "metrics")):
            if found > most:
                raise InvalidValueError(
                    f"The dashboard would have {found} {what}, and CloudWatch takes {most}",
                    field="dashboard",
                    hint="Show fewer models, endpoints or assistants, or turn the dashboard off",
                )
        return {"widgets": self._widgets}


def _graph(title: str, metrics: Sequence[Metric], **more: Any) -> Graph:  # noqa: ANN401 - JSON
    return {
        "title": title,
        "view": "timeSeries",
        "region": REGION,
        "period": 300,
        "metrics": list(metrics),
        **more,
    }


@dataclass(frozen=True)
class _Application:
    """A function that answers: the chat itself, or an assistant."""

    label: str
    function: str
    dimensions: Mapping[str, str]

    def own(self, metric: str, stat: str = "Sum", label: str = "") -> Metric:
        """A metric that the function publishes."""
        by = [part for pair in self.dimensions.items() for part in pair]
        return [own.NAMESPACE, metric, *by, {"stat": stat, "label": f"{self.label}{label}"}]

    def of_lambda(self, metric: str, label: str = "") -> Metric:
        """A metric of AWS Lambda."""
        return ["AWS/Lambda", metric, "FunctionName", self.function, {"stat": "Sum", "label": f"{self.label}{label}"}]


def _applications(chats: Sequence[ChatApi]) -> list[list[Graph]]:
    """The rows of applications: what users notice, what it takes, what is refused, and what tools do."""
    assistants = [_assistant(each) for chat in chats for each in chat.assistants]
    every = [
        *(_Application(each.name, each.function.function_name, each.own_dimensions) for each in chats),
        *assistants,
    ]

    def graph(title: str, *metrics: str) -> Graph:
        lines = [each.own(name, label=f": {name}" if len(metrics) > 1 else "") for each in every for name in metrics]
        return _graph(title, lines)

    rows = [
        [
            _graph(
                "Requests", [*_api(chats, "Count", "Sum", "API"), *(each.of_lambda("Invocations") for each in every)]
            ),
            _graph(
                "Errors",
                [
                    *_api(chats, "4XXError", "Sum", "API: 4xx"),
                    *_api(chats, "5XXError", "Sum", "API: 5xx"),
                    *(each.own(own.FAILED, label=": failed") for each in every),
                    *(each.of_lambda("Errors", ": crashed") for each in every),
                    *(each.of_lambda("Throttles", ": throttled") for each in every),
                ],
            ),
            _graph(
                "Time to the first token of assistants, latency of the API (milliseconds)",
                [
                    *_api(chats, "Latency", "p90", "API: p90"),
                    *(each.own(own.FIRST_TOKEN, stat, f": {stat}") for each in assistants for stat in ("p50", "p90")),
                ],
            ),
        ],
        [
            graph("Tokens in", own.INPUT_TOKENS),
            graph("Tokens out", own.OUTPUT_TOKENS),
            graph("Refused for the budget, or locked out", own.BUDGET_SPENT, own.LOCKED_OUT),
        ],
        [
            graph("Questions that the guardrail blocked", own.INPUT_BLOCKED),
            graph("Answers that the guardrail blocked", own.OUTPUT_BLOCKED),
            graph("Questions to which the documents say nothing", own.NO_SUPPORT),
        ],
    ]
    if assistants:
        every = assistants
        rows.append(
            [
                graph("Tool calls", own.TOOL_CALLS),
                graph("Tool calls refused", own.TOOL_REFUSALS),
                graph("Tool calls failed", own.TOOL_FAILURES),
            ]
        )
    return rows


def _assistant(assistant: Assistant) -> _Application:
    return _Application(assistant.name, assistant.function.function_name, assistant.own_dimensions)


def _api(chats: Sequence[ChatApi], metric: str, stat: str, label: str) -> list[Metric]:
    return [
        [
            "AWS/ApiGateway",
            metric,
            "ApiName",
            chat.name,
            "Stage",
            STAGE,
            {"stat": stat, "label": f"{chat.name} {label}"},
        ]
        for chat in chats
    ]


def _known(models: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """The catalogue's prices of models that are called by their own id."""
    prices = {}
    for label, dimension in models.items():
        try:
            price = BedrockCatalogue.get(dimension).token_prices
        except InvalidValueError:
            continue
        if price:
            prices[label] = price
    return prices


def _models(models: Mapping[str, str], prices: Mapping[str, tuple[float, float]]) -> list[list[Graph]]:
    def graph(title: str, metric: str, stat: str = "Sum") -> list[Graph]:
        lines = [[_bedrock(metric, dimension, stat=stat, label=label)] for label, dimension in models.items()]
        return list(_parts(title, lines))

    costs = [
        _cost(number, label, models[label], prices[label]) for number, label in enumerate(models) if label in prices
    ]
    # A graph has at most 500 metrics; with more models, the row goes on.
    calls = graph("Model calls", "Invocations")
    given, taken = graph("Tokens in", "InputTokenCount"), graph("Tokens out", "OutputTokenCount")
    throttled = graph("Throttled model calls", "InvocationThrottles")
    first = graph("Time to the first token of Bedrock (milliseconds, p90)", "TimeToFirstToken", "p90")
    spent = list(_parts("Estimated cost of tokens at list prices (USD in an hour)", costs, period=3600, stacked=True))
    return [*([a, b, c] for a, b, c in zip(calls, given, taken, strict=True)), [*spent, *first, *throttled]]


def _bedrock(metric: str, dimension: str, **options: Any) -> Metric:  # noqa: ANN401 - JSON
    """https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html"""
    return ["AWS/Bedrock", metric, "ModelId", dimension, options]


def _cost(number: int, label: str, dimension: str, price: tuple[float, float]) -> list[Metric]:
    """The tokens of a model, hidden, and what they cost."""
    given, taken = f"i{number}", f"o{number}"
    expression = f"(FILL({given}, 0) * {price[0]:.10g} + FILL({taken}, 0) * {price[1]:.10g}) / 1000000"
    return [
        _bedrock("InputTokenCount", dimension, stat="Sum", id=given, visible=False),
        _bedrock("OutputTokenCount", dimension, stat="Sum", id=taken, visible=False),
        [{"expression": expression, "label": f"{label} (estimated)", "id": f"c{number}"}],
    ]


def _parts(title: str, groups: Sequence[Sequence[Metric]], **more: Any) -> Iterator[Graph]:  # noqa: ANN401 - JSON
    """Graphs of all groups of metrics, each with as many as CloudWatch takes."""
    part: list[Metric] = []
    for group in groups:
        if len(part) + len(group) > MOST_METRICS_OF_A_WIDGET:
            yield _graph(title, part, **more)
            part = []
        part.extend(group)
    if part:
        yield _graph(title, part, **more)


def _by(dimensions: Mapping[str, str]) -> list[str]:
    return [part for pair in dimensions.items() for part in pair]


def _endpoint(endpoint: Endpoint) -> list[Graph]:
    """The row of one endpoint.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    """
    by, name = _by(endpoint.dimensions), endpoint.endpoint_name
    errors: list[Any] = ["Invocation5XXErrors", *by]
    if endpoint.asynchronous:
        errors = ["InvocationFailures", "EndpointName", name]
    instances = ["/aws/sagemaker/Endpoints", "GPUUtilization", "EndpointName", name, "VariantName", VARIANT]
    memory = [*instances[:1], "GPUMemoryUtilization", *instances[2:]]
    return [
        _graph(f"{name}: invocations", [["AWS/SageMaker", "Invocations", *by, {"stat": "Sum"}]]),
        _graph(f"{name}: errors", [["AWS/SageMaker", *errors, {"stat": "Sum"}]]),
        _graph(f"{name}: model latency (microseconds)", [["AWS/SageMaker", "ModelLatency", *by, {"stat": "p50"}]]),
        _graph(
            f"{name}: GPUs (percent, 100 for each GPU)",
            [[*instances, {"stat": "Average"}], [*memory, {"stat": "Average"}]],
        ),
    ]


def _idle(endpoints: Sequence[Endpoint]) -> list[Graph]:
    """The invocations of a day: an endpoint without a number has none, and costs money."""
    lines = [
        [["AWS/SageMaker", "Invocations", *_by(each.dimensions), {"stat": "Sum", "label": each.endpoint_name}]]
        for each in endpoints
    ]
    return list(_parts("Invocations of a day; without a number: idle", lines, view="singleValue", period=86_400))


def _fleets(fleets: Sequence[AcceleratorFleet]) -> list[Graph]:
    """Instances, and the utilization of their GPUs or Neuron cores, which they measure themselves."""
    return [
        _graph(
            "Instances in service",
            [
                ["AWS/EC2", "CPUUtilization", "AutoScalingGroupName", fleet.group_name, {"stat": "SampleCount"}]
                for fleet in fleets
            ],
        ),
        _graph(
            "Accelerator utilization (percent)",
            [[ACCELERATORS, UTILIZATION, "Fleet", fleet.metric_dimension, {"stat": "Average"}] for fleet in fleets],
        ),
    ]
