"""Settings of hosted models: endpoints of SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from aws_genai.data.accelerators import Accelerator, AcceleratorCatalogue
from aws_genai.data.containers import ServerName, default_server, serving_container
from aws_genai.data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula, check_instances
from aws_genai.data.week import WEEK, Day
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.models.hosting.traffic import TrafficShift, check_ways
from aws_genai.models.hosting.weights import Weights
from aws_genai.models.hosting.working_hours import WarmHours, check_warm

from .base import HostedType, KeyArn, ModelId, Name, Section, TimeZone, text

if TYPE_CHECKING:
    from aws_genai.models import BesideModel, ShadowModel


class WorkingHoursSettings(Section):
    """Days and hours in which people work."""

    days: Annotated[list[Day], Field(min_length=1)] = list(WEEK)
    """Days of the week."""

    start: Annotated[int, Field(ge=0, le=23)] = 8
    """Hour that working time begins."""

    end: Annotated[int, Field(ge=1, le=24)] = 18
    """Hour that working time ends."""

    time_zone: TimeZone = "Etc/UTC"
    """IANA name of the zone of the hours."""

    @model_validator(mode="after")
    def _in_order(self) -> WorkingHoursSettings:
        if self.end <= self.start:
            raise InvalidValueError(
                f"Working time ends at {self.end}, before it begins at {self.start}", field="end", hint="Raise end"
            )
        return self


class Warm(WorkingHoursSettings):
    """When more instances of an endpoint stand ready than its least."""

    instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Least instances in these hours."""


class Traffic(Section):
    """How calls move to a new version of an endpoint, which an alarm takes back."""

    kind: Literal["all_at_once", "canary", "linear"] = "canary"
    """All calls at once, a part first, or part after part."""

    percent: Annotated[int, Field(ge=1, le=50)] = 25
    """The part, in percent of the capacity; at least 10 of a linear shift."""

    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two parts, and before the version before is gone."""

    def shift(self) -> TrafficShift:
        """The same for the library."""
        return TrafficShift(**self.model_dump())


class Asynchronous(Section):
    """Calls that wait in a queue, with no instance while there are none."""

    concurrent: Annotated[int, Field(ge=1, le=1000)] = 4
    """Requests that one instance works at."""

    backlog: Annotated[float, Field(ge=0.01, le=100_000)] = 5
    """Waiting requests on each instance that scaling aims for."""


class Beside(Section):
    """A model that shares the instances of an endpoint."""

    model: ModelId
    """Id of a model of the JumpStart catalogue."""

    accept_eula: bool = False
    """Accept the model's end-user licence agreement."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_eula(_catalogued(self.model), self.accept_eula)
        return self


class Shadow(Beside):
    """A model that gets a copy of some calls; its answers are measured, never returned."""

    instance_type: HostedType | None = None
    """SageMaker instance type that the model supports; without it, the model's own."""

    percent: Annotated[int, Field(ge=1, le=100)] = 100
    """Share of the calls, in percent."""


class OwnWeights(Section):
    """Weights of your own in S3."""

    uri: Annotated[str, Field(max_length=1024)]
    """Where the files lie, as s3://bucket/prefix; each version has a prefix of its own."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts them; without it, S3 does."""

    pickled: list[Annotated[str, Field(min_length=1, max_length=1024)]] = []
    """Names of files that may be Python pickles, which run code when they are loaded."""

    server: ServerName | None = None
    """The container that serves them; without it, the one that suits the accelerator."""

    context: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Most tokens of a sequence; without it, the model's own."""

    environment: Annotated[
        dict[
            Annotated[str, text(r"^[A-Z_][A-Z0-9_]*$", "have capital letters, digits and underscores", max_length=256)],
            Annotated[str, Field(max_length=1024)],
        ],
        Field(max_length=80),
    ] = {}
    """Further variables of the container; never a secret."""

    @model_validator(mode="after")
    def _an_address(self) -> OwnWeights:
        self.weights().place()
        return self

    def weights(self) -> Weights:
        """The same for the library."""
        return Weights(uri=self.uri, key_arn=self.key_arn, pickled=self.pickled)


