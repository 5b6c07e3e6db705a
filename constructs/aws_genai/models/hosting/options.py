"""The options of endpoints, each declared once: for code that passes them, and for the settings file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ...data.accelerators import Accelerator, AcceleratorCatalogue
from ...data.containers import ServerName, default_server, serving_container
from ...data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula, check_instances
from ...data.week import WEEK, Day
from ...errors import InvalidValueError, nearest, reported_at
from ...options import HostedType, ModelId, Name, Options, RoleArn, TimeZone, text
from ...resource_name import SAGEMAKER, ResourceName

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
ENDPOINT_NAME = ResourceName("Endpoint", 63, SAGEMAKER)
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html
COMPONENT_NAME = ResourceName("Inference component", 63, SAGEMAKER)
#: Endpoint configurations have the name of their endpoint and the number of a version.
APPROVED_NAME = ResourceName("Pipeline", 55, SAGEMAKER)

#: How the CDK writes a value that CloudFormation resolves: https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
_UNRESOLVED = r"\$\{Token\[[A-Za-z0-9:._-]+\]\}"
_URI = re.compile(
    rf"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]|{_UNRESOLVED})/(?P<prefix>[A-Za-z0-9_!.*'()/-]*[A-Za-z0-9_!.*'()-])/?"
)
#: The ARN of a key, or the attribute of a key that the same app creates.
_WeightsKey = Annotated[
    str,
    text(
        r"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/"
        r"(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})|\$\{Token\[[A-Za-z0-9:._-]+\]\})$",
        "be the ARN of a key, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
]


class WorkingHours(Options):
    """Days and hours in which people work."""

    days: Annotated[list[Day], Field(min_length=1)] = list(WEEK)
    """Days of the week. Default: Monday to Friday."""

    start: Annotated[int, Field(ge=0, le=23)] = 8
    """Hour at which working time begins."""

    end: Annotated[int, Field(ge=1, le=24)] = 18
    """Hour at which working time ends."""

    time_zone: TimeZone = "Etc/UTC"
    """IANA time zone of the hours."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise InvalidValueError(
                f"Working time ends at {self.end}, before it begins at {self.start}", field="end", hint="Raise end"
            )
        return self


class WarmHours(WorkingHours):
    """Hours in which an endpoint has a higher minimum number of instances.

    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html
    """

    instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Minimum number of instances during these hours."""

    def check(self, minimum: int, maximum: int) -> None:
        """Refuse hours that change nothing or cannot be met.

        :raises InvalidValueError: unless ``minimum`` < instances <= ``maximum``.
        """
        if not minimum < self.instances <= maximum:
            raise InvalidValueError(
                f"warm.instances must be {minimum + 1} to {maximum}, not {self.instances}",
                field="warm",
                hint=f"Set warm.instances between the minimum ({minimum}) and the maximum ({maximum}), or raise "
                "max_instances",
            )

    def actions(self, minimum: int, ready: int) -> list[dict[str, Any]]:
        """The scheduled actions of a scalable target: its minimum capacity is ``ready``, then ``minimum`` again."""
        # A day has no hour 24 for an action to begin at.
        end = f"0 {self.end}" if self.end < 24 else "59 23"
        moments = {"warm": (f"0 {self.start}", ready), "cool": (end, minimum)}
        return [
            {
                "scheduledActionName": name,
                "schedule": f"cron({moment} ? * {','.join(self.days)} *)",
                "timezone": self.time_zone,
                "scalableTargetAction": {"minCapacity": capacity},
            }
            for name, (moment, capacity) in moments.items()
        ]


class TrafficShift(Options):
    """How traffic shifts to a new version of an endpoint. An alarm during the shift rolls the deployment back.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html
    """

    kind: Literal["all_at_once", "canary", "linear"] = "canary"
    """All traffic at once, a first portion and then the rest, or in equal steps."""

    percent: Annotated[int, Field(ge=1, le=50)] = 25
    """Size of the canary or of each linear step, in percent of the capacity; at least 10 for a linear shift."""

    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Number of seconds between two steps, and before the previous version is deleted."""

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        if self.kind == "linear" and self.percent < 10:
            raise InvalidValueError(
                f"A linear step is 10 to 50 percent of the capacity, not {self.percent}", field="percent"
            )
        return self

    def policy(self) -> dict[str, object]:
        """The blue/green update policy of an endpoint."""
        routing: dict[str, object] = {"type": self.kind.upper(), "waitIntervalInSeconds": self.wait_seconds}
        size = {"type": "CAPACITY_PERCENT", "value": self.percent}
        if self.kind == "canary":
            routing["canarySize"] = size
        elif self.kind == "linear":
            routing["linearStepSize"] = size
        return {
            "trafficRoutingConfiguration": routing,
            "terminationWaitInSeconds": self.wait_seconds,
            "maximumExecutionTimeoutInSeconds": 7200 if self.kind == "all_at_once" else 14400,
        }


