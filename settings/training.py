"""Settings of training: queues of jobs, and clusters that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from aws_genai.data.accelerators import Accelerator, AcceleratorCatalogue
from aws_genai.data.cluster import ClusterGroup, Eks, HealthCheck, Slurm, Team, check_cluster
from aws_genai.data.purchase import check, check_efa, check_family
from aws_genai.data.training import check_image, check_nodes
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.options import AccountId, HostedType, Name, Options, text

from .fleets import FleetCapacity, IdleMinutes, RootVolume

#: Where the scripts of clusters are.
SCRIPTS = Path(__file__).resolve().parent.parent / "config" / "scripts"

#: A part of a bucket.
Prefix = Annotated[
    str,
    text(
        r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*/$",
        "be a part of a bucket in ASCII that ends in a slash, such as pretraining/",
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
ClusterArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:eks:[a-z0-9-]+:[0-9]{12}:cluster/[0-9A-Za-z][A-Za-z0-9_-]{0,99}$",
        "be the ARN of an EKS cluster",
    ),
]


class Queue(Options):
    """Training jobs on instances that AWS Batch starts for them."""

    repeatable = frozenset({"command"})

    instance_type: str
    """An accelerated, Nitro-based EC2 instance type, such as trn1.32xlarge."""

    alternatives: list[str] = []
    """Further types that will do for jobs of one node, the preferred first."""

    image: str
    """Container image in Amazon ECR that trains, such as 111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1."""

    nodes: Annotated[int, Field(ge=1, le=1000)] = 1
    """Instances that one job runs on."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most instances at a time; without it, those of one job."""

    capacity: FleetCapacity = FleetCapacity()
    """How the instances are bought; on demand without it, and behind Spot."""

    efa: bool = False
    """Whether every network card that takes one has an Elastic Fabric Adapter."""

    command: Annotated[list[Annotated[str, Field(max_length=8192)]], Field(min_length=1, max_length=200)] = [
        "train",
        "Ref::data_set",
        "Ref::run",
    ]
    """What the container runs; Ref::data_set and Ref::run stand for the parameters of a job."""

    data_sets: list[Prefix] = []
    """Parts of the data sets that jobs may read; without any, the one of the queue's name."""

    shares: dict[Annotated[str, Field(max_length=256)], Annotated[float, Field(ge=0.0001, le=999.9999)]] = {}
    """Weight of each share identifier; twice the weight gets half as much. Without any, first in, first out."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """How often a job is started when its hosts are lost."""

    timeout_hours: Annotated[float, Field(ge=0.02, le=8760)] = 24
    """Longest run of one attempt in hours."""

    file_system: bool = False
    """Whether the file system of the training storage is mounted at /fsx."""

    idle_minutes: IdleMinutes = 60
    """Minutes under 5 % use of the accelerators that raise an alarm."""

    root_volume_gib: RootVolume = 200
    """Size of each instance's root volume in GiB."""

    @field_validator("image")
    @classmethod
    def _in_ecr(cls, value: str) -> str:
        check_image(value)
        return value

    def types(self) -> list[Accelerator]:
        """Every type that jobs may run on."""
        return [AcceleratorCatalogue.default().get(name) for name in (self.instance_type, *self.alternatives)]

    @model_validator(mode="after")
    def _together(self) -> Queue:
        types = self.types()
        most = self.max_instances or self.nodes
        check_family(types)
        check(self.capacity.purchase(), types, most)
        check_nodes(
            types,
            self.capacity.purchase(),
            nodes=self.nodes,
            max_instances=most,
            image=self.image,
            shares=self.shares,
        )
        if self.efa:
            check_efa(types)
        return self


class GroupOfMachines(Options):
    """Equal machines of a cluster."""

    instance_type: HostedType
    """SageMaker instance type that HyperPod has, such as ml.trn1.32xlarge."""

    instances: Annotated[int, Field(ge=1, le=6758)]
    """How many machines."""

    volume_gib: Annotated[int, Field(ge=1, le=16384)] = 500
    """Size of the volume at /opt/sagemaker in GiB."""

    checks: list[HealthCheck] | None = None
    """What a machine must pass before it is used; without it, all that fit the type."""

    training_plan_arn: PlanArn | None = None
    """ARN of a SageMaker training plan whose reserved capacity is used; on demand without it."""

    spot: bool = False
    """Whether the machines are Spot capacity, which only EKS handles."""