class Endpoint(Section):
    """A model on a SageMaker endpoint: one of the JumpStart catalogue, or weights of your own."""

    model: ModelId | None = None
    """Id of a model of the JumpStart catalogue; without it, weights."""

    weights: OwnWeights | None = None
    """Weights of your own instead of a model of the catalogue."""

    instance_type: HostedType | None = None
    """SageMaker instance type, such as ml.g6.xlarge; without it, the model's own."""

    accept_eula: bool = False
    """Accept the model's end-user licence agreement."""

    min_instances: Annotated[int, Field(ge=1, le=100)] = 1
    """Least instances."""

    max_instances: Annotated[int, Field(ge=1, le=100)] = 2
    """Most instances."""

    invocations_per_instance: Annotated[float, Field(ge=0.01, le=1_000_000)] = 60
    """Invocations a minute on each instance that scaling aims for."""

    latency_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 30_000
    """Median model latency in milliseconds that raises an alarm."""

    idle_hours: Annotated[int, Field(ge=1, le=24)] = 6
    """Hours without a call that raise an alarm."""

    scale_to_zero: bool = False
    """Whether the model has no instance while nobody calls it; the first call fails and wakes it, in minutes."""

    warm: Warm | None = None
    """When more instances stand ready than the least; at no time without it."""

    asynchronous: Asynchronous | None = None
    """Calls wait in a queue and instances go to none; without it, calls are answered at once."""

    retain_capacity: bool = False
    """Whether a new version keeps the instances that scaling has added; set it once the endpoint exists, not before."""

    traffic: Traffic | None = None
    """How calls move to a new version; all at once without it."""

    beside: dict[Name, Beside] = {}
    """Further models that share the instances, by name; with scale_to_zero only."""

    shadow: Shadow | None = None
    """A model that gets a copy of some calls."""

    data_capture_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of requests that is recorded with its answers, in percent; 0 records none."""

    @model_validator(mode="after")
    def _deployable(self) -> Endpoint:
        if self.weights:
            self._check_weights(self.weights)
        else:
            self._check_model()
        check_instances(self.min_instances, self.max_instances)
        check_ways(
            to_zero=self.scale_to_zero,
            asynchronous=self.asynchronous is not None,
            least=self.min_instances,
            shifted=self.traffic is not None,
            shadowed=self.shadow is not None,
            shared=bool(self.beside),
            retained=self.retain_capacity,
        )
        if self.traffic:
            self.traffic.shift().check()
        if self.warm:
            to_zero = self.scale_to_zero or self.asynchronous
            check_warm(WarmHours(**self.warm.model_dump()), 0 if to_zero else self.min_instances, self.max_instances)
        return self

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
                raise InvalidValueError("The endpoint's own model is called model", field="beside", hint="Rename it")
            own = self.instance_type or JumpStartCatalogue.get(self.model).default_instance_type
            _check_runs(each.model, own, each.accept_eula)
        if self.shadow:
            _check_runs(self.shadow.model, self.shadow.instance_type, self.shadow.accept_eula)

    def _check_weights(self, weights: OwnWeights) -> None:
        for name, given in (("model", self.model), ("beside", self.beside), ("shadow", self.shadow)):
            if given:
                raise InvalidValueError(
                    f"Weights of your own and {name} exclude each other",
                    field=name,
                    hint=f"Leave {name} or weights out",
                )
        if self.instance_type is None:
            raise InvalidValueError(
                "No catalogue knows what your weights run on",
                field="instance_type",
                hint="Set instance_type; make choose proposes one",
            )
        serving_container(weights.server or default_server(self._hardware())).check(self.instance_type)

    def check_region(self, region: str, place: str) -> None:
        """Refuse what the Region does not have; ``place`` is the key path of the endpoint."""
        if self.weights:
            server = self.weights.server or default_server(self._hardware())
            try:
                serving_container(server).image(region)
            except InvalidValueError as error:
                raise InvalidValueError(str(error), field=f"{place}.weights.server") from error
            return
        served = {"model": (self.model, self.instance_type)}
        served |= {f"beside.{name}": (each.model, self.instance_type) for name, each in self.beside.items()}
        if self.shadow:
            served["shadow"] = (self.shadow.model, self.shadow.instance_type)
        for field, (model_id, instance_type) in served.items():
            model = JumpStartCatalogue.get(model_id or "")
            if region not in model.regions:
                raise InvalidValueError(
                    f"{model_id} is not available in {region}",
                    field=f"{place}.{field}",
                    hint=nearest(region, model.regions),
                )
            model.image(instance_type or model.default_instance_type, region)

    def _hardware(self) -> Accelerator:
        return AcceleratorCatalogue.default().get((self.instance_type or "").removeprefix("ml."))

    def others(self) -> dict[str, BesideModel]:
        """The models beside, for the library."""
        from aws_genai.models import BesideModel

        return {
            name: BesideModel(model_id=each.model, accept_eula=each.accept_eula) for name, each in self.beside.items()
        }

    def copied(self) -> ShadowModel | None:
        """The shadow, for the library."""
        from aws_genai.models import ShadowModel

        if self.shadow is None:
            return None
        return ShadowModel(model_id=self.shadow.model, **self.shadow.model_dump(exclude={"model"}))


def _catalogued(model_id: str) -> JumpStartModel:
    try:
        return JumpStartCatalogue.get(model_id)
    except InvalidValueError as error:
        raise InvalidValueError(str(error), field="model") from error


def _check_runs(model_id: str, instance_type: str | None, accept_eula: bool) -> None:
    model = _catalogued(model_id)
    if instance_type and instance_type not in model.supported_instance_types:
        raise InvalidValueError(
            f"{model_id} does not run on {instance_type}",
            field="instance_type",
            hint=nearest(instance_type, model.supported_instance_types),
        )
    check_eula(model, accept_eula)