class AsyncInference(Options):
    """Requests that wait in a queue, of up to 1 GB and an hour each. Without requests, no instance runs.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
    """

    concurrent: Annotated[int, Field(ge=1, le=1000)] = 4
    """Maximum number of requests that one instance processes at the same time."""

    backlog: Annotated[float, Field(ge=0.01, le=100_000)] = 5
    """Number of waiting requests per instance that scaling aims for."""


class BesideModel(Options):
    """A further model on the instances of an endpoint."""

    model: ModelId
    """Id of a model of the JumpStart catalogue."""

    accept_eula: bool = False
    """Whether to accept the model's end-user license agreement."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_eula(_catalogued(self.model), self.accept_eula)
        return self


class ShadowModel(BesideModel):
    """A shadow variant: it receives a copy of some requests, and its responses are measured and discarded.

    https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests.html
    """

    instance_type: HostedType | None = None
    """SageMaker instance type that the model supports. Default: the model's default type."""

    percent: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the requests, in percent."""


class ModelFiles(Options):
    """The files of your own model in Amazon S3."""

    uri: Annotated[str, Field(max_length=1024)]
    """Location of the files, as s3://bucket/prefix. Give each version a prefix of its own. In code, the location in a
    bucket of your app is ``bucket.s3_url_for_object("prefix")``."""

    key_arn: _WeightsKey | None = None
    """ARN of the AWS KMS key that encrypts the files. Default: they are encrypted with SSE-S3."""

    @model_validator(mode="after")
    def _an_address(self) -> Self:
        self.place()
        return self

    def place(self) -> tuple[str, str]:
        """The bucket and the prefix, which ends in ``/``.

        :raises InvalidValueError: if the address is not that of a prefix in S3.
        """
        found = _URI.fullmatch(self.uri)
        if found is None:
            raise InvalidValueError(
                f"{self.uri} is not an S3 location of weights",
                field="uri",
                hint="Write it as s3://bucket/model/version",
            )
        return found["bucket"], f"{found['prefix']}/"


class Weights(ModelFiles):
    """Your own model weights in Amazon S3."""

    pickled: list[Annotated[str, Field(min_length=1, max_length=1024)]] = []
    """Names of files that may be Python pickles, which run code when they are loaded. Default: safetensors only."""


class ServedWeights(Weights):
    """Your own model weights, and the container that serves them."""

    server: ServerName | None = None
    """Serving container. Default: the one that suits the accelerator."""

    context: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Maximum number of tokens of a sequence. Default: the model's own limit."""

    environment: Annotated[
        dict[
            Annotated[str, text(r"^[A-Z_][A-Z0-9_]*$", "have capital letters, digits and underscores", max_length=256)],
            Annotated[str, Field(max_length=1024)],
        ],
        Field(max_length=80),
    ] = {}
    """Further environment variables of the container. Never put a secret here."""


