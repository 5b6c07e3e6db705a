"""The options of accelerated compute, each declared once: for code that passes them, and for the settings file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..data.accelerators import Accelerator, AcceleratorCatalogue, image_parameter
from ..data.cluster import HealthCheck, check_cluster_type
from ..data.lustre import Throughput, check_capacity
from ..data.sizing import Precision, choose, need
from ..errors import InvalidValueError, nearest, reported_at
from ..options import HostedType, Name, Options, RoleArn, TimeZone, check_cron, text
from ..resource_name import SAGEMAKER, ResourceName

#: https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html
JOB_QUEUE_NAME = ResourceName(
    "Job queue", 128, r"[a-zA-Z0-9][\w-]*", "letters, digits, hyphens and underscores, and begin with a letter or digit"
)
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateCluster.html
CLUSTER_NAME = ResourceName("Cluster", 63, SAGEMAKER)
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateComputeQuota.html
QUOTA_NAME = ResourceName("Quota", 63, SAGEMAKER)
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateClusterSchedulerConfig.html
SHARES_NAME = ResourceName("Shares of the cluster", 63, SAGEMAKER)

#: A Capacity Block lasts 182 days at most: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-how.html
LONGEST_BLOCK = timedelta(days=182)
#: EC2 begins to terminate the instances of a block 30 minutes before its end, those of UltraServers 60 minutes before;
#: they are drained before that.
BLOCK_DRAIN = timedelta(minutes=60)
#: Maximum number of instance types of a group:
#: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MAX_TYPES = 40
#: Name of the instance group of the Slurm controller.
CONTROLLER = "controller"

#: File name of a job script: nothing that could lead out of its folder.
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _instant(value: object) -> object:
    """Dates of YAML are text; numbers and dates without a time of day are refused."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if value.isascii() and len(value) > len("2027-01-04") else value
    except ValueError as error:
        raise InvalidValueError(f"{value} is not a time", hint="Write it as 2027-01-04T11:30:00Z, in quotes") from error


