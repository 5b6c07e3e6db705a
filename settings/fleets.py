"""Settings of fleets: which instances, how they are bought, when there are how many."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from aws_genai.data.accelerators import Accelerator, AcceleratorCatalogue, image_parameter
from aws_genai.data.purchase import (
    MOST_TYPES,
    Capacity,
    CapacityBlock,
    OnDemand,
    Reserved,
    Spot,
    SpotStrategy,
    check,
    check_attested,
    check_efa,
    check_family,
)
from aws_genai.data.sizing import Precision, choose, need
from aws_genai.errors import InvalidValueError

from .base import Section, TimeZone, check_cron, text


def _instant(value: object) -> object:
    """Dates of YAML are text; numbers and dates without a time are no instants."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if value.isascii() and len(value) > len("2027-01-04") else value
    except ValueError as error:
        reason = f"{value} is no time"
        raise InvalidValueError(reason, hint="Write it as 2027-01-04T11:30:00Z, in quotes") from error


ReservationId = Annotated[
    str, text(r"^cr-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of a reservation, such as cr-0123456789abcdef0")
]
GroupArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:resource-groups:[a-z0-9-]+:[0-9]{12}:group/[a-zA-Z0-9_./-]{1,300}$",
        "be the ARN of a resource group",
    ),
]
ImageId = Annotated[
    str, text(r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of an image, such as ami-0123456789abcdef0")
]
#: An instant, with its offset from UTC.
Instant = Annotated[datetime, BeforeValidator(_instant)]
RootVolume = Annotated[int, Field(ge=100, le=16384)]
IdleMinutes = Annotated[int, Field(ge=5, le=1440)]


class SpotCapacity(Section):
    """Spare capacity at a lower price, taken back with two minutes' notice."""

    on_demand_base: Annotated[int, Field(ge=0, le=1000)] = 0
    """Instances that are on demand before any is Spot."""

    on_demand_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Part of the instances above the base that is on demand, in percent."""

    strategy: SpotStrategy = "price-capacity-optimized"
    """Which pools of spare capacity are taken."""


class ReservedCapacity(Section):
    """A targeted On-Demand Capacity Reservation, or a resource group of them."""

    reservation_id: ReservationId | None = None
    """Id of the reservation."""

    resource_group_arn: GroupArn | None = None
    """ARN of a resource group of reservations instead."""


class BlockCapacity(Section):
    """A Capacity Block for ML, which was bought."""

    reservation_id: ReservationId
    """Id of the reservation that the purchase made."""

    start: Instant
    """When the block begins, such as 2027-01-04T11:30:00Z."""

    end: Instant
    """When the block ends; the fleet is drained an hour before."""

    instances: Annotated[int, Field(ge=1, le=1000)]
    """How many instances the block holds."""


class FleetCapacity(Section):
    """How instances are bought: one of these, or on demand without any."""

    spot: SpotCapacity | None = None
    """Spot capacity."""

    reserved: ReservedCapacity | None = None
    """Reserved capacity."""

    block: BlockCapacity | None = None
    """A Capacity Block."""

    def purchase(self) -> Capacity:
        """The option of the library."""
        chosen = [name for name in ("spot", "reserved", "block") if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise InvalidValueError(
                f"Capacity is bought one way, and these are {len(chosen)}: {', '.join(chosen)}",
                field="capacity",
                hint="Keep one, and make a fleet of each other",
            )
        if self.spot:
            return Spot(**self.spot.model_dump())
        if self.reserved:
            return Reserved(**self.reserved.model_dump())
        return CapacityBlock(**self.block.model_dump()) if self.block else OnDemand()


class FleetSchedule(Section):
    """A size of the fleet from a time on, again and again."""

    cron: Annotated[str, Field(max_length=255)]
    """When, as five fields of cron, such as 0 7 * * MON-FRI."""

    instances: Annotated[int, Field(ge=0, le=1000)]
    """How many instances from then on."""

    time_zone: TimeZone = "Etc/UTC"
    """IANA name of the zone of the times."""

    @field_validator("cron")
    @classmethod
    def _reached(cls, value: str) -> str:
        return check_cron(value, aws=False)


class ServedModel(Section):
    """A model that the fleet is to hold; types too small for it are refused."""

    parameters_billion: Annotated[float, Field(ge=0.001, le=100_000)]
    """How many thousand million parameters the model has, such as 8."""

    precision: Precision = "bf16"
    """Precision of the weights."""

    context: Annotated[int, Field(ge=1, le=10_000_000)] = 8192
    """Longest sequence in tokens."""

    sequences: Annotated[int, Field(ge=1, le=100_000)] = 1
    """How many sequences are served at a time."""

    def wishes(self) -> dict[str, Any]:
        """The arguments of the library."""
        return {"parameters": self.parameters_billion * 1e9, **self.model_dump(exclude={"parameters_billion"})}


class Needs(Section):
    """What the types of a fleet must have; the cheapest come first."""

    platform: Literal["cuda", "neuron"]
    """Software that drives the accelerators."""

    total_memory_gib: Annotated[float, Field(ge=0, le=1_000_000)] = 0
    """Least memory of all accelerators of an instance together, in GiB."""

    accelerators: Annotated[int, Field(ge=1, le=64)] = 1
    """Least number of accelerators of an instance."""

    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Architecture of the processor."""

    local_storage: bool = False
    """Whether an instance needs NVMe disks of its own."""

    max_usd_per_hour: Annotated[float, Field(ge=0.01, le=100_000)] | None = None
    """Dearest price of an instance and hour on demand in us-east-1, in US dollars."""


class Fleet(Section):
    """An Auto Scaling group of accelerated instances, empty until asked for."""

    instance_type: str | None = None
    """An accelerated, Nitro-based EC2 instance type, such as trn1.32xlarge."""

    needs: Needs | None = None
    """What the types must have, in place of naming them."""

    alternatives: list[str] = []
    """Further types that will do, the preferred first; one image must drive them all."""

    capacity: FleetCapacity = FleetCapacity()
    """How the instances are bought; on demand without it."""

    model: ServedModel | None = None
    """The model that each instance is to hold, to refuse types that are too small."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    """Upper bound of the group."""

    cluster: bool = False
    """Whether the instances stand close together, in one zone, for fast exchange."""

    efa: bool = False
    """Whether every network card that takes one has an Elastic Fabric Adapter."""

    work_queue: bool = False
    """Whether the fleet has a queue of work, grows for it and is emptied without any."""

    messages_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """How many waiting messages ask for one more instance."""

    schedules: list[FleetSchedule] = []
    """Sizes by the clock."""

    idle_minutes: IdleMinutes = 60
    """Minutes under 5 % use of the accelerators that raise an alarm."""

    idle_to_zero: bool = False
    """Whether that alarm empties the fleet."""

    file_system: bool = False
    """Whether the file system of the training storage is mounted at /fsx."""

    root_volume_gib: RootVolume = 200
    """Size of each instance's root volume in GiB."""

    image: ImageId | None = None
    """Id of an image of your own, based on AWS's deep learning image; without it, the current one of AWS."""

    attested: bool = False
    """Whether instances may open the weights' envelope, which they do once they have proved what they run."""

    @field_validator("instance_type")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None:
            image_parameter(AcceleratorCatalogue.default().get(value))
        return value

    @field_validator("alternatives")
    @classmethod
    def _known_too(cls, value: list[str]) -> list[str]:
        for name in value:
            image_parameter(AcceleratorCatalogue.default().get(name))
        return value

    def types(self, region: str | None = None) -> list[Accelerator]:
        """Every type that the fleet may start in a Region; without one, in any."""
        catalogue = AcceleratorCatalogue.default()
        names = [self.instance_type, *self.alternatives] if self.instance_type else []
        if self.needs:
            found = catalogue.select(efa=self.efa, region=region, **self.needs.model_dump())
            # Reservations are for one type.
            names = found[:1] if self.capacity.reserved or self.capacity.block else found[:MOST_TYPES]
        return [catalogue.get(name) for name in names]

    @model_validator(mode="after")
    def _together(self) -> Fleet:
        if (self.instance_type is None) == (self.needs is None) or (self.needs and self.alternatives):
            raise InvalidValueError(
                "A fleet names its types, or says what they need",
                field="instance_type",
                hint="Give instance_type, with alternatives as you like, or needs, and not both",
            )
        types = self.types()
        check_family(types)
        check(self.capacity.purchase(), types, self.max_instances)
        if self.efa:
            check_efa(types)
        if self.attested:
            check_attested(types, self.image)
        if self.model:
            self._check_model(self.model)
        for schedule in self.schedules:
            if schedule.instances > self.max_instances:
                raise InvalidValueError(
                    f"A schedule asks for {schedule.instances} instances, and the group has at most "
                    f"{self.max_instances}",
                    field="schedules",
                    hint="Raise max_instances",
                )
        return self

    def _check_model(self, model: ServedModel) -> None:
        wishes = model.wishes()
        wanted = need(**wishes)
        for each in self.types():
            if not wanted.fits(each):
                cheapest = choose(**wishes)
                fitting = [p.accelerator.instance_type for p in cheapest if p.accelerator.platform == each.platform]
                raise InvalidValueError(
                    f"{each.instance_type} has {each.total_memory_gib:,.0f} GiB of accelerator memory, and the model "
                    f"needs {wanted.total_gib:,.0f} GiB in 90 % of it",
                    field="model",
                    hint=f"Did you mean {fitting[0]}?"
                    if fitting
                    else "Choose another platform, or lower the precision",
                )