class EndpointOptions(Options):
    """A model on a SageMaker endpoint: a model of the JumpStart catalogue, or weights of your own."""

    model: ModelId | None = None
    """Id of a model of the JumpStart catalogue. Set this or weights."""

    weights: ServedWeights | None = None
    """Weights of your own in place of a model of the catalogue."""

    instance_type: HostedType | None = None
    """SageMaker instance type, such as ml.g6.xlarge. Default: the model's default type."""

    accept_eula: bool = False
    """Whether to accept the model's end-user license agreement."""

    min_instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Minimum number of instances."""

    max_instances: Annotated[int, Field(ge=1, le=100)] = 2
    """Maximum number of instances."""

    invocations_per_instance: Annotated[float, Field(ge=0.01, le=1_000_000)] = 60
    """Number of invocations per minute and instance that scaling aims for."""

    latency_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Median model latency, in milliseconds, that raises an alarm."""

    idle_hours: Annotated[int, Field(ge=1, le=24)] = 6
    """Number of hours without an invocation that raises an alarm. An endpoint that scales to zero has no such alarm."""

    scale_to_zero: bool = False
    """Whether the endpoint scales to zero instances while it is idle. The next request fails and starts an instance,
    which takes minutes; the caller must retry."""

    warm: WarmHours | None = None
    """Hours in which the minimum number of instances is higher. Default: none."""

    asynchronous: AsyncInference | None = None
    """Asynchronous inference: requests wait in a queue, and the endpoint scales to zero instances. Default: real-time
    inference."""

    retain_capacity: bool = False
    """Whether a new version starts with the instances that scaling added, rather than with the minimum. Set it after
    the endpoint was created: CloudFormation advises against it in the deployment that creates an endpoint."""

    traffic: TrafficShift | None = None
    """How traffic shifts to a new version. Default: all at once."""

    beside: dict[Name, BesideModel] = {}
    """Further models that share the instances, by name. Requires scale_to_zero."""

    shadow: ShadowModel | None = None
    """A shadow variant that receives a copy of some requests. Default: none."""

    data_capture_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of the requests that is captured with the responses, in percent; 0 captures none."""

    execution_role: RoleArn | None = None
    """ARN of an existing role that SageMaker assumes to load and run the model. It must trust sagemaker.amazonaws.com;
    a managed policy with the permissions of this endpoint is attached to it. Default: a new role."""

    @property
    def scales_to_zero(self) -> bool:
        """Whether there are times without an instance."""
        return self.scale_to_zero or self.asynchronous is not None

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        if self.weights:
            self._check_weights(self.weights)
        else:
            self._check_model()
        check_instances(self.min_instances, self.max_instances)
        self._check_ways()
        if self.warm:
            self.warm.check(0 if self.scales_to_zero else self.min_instances, self.max_instances)
        return self

    def _check_ways(self) -> None:
        """Refuse options that exclude each other."""
        zero = "scale_to_zero" if self.scale_to_zero else "asynchronous"
        if self.scale_to_zero and self.asynchronous:
            raise InvalidValueError(
                "An asynchronous endpoint scales to zero by itself",
                field="scale_to_zero",
                hint="Leave scale_to_zero out",
            )
        if self.scales_to_zero and self.min_instances > 1:
            raise InvalidValueError(
                f"An endpoint that scales to zero cannot have a minimum of {self.min_instances} instances",
                field="min_instances",
                hint=f"Leave min_instances or {zero} out",
            )
        if self.scale_to_zero and self.traffic:
            raise InvalidValueError(
                "Inference components are updated copy by copy, so traffic does not apply to them",
                field="traffic",
                hint="Leave traffic out",
            )
        if self.scales_to_zero and self.shadow:
            raise InvalidValueError(
                "A shadow variant needs an endpoint that always has an instance",
                field="shadow",
                hint=f"Leave {zero} or shadow out",
            )
        if self.scales_to_zero and self.retain_capacity:
            raise InvalidValueError(
                "An endpoint that scales to zero has no capacity to retain",
                field="retain_capacity",
                hint=f"Leave retain_capacity or {zero} out",
            )
        if self.beside and not self.scale_to_zero:
            raise InvalidValueError(
                "Models share the instances of an endpoint as inference components",
                field="beside",
                hint="Set scale_to_zero to true, or serve the other models on endpoints of their own",
            )

    def _check_model(self) -> None:
        if self.model is None:
            raise InvalidValueError(
                "An endpoint serves a model of the catalogue or weights of your own, and neither is given",
                field="model",
                hint="Set model, or weights.uri",
            )
        _check_runs(self.model, self.instance_type, self.accept_eula)
        for name, each in self.beside.items():
            if name == "model":
                raise InvalidValueError(
                    "The endpoint's first model already has the name model", field="beside", hint="Rename it"
                )
            own = self.instance_type or JumpStartCatalogue.get(self.model).default_instance_type
            _check_runs(each.model, own, each.accept_eula)
        if self.shadow:
            _check_runs(self.shadow.model, self.shadow.instance_type, self.shadow.accept_eula)

    def _check_weights(self, weights: ServedWeights) -> None:
        for name, given in (("model", self.model), ("beside", self.beside), ("shadow", self.shadow)):
            if given:
                raise InvalidValueError(
                    f"Weights of your own and {name} exclude each other",
                    field=name,
                    hint=f"Leave {name} or weights out",
                )
        if self.instance_type is None:
            raise InvalidValueError(
                "There is no default instance type for weights of your own",
                field="instance_type",
                hint="Set instance_type; make choose PARAMETERS=8e9, with the number of your model, proposes one",
            )
        serving_container(weights.server or default_server(self.hardware())).check(self.instance_type)

    def check_region(self, region: str) -> None:
        """Refuse what the Region does not offer.

        :raises InvalidValueError: naming the model, or the container.
        """
        if self.weights:
            server = self.weights.server or default_server(self.hardware())
            with reported_at("weights.server"):
                serving_container(server).image(region)
            return
        served = {"model": (self.model, self.instance_type)}
        served |= {f"beside.{name}": (each.model, self.instance_type) for name, each in self.beside.items()}
        if self.shadow:
            served["shadow"] = (self.shadow.model, self.shadow.instance_type)
        for field, (model_id, instance_type) in served.items():
            model = JumpStartCatalogue.get(model_id or "")
            if region not in model.regions:
                raise InvalidValueError(
                    f"{model_id} is not available in {region}", field=field, hint=nearest(region, model.regions)
                )
            model.image(instance_type or model.default_instance_type, region)

    def hardware(self) -> Accelerator:
        """What the instance type has."""
        return AcceleratorCatalogue.default().get((self.instance_type or "").removeprefix("ml."))


class ApprovedEndpointOptions(Options):
    """The endpoint that approved versions of a model are deployed to."""

    instance_type: HostedType | None = None
    """SageMaker instance type that the model supports, also used for the evaluation. Default: the model's default
    type."""

    instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Number of instances."""

    latency_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Median model latency, in milliseconds, that raises an alarm."""

    idle_hours: Annotated[int, Field(ge=1, le=24)] = 6
    """Number of hours without an invocation that raises an alarm."""


class DriftLimits(Options):
    """How much the captured traffic of an endpoint may change before an alarm is raised."""

    drift: Annotated[float, Field(ge=0.01, le=10)] = 0.25
    """Population stability index of lengths and topics, compared with the first hour that has enough traffic. Below 0.1
    the traffic is alike; above 0.25 it is not."""

    empty_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Share of the responses without text, in percent."""

    refused_percent: Annotated[float, Field(ge=0, le=100)] = 20
    """Share of the responses that decline to answer, in percent."""

    least_f1: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Minimum F1 score of the responses against correct answers that people provide."""

    hours: Annotated[int, Field(ge=1, le=24)] = 2
    """Number of consecutive hours outside a limit that raises an alarm."""


class IdleOptions(Options):
    """When endpoints that nobody calls are put to sleep."""

    hours: Annotated[int, Field(ge=1, le=336)] = 24
    """Number of hours without an invocation after which an endpoint is idle."""

    notice_hours: Annotated[int, Field(ge=1, le=168)] = 4
    """Number of hours between the notification and the deletion of an idle endpoint."""

    working_hours: WorkingHours | None = None
    """Hours in which no endpoint is stopped. Default: an endpoint may be stopped at any time."""

    dry_run: bool = False
    """Whether idle endpoints are only written to the log."""


def _catalogued(model_id: str) -> JumpStartModel:
    with reported_at("model"):
        return JumpStartCatalogue.get(model_id)


def _check_runs(model_id: str, instance_type: str | None, accept_eula: bool) -> None:
    model = _catalogued(model_id)
    if instance_type and instance_type not in model.supported_instance_types:
        raise InvalidValueError(
            f"{model_id} does not run on {instance_type}",
            field="instance_type",
            hint=nearest(instance_type, model.supported_instance_types),
        )
    check_eula(model, accept_eula)