class SlurmSettings(Options):
    """Slurm orchestrates the cluster."""

    controller_type: HostedType = "ml.m5.xlarge"
    """SageMaker instance type of the controller."""


class EksSettings(Options):
    """An EKS cluster that exists orchestrates the cluster."""

    cluster_arn: ClusterArn
    """ARN of the EKS cluster; it stands in the VPC and has HyperPod's dependencies installed."""

    security_group_ids: list[
        Annotated[str, text(r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$", "be the id of a security group")]
    ] = []
    """Security groups that nodes join to reach its control plane."""

    registries: list[AccountId] = []
    """Accounts from whose Amazon ECR nodes pull images beside their own, EKS's and HyperPod's, 12 digits in quotes."""


class TeamSettings(Options):
    """A share of an EKS cluster's capacity."""

    instance_type: HostedType
    """SageMaker instance type of the team's machines."""

    instances: Annotated[int, Field(ge=1, le=6758)]
    """How many machines are the team's own."""

    weight: Annotated[int, Field(ge=0, le=100)] = 50
    """Weight where idle capacity is shared."""

    borrow_percent: Annotated[int, Field(ge=1, le=500)] = 50
    """What the team may borrow of idle capacity, in percent of its own."""


class Cluster(Options):
    """A SageMaker HyperPod cluster: machines that stay, are checked, and are replaced when they break."""

    slurm: SlurmSettings | None = None
    """Slurm orchestrates; so it does where neither is given."""

    eks: EksSettings | None = None
    """An EKS cluster orchestrates."""

    groups: Annotated[dict[Name, GroupOfMachines], Field(min_length=1)]
    """Groups of equal machines by name; with Slurm each is a partition."""

    scripts: str | None = None
    """Folder below config/scripts: on_init.sh runs on every node, jobs/ holds the Slurm jobs that may be submitted."""

    data_sets: list[Prefix] = []
    """Parts of the data sets that nodes may read; without any, the one of the cluster's name."""

    file_system: bool = False
    """Whether the file system of the training storage is mounted at /fsx."""

    teams: dict[Name, TeamSettings] = {}
    """Shares of the capacity by team; with EKS only."""

    @field_validator("scripts")
    @classmethod
    def _there(cls, value: str | None) -> str | None:
        known = sorted(path.name for path in SCRIPTS.iterdir() if path.is_dir()) if SCRIPTS.is_dir() else []
        if value is not None and value not in known:
            raise InvalidValueError(f"config/scripts has no folder {value}", hint=nearest(value, known))
        return value

    def orchestrator(self) -> Slurm | Eks:
        """The orchestrator of the library."""
        if self.eks:
            return Eks(self.eks.cluster_arn, tuple(self.eks.security_group_ids))
        return Slurm(self.slurm.controller_type) if self.slurm else Slurm()

    def machines(self) -> list[ClusterGroup]:
        """The groups of the library."""
        return [ClusterGroup(name=name, **group.model_dump()) for name, group in self.groups.items()]

    def shares(self) -> list[Team]:
        """The teams of the library."""
        return [Team(name=name, **team.model_dump()) for name, team in self.teams.items()]

    def files(self, below: str) -> dict[str, bytes]:
        """What the folder of scripts holds below a part of it, by name; of the whole, without the jobs."""
        if self.scripts is None:
            return {}
        root = SCRIPTS / self.scripts / below
        found = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if below or not name.startswith("jobs/")}

    @model_validator(mode="after")
    def _together(self) -> Cluster:
        if self.slurm and self.eks:
            raise InvalidValueError("One orchestrator, not two", field="eks", hint="Keep slurm or eks")
        check_cluster(self.machines(), self.orchestrator(), teams=self.shares(), jobs=self.files("jobs"))
        return self