def _zoned(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise InvalidValueError(f"{value.isoformat()} has no time zone", hint="Add Z for UTC")
    return value


def _accelerated(name: str) -> str:
    # The path of the field is that of whoever declares it.
    with reported_at(""):
        AcceleratorCatalogue.default().get(name)
    return name


def _in_hyperpod(name: str) -> str:
    with reported_at(""):
        check_cluster_type(name)
    return name


def _capacity(gib: int) -> int:
    check_capacity(gib)
    return gib


#: An EC2 instance type of the catalogue.
InstanceType = Annotated[str, AfterValidator(_accelerated)]
#: A SageMaker instance type that HyperPod supports.
ClusterType = Annotated[HostedType, AfterValidator(_in_hyperpod)]
#: A point in time, with its offset from UTC.
Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_zoned)]
#: SHA-384, as the NitroTPM measures.
Measurement = Annotated[str, text(r"^[0-9a-f]{96}$", "have 96 hexadecimal digits, in lower case and in quotes")]
#: A platform configuration register. Attestable images measure the boot loader and the kernel in PCR4 and the state of
#: Secure Boot in PCR7.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nitrotpm-attestation-document-validate.html
Register = Annotated[str, text(r"^pcr(0|1?[1-9]|1[0-9]|2[0-3])$", "be a register, pcr0 to pcr23")]
ReservationId = Annotated[
    str,
    text(r"^cr-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of a Capacity Reservation, such as cr-0123456789abcdef0"),
]
GroupArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:resource-groups:[a-z0-9-]+:[0-9]{12}:group/[a-zA-Z0-9_./-]{1,300}$",
        "be the ARN of a resource group",
    ),
]
ImageId = Annotated[
    str, text(r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of an AMI, such as ami-0123456789abcdef0")
]
#: A prefix of object keys.
Prefix = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/$",
        "be a prefix in ASCII that ends in a slash, such as pretraining/",
        max_length=512,
    ),
]
PlanArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:training-plan/[a-zA-Z0-9](-*[a-zA-Z0-9]){0,63}$",
        "be the ARN of a training plan",
    ),
]
EksArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster/[0-9A-Za-z][A-Za-z0-9_-]{0,99}$",
        "be the ARN of an EKS cluster",
    ),
]
SecurityGroupId = Annotated[str, text(r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of a security group")]
#: Amazon ECR is the only registry that the network reaches:
#: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
ContainerImage = Annotated[
    str,
    text(
        r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$",
        "be a container image of Amazon ECR with a tag or a digest, such as "
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
    ),
]
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html
ShareIdentifier = Annotated[
    str,
    text(r"^[a-zA-Z0-9]{1,255}\*?$", "be a share identifier: letters and digits, and a * at the end if it is a prefix"),
]


class Spot(Options):
    """EC2 Spot capacity: spare capacity at a lower price, which EC2 reclaims with two minutes' notice.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups.html
    """

    on_demand_base: Annotated[int, Field(ge=0, le=1000)] = 0
    """Number of On-Demand Instances that are launched before any Spot Instance."""

    on_demand_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of On-Demand Instances above the base, in percent."""

    strategy: Literal["price-capacity-optimized", "capacity-optimized", "lowest-price"] = "price-capacity-optimized"
    """Spot allocation strategy: which pools of spare capacity instances are launched from."""


class Reserved(Options):
    """A targeted On-Demand Capacity Reservation, or a resource group of them. No instance starts outside it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservations-using.html
    """

    reservation_id: ReservationId | None = None
    """Id of the Capacity Reservation. Set this or resource_group_arn."""

    resource_group_arn: GroupArn | None = None
    """ARN of a resource group of Capacity Reservations."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if bool(self.reservation_id) == bool(self.resource_group_arn):
            raise InvalidValueError(
                "Reserved capacity is one Capacity Reservation or one resource group of them",
                field="reservation_id",
                hint="Set reservation_id or resource_group_arn",
            )
        return self


class CapacityBlock(Options):
    """A Capacity Block for ML: a number of instances for a period of time, paid in advance.

    A fleet grows to this number when the block starts, and is drained one hour before the block ends.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html
    """

    reservation_id: ReservationId
    """Id of the Capacity Reservation that the purchase created."""

    start: Instant
    """Start of the block, such as 2027-01-04T11:30:00Z."""

    end: Instant
    """End of the block. The fleet is drained one hour before it."""

    instances: Annotated[int, Field(ge=1, le=1000)]
    """Number of instances of the block."""

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        length = self.end - self.start
        if not BLOCK_DRAIN < length <= LONGEST_BLOCK:
            raise InvalidValueError(
                f"A Capacity Block lasts up to {LONGEST_BLOCK.days} days, not {length}", field="end", hint="Correct end"
            )
        return self


class Capacity(Options):
    """How instances are purchased: with one of these options, or as On-Demand Instances with none of them."""

    spot: Spot | None = None
    """Spot Instances. Default: none."""

    reserved: Reserved | None = None
    """On-Demand Instances in a Capacity Reservation. Default: none."""

    block: CapacityBlock | None = None
    """A Capacity Block for ML. Default: none."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        chosen = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise InvalidValueError(
                f"Capacity has one purchase option, and these are {len(chosen)}: {', '.join(chosen)}",
                hint="Keep one of them, and use a fleet or a queue of its own for each other",
            )
        return self

    def check(self, types: Sequence[Accelerator], maximum: int) -> None:
        """Refuse instance types that EC2 does not sell this way.

        :param maximum: maximum number of instances of the group.
        :raises InvalidValueError: if the purchase option and the types do not go together.
        """
        if len(types) > MAX_TYPES:
            raise InvalidValueError(
                f"A group has at most {MAX_TYPES} instance types, not {len(types)}", field="alternatives"
            )
        if self.reserved and self.reserved.reservation_id and len(types) > 1:
            names = ", ".join(each.instance_type for each in types)
            raise InvalidValueError(
                f"A Capacity Reservation is for one instance type, not for several: {names}", field="capacity"
            )
        if self.block:
            self._check_block(self.block, types, maximum)

    def _check_block(self, block: CapacityBlock, types: Sequence[Accelerator], maximum: int) -> None:
        first, *others = types
        if others:
            raise InvalidValueError("A Capacity Block is for one instance type", field="alternatives")
        if not first.has_capacity_blocks:
            raise InvalidValueError(
                f"Capacity Blocks are not offered for {first.instance_type}",
                field="capacity",
                hint="Use a Capacity Reservation",
            )
        if block.instances > maximum:
            raise InvalidValueError(
                f"The block has {block.instances} instances, and the maximum is {maximum}",
                field="capacity",
                hint="Raise max_instances",
            )


class AcceleratedInstances(Options):
    """What fleets and training queues have in common."""

    alternatives: list[InstanceType] = []
    """Further instance types, in order of preference. They have the platform and the architecture of the first, for
    one image runs on all of them. Default: none."""

    capacity: Capacity = Capacity()
    """How instances are purchased. Default: On-Demand Instances."""

    efa: bool = False
    """Whether instances have an Elastic Fabric Adapter on every network card that supports one."""

    idle_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Number of minutes with an accelerator utilization below 5 % that raises an alarm."""

    root_volume_gib: Annotated[int, Field(ge=100, le=16384)] = 200
    """Size of the root volume of an instance, in GiB."""

    def _check_types(self, types: Sequence[Accelerator], maximum: int) -> None:
        first, names = types[0], [each.instance_type for each in types]
        for each in types[1:]:
            if (each.platform, each.architecture) != (first.platform, first.architecture):
                raise InvalidValueError(
                    f"{each.instance_type} and {first.instance_type} need different images",
                    field="alternatives",
                    hint="Use a fleet or a queue of its own for each",
                )
        if len(set(names)) != len(names):
            raise InvalidValueError(
                "An instance type is named twice", field="alternatives", hint="Name each instance type once"
            )
        self.capacity.check(types, maximum)
        if self.efa:
            _check_fabric(types)


def _check_fabric(types: Sequence[Accelerator]) -> None:
    """Refuse types that cannot all have an Elastic Fabric Adapter on the same network cards."""
    first = types[0]
    for each in types:
        if not each.efa_interfaces:
            family = [other for other in AcceleratorCatalogue.default().types() if other.family == each.family]
            able = sorted((other.usd_per_hour or 0, other.instance_type) for other in family if other.efa_interfaces)
            raise InvalidValueError(
                f"{each.instance_type} has no Elastic Fabric Adapter",
                field="efa",
                hint=f"Did you mean {able[0][1]}?" if able else "Leave efa out",
            )
        if not _same_cards(each, first):
            raise InvalidValueError(
                f"{each.instance_type} and {first.instance_type} have different network cards, and one launch template "
                "names them",
                field="alternatives",
                hint="Leave efa out, or use a fleet of its own for each",
            )


def _same_cards(one: Accelerator, other: Accelerator) -> bool:
    return (one.efa_cards, one.network_cards) == (other.efa_cards, other.network_cards)


class Schedule(Options):
    """A scheduled action that sets the number of instances of a fleet.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
    """

    cron: Annotated[str, Field(max_length=255)]
    """Time of the action, as a cron expression of five fields, such as 0 7 * * MON-FRI."""

    instances: Annotated[int, Field(ge=0, le=1000)]
    """Number of instances from this time on."""

    time_zone: TimeZone = "Etc/UTC"
    """IANA time zone of the expression."""

    @field_validator("cron")
    @classmethod
    def _reached(cls, value: str) -> str:
        return check_cron(value, aws=False)


class ServedModel(Options):
    """A model that each instance of a fleet is to hold. Instance types that are too small for it are refused."""

    parameters_billion: Annotated[float, Field(ge=0.001, le=100_000)]
    """Number of parameters of the model, in billions (10^9), such as 8."""

    precision: Precision = "bf16"
    """Precision of the weights."""

    context: Annotated[int, Field(ge=1, le=10_000_000)] = 8192
    """Maximum length of a sequence, in tokens."""

    sequences: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Number of sequences that are served at the same time."""

    def check(self, types: Sequence[Accelerator]) -> None:
        """Refuse instance types whose accelerators cannot hold the model.

        :raises InvalidValueError: naming the cheapest type of the same platform that can.
        """
        size: dict[str, Any] = {
            "parameters": self.parameters_billion * 1e9,
            "precision": self.precision,
            "context": self.context,
            "sequences": self.sequences,
        }
        wanted = need(**size)
        for each in types:
            if not wanted.fits(each):
                fitting = [p.accelerator for p in choose(**size) if p.accelerator.platform == each.platform]
                raise InvalidValueError(
                    f"{each.instance_type} has {each.total_memory_gib:,.0f} GiB of accelerator memory, and the model "
                    f"needs {wanted.total_gib:,.0f} GiB in 90 % of it",
                    hint=f"Did you mean {fitting[0].instance_type}?"
                    if fitting
                    else "Choose another platform, or a lower precision",
                )


class Needs(Options):
    """Attributes that the instance types of a fleet must have. The cheapest type is preferred."""

    platform: Literal["cuda", "neuron"]
    """Software that drives the accelerators: NVIDIA CUDA or AWS Neuron."""

    total_memory_gib: Annotated[float, Field(ge=0, le=1_000_000)] = 0
    """Minimum memory of all accelerators of an instance together, in GiB."""

    accelerators: Annotated[int, Field(ge=1, le=64)] = 1
    """Minimum number of accelerators of an instance."""

    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """Architecture of the processor."""

    local_storage: bool = False
    """Whether the instance type must have NVMe instance store volumes."""

    max_usd_per_hour: Annotated[float, Field(ge=0.01, le=100_000)] | None = None
    """Maximum On-Demand price of an instance in us-east-1, in US dollars per hour. Default: any price."""

    def types(self, region: str | None = None) -> list[Accelerator]:
        """Every type that has the attributes and is offered in a Region, by price. Default: in any Region.

        :raises InvalidValueError: if there is none.
        """
        catalogue = AcceleratorCatalogue.default()
        return [catalogue.get(name) for name in catalogue.select(region=region, **dict(self))]


class FleetOptions(AcceleratedInstances):
    """An Auto Scaling group of accelerated instances that starts with none."""

    instance_type: InstanceType | None = None
    """EC2 instance type, accelerated and Nitro-based, such as trn1.32xlarge. Set this or needs."""

    needs: Needs | None = None
    """Attributes that instance types must have, instead of their names. Default: none."""

    model: ServedModel | None = None
    """The model that each instance is to hold, to refuse types that are too small. Default: any type is accepted."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    """Maximum number of instances."""

    cluster: bool = False
    """Whether instances run in a cluster placement group, which is in one Availability Zone."""

    messages_per_instance: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Number of waiting messages for each of which the fleet adds one instance. Applies to a fleet with a work
    queue."""

    schedules: list[Schedule] = []
    """Scheduled changes of the number of instances. Default: none."""

    idle_to_zero: bool = False
    """Whether the alarm of idle_minutes also scales the fleet to zero instances."""

    image: ImageId | None = None
    """Id of an AMI of your own, based on the AWS Deep Learning AMI. Default: the latest AWS Deep Learning AMI."""

    def types(self, region: str | None = None) -> list[Accelerator]:
        """Every instance type that the fleet may launch in a Region, in order of preference. Default: in any Region.

        :raises InvalidValueError: if no type meets the needs.
        """
        if self.needs is None:
            names = [self.instance_type] if self.instance_type else []
            return [AcceleratorCatalogue.default().get(name) for name in (*names, *self.alternatives)]
        found = self.needs.types(region)
        if self.efa:
            able = [each for each in found if each.efa_interfaces]
            if not able:
                raise InvalidValueError(
                    "No type with all of these attributes has an Elastic Fabric Adapter",
                    field="needs",
                    hint="Leave efa out, or lower the needs",
                )
            found = [each for each in able if _same_cards(each, able[0])]
        # A reservation is for one type.
        return found[:1] if self.capacity.reserved or self.capacity.block else found[:MAX_TYPES]

    def check_attested(self, types: Sequence[Accelerator]) -> None:
        """Refuse instances that cannot prove what they run.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/attestable-ami.html

        :raises InvalidValueError: without an AMI of your own, or if a type has no NitroTPM.
        """
        if self.image is None:
            raise InvalidValueError(
                "Only an AMI that was built to be attestable can be attested, and the AWS Deep Learning AMIs are not",
                field="image",
                hint="Build one based on them and name it, such as ami-0123456789abcdef0",
            )
        for each in types:
            if not each.nitro_tpm:
                able = [other.instance_type for other in AcceleratorCatalogue.default().types() if other.nitro_tpm]
                raise InvalidValueError(
                    f"{each.instance_type} has no NitroTPM, so it cannot prove what it runs",
                    field="instance_type",
                    hint=nearest(each.instance_type, able),
                )

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        if (self.instance_type is None) == (self.needs is None) or (self.needs and self.alternatives):
            raise InvalidValueError(
                "A fleet names its instance types, or the attributes that they need",
                field="instance_type",
                hint="Set instance_type, with or without alternatives, or needs, and not both",
            )
        types = self.types()
        for each in types if self.image is None else ():
            with reported_at("instance_type" if each.instance_type == self.instance_type else "alternatives"):
                image_parameter(each)
        self._check_types(types, self.max_instances)
        for each in types if self.cluster else ():
            if not each.cluster_placement:
                raise InvalidValueError(
                    f"{each.instance_type} cannot run in a cluster placement group",
                    field="cluster",
                    hint="Leave cluster out, or choose another type",
                )
        if self.model:
            with reported_at("model"):
                self.model.check(types)
        for schedule in self.schedules:
            if schedule.instances > self.max_instances:
                raise InvalidValueError(
                    f"A schedule sets {schedule.instances} instances, and the maximum is {self.max_instances}",
                    field="schedules",
                    hint="Raise max_instances",
                )
        return self


class QueueOptions(AcceleratedInstances):
    """A queue of training jobs, on instances that AWS Batch launches for them."""

    repeatable = frozenset({"command"})

    instance_type: InstanceType
    """EC2 instance type, accelerated and Nitro-based, such as trn1.32xlarge."""

    image: ContainerImage
    """Container image in Amazon ECR that trains, such as 111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1."""

    nodes: Annotated[int, Field(ge=1, le=1000)] = 1
    """Number of instances that one job runs on. Jobs of several nodes run on one instance type and not on Spot."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Maximum number of running instances. Default: the number of nodes."""

    command: Annotated[list[Annotated[str, Field(max_length=8192)]], Field(min_length=1, max_length=200)] = [
        "train",
        "Ref::data_set",
        "Ref::run",
    ]
    """Command of the container. Ref::data_set and Ref::run stand for the parameters of a job."""

    data_sets: list[Prefix] = []
    """Prefixes of the data sets that jobs may read. Default: the prefix with the name of the queue."""

    shares: dict[ShareIdentifier, Annotated[float, Field(ge=0.0001, le=999.9999)]] = {}
    """Weight of each share identifier; a job then names its own. A share of weight 1 receives twice the capacity of a
    share of weight 2. Default: first in, first out."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Maximum number of times that a job is started when its host is lost."""

    timeout_hours: Annotated[float, Field(ge=0.02, le=8760)] = 24
    """Maximum duration of one attempt, in hours."""

    @property
    def limit(self) -> int:
        """Maximum number of running instances."""
        return self.max_instances or self.nodes

    def types(self) -> list[Accelerator]:
        """Every instance type that jobs may run on, in order of preference."""
        return [AcceleratorCatalogue.default().get(name) for name in (self.instance_type, *self.alternatives)]

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        types = self.types()
        self._check_types(types, self.limit)
        if self.nodes > self.limit:
            raise InvalidValueError(
                f"A job runs on {self.nodes} nodes, and the queue has at most {self.limit} instances",
                field="max_instances",
                hint=f"Set max_instances to {self.nodes} or more",
            )
        if self.nodes > 1:
            self._check_nodes(types)
        return self

    def _check_nodes(self, types: Sequence[Accelerator]) -> None:
        if self.capacity.spot:
            raise InvalidValueError(
                "AWS Batch does not run multi-node jobs on Spot Instances",
                field="capacity",
                hint="Leave out spot, or set nodes to 1",
            )
        if len(types) > 1:
            raise InvalidValueError("A multi-node job runs on one instance type", field="alternatives")
        if not types[0].cluster_placement:
            raise InvalidValueError(
                f"{types[0].instance_type} cannot run in a cluster placement group", field="instance_type"
            )


class ClusterGroup(Options):
    """An instance group of a HyperPod cluster; with Slurm, also a partition."""

    instance_type: ClusterType
    """SageMaker instance type that HyperPod supports, such as ml.trn1.32xlarge."""

    instances: Annotated[int, Field(ge=1, le=6758)]
    """Number of instances."""

    volume_gib: Annotated[int, Field(ge=1, le=16384)] = 500
    """Size of the volume at /opt/sagemaker, in GiB."""

    checks: list[HealthCheck] | None = None
    """Deep health checks that an instance must pass before it is used. Default: every check that the type supports."""

    training_plan_arn: PlanArn | None = None
    """ARN of a SageMaker training plan whose reserved capacity is used. Default: on-demand capacity."""

    spot: bool = False
    """Whether the instances are Spot capacity, which requires EKS."""

    @property
    def accelerator(self) -> Accelerator | None:
        """The hardware; None for a type without an accelerator."""
        name = self.instance_type.removeprefix("ml.")
        catalogue = AcceleratorCatalogue.default()
        return catalogue.get(name) if name in catalogue else None

    @property
    def health_checks(self) -> Sequence[HealthCheck]:
        """Deep health checks that an instance must pass before it is used."""
        if self.checks is not None:
            return self.checks
        if self.accelerator is None:
            return ()
        return ("InstanceStress", "InstanceConnectivity") if self.accelerator.efa_interfaces else ("InstanceStress",)

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        if self.checks and self.accelerator is None:
            raise InvalidValueError(
                f"Deep health checks test accelerators, and {self.instance_type} has none",
                field="checks",
                hint="Leave checks out",
            )
        if self.spot and self.training_plan_arn:
            raise InvalidValueError(
                "A training plan has reserved capacity, not Spot capacity", field="spot", hint="Leave spot out"
            )
        return self


class Slurm(Options):
    """Slurm orchestrates the cluster, from a controller of its own.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-slurm.html
    """

    controller_type: ClusterType = "ml.m5.xlarge"
    """SageMaker instance type of the controller."""


class Eks(Options):
    """An existing Amazon EKS cluster orchestrates the nodes.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-prerequisites.html
    """

    cluster_arn: EksArn
    """ARN of the EKS cluster. It is in the same VPC and has the dependencies of HyperPod installed."""

    security_group_ids: list[SecurityGroupId] = []
    """Ids of security groups that nodes join to reach the control plane of the EKS cluster. Default: none."""


class Team(Options):
    """A compute allocation of a team on an EKS cluster; its Kubernetes namespace is hyperpod-ns- and its name.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateComputeQuota.html
    """

    instance_type: HostedType
    """SageMaker instance type of the team's instances."""

    instances: Annotated[int, Field(ge=1, le=6758)]
    """Number of instances that are allocated to the team."""

    weight: Annotated[int, Field(ge=0, le=100)] = 50
    """Fair-share weight of the team when idle capacity is shared."""

    borrow_percent: Annotated[int, Field(ge=1, le=500)] = 50
    """Maximum of idle capacity that the team may borrow, in percent of its own allocation."""


class ClusterOptions(Options):
    """A SageMaker HyperPod cluster: persistent instances that are checked, and replaced when they fail."""

    slurm: Slurm | None = None
    """Slurm orchestrates the cluster. Default, without eks: Slurm with its defaults."""

    eks: Eks | None = None
    """An existing EKS cluster orchestrates the cluster. Default: Slurm."""

    groups: Annotated[dict[Name, ClusterGroup], Field(min_length=1)]
    """Instance groups by name."""

    data_sets: list[Prefix] = []
    """Prefixes of the data sets that nodes may read. Default: the prefix with the name of the cluster."""

    teams: dict[Name, Team] = {}
    """Compute allocations by team, enforced by task governance; requires EKS. Default: none."""

    def check_jobs(self, names: Iterable[str]) -> None:
        """Refuse Slurm job scripts that the cluster cannot run.

        :raises InvalidValueError: if EKS orchestrates the cluster, or a name leads out of the folder of scripts.
        """
        for script in names:
            if self.eks:
                raise InvalidValueError(
                    "Jobs of an EKS cluster are submitted to Kubernetes",
                    field="jobs",
                    hint="Leave jobs out, or use Slurm",
                )
            if not _SCRIPT.fullmatch(script):
                raise InvalidValueError(
                    f"{script} is not the name of a job script: letters, digits, dots, hyphens and underscores",
                    field="jobs",
                )

    @model_validator(mode="after")
    def _deployable(self) -> Self:
        if self.slurm and self.eks:
            raise InvalidValueError(
                "A cluster has one orchestrator, not two", field="eks", hint="Keep slurm or eks, not both"
            )
        if CONTROLLER in self.groups:
            raise InvalidValueError(
                f"{CONTROLLER} is the name of the Slurm controller's group", field="groups", hint="Rename the group"
            )
        for name, group in self.groups.items():
            if group.spot and not self.eks:
                raise InvalidValueError(
                    "Spot capacity requires an EKS cluster", field=f"groups.{name}.spot", hint="Leave spot out"
                )
        if self.teams and not self.eks:
            raise InvalidValueError(
                "Task governance requires an EKS cluster; Slurm has accounts and limits of its own",
                field="teams",
                hint="Leave teams out, or use eks",
            )
        self._check_teams()
        return self

    def _check_teams(self) -> None:
        left: dict[str, int] = {}
        for group in self.groups.values():
            left[group.instance_type] = left.get(group.instance_type, 0) + group.instances
        for name, team in self.teams.items():
            if team.instance_type not in left:
                raise InvalidValueError(
                    f"The team {name} uses {team.instance_type}, and no group has this type",
                    field="teams",
                    hint=nearest(team.instance_type, left),
                )
            left[team.instance_type] -= team.instances
            if left[team.instance_type] < 0:
                raise InvalidValueError(
                    f"The teams together have more {team.instance_type} than the groups",
                    field="teams",
                    hint="Lower instances of a team, or raise those of a group",
                )


class WeightsOptions(Options):
    """Access to the bucket of model weights."""

    publisher_role: RoleArn | None = None
    """ARN of the only role that may write weights. Default: no role may."""

    break_glass_role: RoleArn | None = None
    """ARN of a role that may read weights in an emergency. Every use sends a notification. Default: none."""

    attestation: dict[Register, Measurement] = {}
    """Measurements of attested instances by register, such as pcr4. They create a KMS key for envelope encryption of
    the weights. Default: no such key."""


class FileSystemOptions(Options):
    """An FSx for Lustre file system that is linked to the training buckets. It is billed by GiB and hour, used or not.

    https://docs.aws.amazon.com/fsx/latest/LustreGuide/performance.html
    """

    capacity_gib: Annotated[int, Field(ge=1200, le=10_000_000), AfterValidator(_capacity)] = 1200
    """Storage capacity, in GiB: 1,200 or a multiple of 2,400."""

    throughput: Throughput = 125
    """Throughput, in MB/s for each TiB of storage."""

    export_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Number of minutes between exports of the checkpoints to their bucket."""

    backup_days: Annotated[int, Field(ge=0, le=90)] = 0
    """Number of days to retain daily backups; 0 disables them."""


class StorageOptions(Options):
    """Buckets for data sets and checkpoints."""

    lock_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Number of days for which an object of the data sets can be neither overwritten nor deleted."""

    checkpoint_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Number of days until a checkpoint expires."""
