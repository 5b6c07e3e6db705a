"""What a SageMaker HyperPod cluster can be made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import InvalidValueError, nearest
from . import load
from .accelerators import Accelerator, AcceleratorCatalogue

#: Checks that stress a machine before it is used:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-resiliency-deep-health-checks.html
HealthCheck = Literal["InstanceStress", "InstanceConnectivity"]

#: A job script that may be submitted: nothing that could lead out of its folder.
_SCRIPT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
#: Regions whose CloudFormation has both types of task governance, ClusterSchedulerConfig and ComputeQuota: by schemas
#: of each Region's registry as cfn-lint 1.58.0 ships them (2026-11).
GOVERNED_REGIONS = frozenset({"ap-south-1", "eu-central-1", "us-east-1"})

#: What a team may borrow at most, in percent of its own:
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceSharingConfig.html
MOST_BORROWED = 500


@dataclass(frozen=True)
class Slurm:
    """Slurm orchestrates the cluster, from a controller of its own.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-slurm.html

    :param controller_type: SageMaker instance type of the controller. Default: ml.m5.xlarge.
    """

    controller_type: str = "ml.m5.xlarge"


@dataclass(frozen=True)
class Eks:
    """An Amazon EKS cluster that exists orchestrates the nodes.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-prerequisites.html

    :param cluster_arn: ARN of the EKS cluster.
    :param security_group_ids: groups that nodes join to reach its control plane. Default: none.
    """

    cluster_arn: str
    security_group_ids: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ClusterGroup:
    """Equal machines of a cluster.

    :param name: name of the group, and with Slurm of its partition.
    :param instance_type: a SageMaker instance type that HyperPod has, such as ``ml.trn1.32xlarge``.
    :param instances: how many.
    :param volume_gib: size of the volume at ``/opt/sagemaker`` in GiB. Default: 500.
    :param checks: what a machine must pass before it is used. Default: the stress test, and with an Elastic Fabric
        Adapter the connection test; none without an accelerator.
    :param training_plan_arn: a SageMaker training plan whose reserved capacity is used. Default: none, on demand.
    :param spot: whether the machines are Spot capacity, which only EKS handles. Default: no.
    """

    name: str
    instance_type: str
    instances: int
    volume_gib: int = 500
    checks: Sequence[HealthCheck] | None = None
    training_plan_arn: str | None = None
    spot: bool = False

    @property
    def accelerator(self) -> Accelerator | None:
        """The hardware, None for a type without an accelerator."""
        name = self.instance_type.removeprefix("ml.")
        catalogue = AcceleratorCatalogue.default()
        return catalogue.get(name) if name in catalogue else None

    @property
    def health_checks(self) -> Sequence[HealthCheck]:
        """What a machine must pass before it is used."""
        if self.checks is not None:
            return self.checks
        if self.accelerator is None:
            return ()
        return ("InstanceStress", "InstanceConnectivity") if self.accelerator.efa_interfaces else ("InstanceStress",)


@dataclass(frozen=True, kw_only=True)
class Team:
    """A share of an EKS cluster's capacity.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateComputeQuota.html

    :param name: name of the team; its Kubernetes namespace is ``hyperpod-ns-`` and this.
    :param instance_type: SageMaker instance type of its machines.
    :param instances: how many of them are its own.
    :param weight: its weight where idle capacity is shared, 0 to 100. Default: 50.
    :param borrow_percent: what it may borrow of idle capacity, in percent of its own. Default: 50.
    """

    name: str
    instance_type: str
    instances: int
    weight: int = 50
    borrow_percent: int = 50


def check_cluster(
    groups: Sequence[ClusterGroup],
    orchestrator: Slurm | Eks,
    *,
    teams: Sequence[Team] = (),
    jobs: Mapping[str, bytes] | Sequence[str] = (),
) -> None:
    """Refuse a cluster that SageMaker would refuse.

    :raises InvalidValueError: saying which argument to change.
    """
    names = [group.name for group in groups]
    if not groups:
        raise InvalidValueError("A cluster has at least one group of machines", field="groups")
    if len(set(names)) != len(names) or "controller" in names:
        raise InvalidValueError("Groups have names of their own, and controller is taken", field="groups")
    for group in groups:
        _check_group(group, orchestrator)
    slurm = isinstance(orchestrator, Slurm)
    if isinstance(orchestrator, Slurm):
        check_cluster_type(orchestrator.controller_type, field="controller_type")
    if teams and slurm:
        raise InvalidValueError(
            "Task governance needs an EKS cluster; Slurm has its own accounts and limits",
            field="teams",
            hint="Leave teams out, or orchestrate by eks",
        )
    if jobs and not slurm:
        raise InvalidValueError(
            "Jobs of an EKS cluster are submitted to Kubernetes", field="jobs", hint="Leave jobs out, or use Slurm"
        )
    for script in jobs:
        if not _SCRIPT.fullmatch(script):
            raise InvalidValueError(
                f"{script} is not the name of a job script: letters, digits, dots, hyphens and underscores",
                field="jobs",
            )
    _check_teams(groups, teams)


def check_governed(region: str) -> None:
    """Refuse teams in a Region whose CloudFormation cannot make their shares yet.

    :raises InvalidValueError: naming the Regions that can.
    """
    if region not in GOVERNED_REGIONS:
        raise InvalidValueError(
            f"CloudFormation has no task governance in {region} yet",
            field="teams",
            hint=f"Leave teams out, or take {', '.join(sorted(GOVERNED_REGIONS))}",
        )


def registries(region: str, further: Sequence[str] = ()) -> set[str]:
    """The accounts whose images nodes under EKS pull: EKS's add-ons, HyperPod's health agent, and further ones.

    https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html

    :raises InvalidValueError: if one of the first two is not known and no further is given.
    """
    known = load("registries")
    for kind, what in (("eks", "the add-ons of Amazon EKS"), ("hyperpod", "the health agent of HyperPod")):
        if region not in known[kind] and not further:
            both = sorted(known["eks"].keys() & known["hyperpod"].keys())
            raise InvalidValueError(
                f"It is not known which registry of {region} has {what}, without which no node gets ready",
                field="eks",
                hint=f"Add its account to registries, or take {', '.join(both)}",
            )
    return {*further, *(known[kind][region] for kind in ("eks", "hyperpod") if region in known[kind])}


def check_cluster_type(instance_type: str, *, field: str = "instance_type") -> None:
    """Refuse a type that HyperPod does not have.

    :raises InvalidValueError: naming the nearest type.
    """
    known = load("accelerators")["hyperpod_types"]
    if instance_type not in known:
        raise InvalidValueError(
            f"SageMaker HyperPod has no {instance_type}", field=field, hint=nearest(instance_type, known)
        )


def _check_group(group: ClusterGroup, orchestrator: Slurm | Eks) -> None:
    check_cluster_type(group.instance_type)
    if group.instances < 1:
        raise InvalidValueError(f"The group {group.name} needs at least one machine", field="instances")
    if group.checks and group.accelerator is None:
        raise InvalidValueError(
            f"Deep health checks test accelerators, and {group.instance_type} has none", field="checks"
        )
    if group.spot and (group.training_plan_arn or isinstance(orchestrator, Slurm)):
        raise InvalidValueError(
            "Spot capacity goes with an EKS cluster and without a training plan",
            field="spot",
            hint="Leave spot out",
        )


def _check_teams(groups: Sequence[ClusterGroup], teams: Sequence[Team]) -> None:
    there = {group.instance_type: 0 for group in groups}
    for group in groups:
        there[group.instance_type] += group.instances
    for team in teams:
        if team.instance_type not in there:
            raise InvalidValueError(
                f"The team {team.name} wants {team.instance_type}, and no group has it",
                field="teams",
                hint=nearest(team.instance_type, there),
            )
        there[team.instance_type] -= team.instances
        if there[team.instance_type] < 0:
            raise InvalidValueError(
                f"The teams together want more {team.instance_type} than the groups have", field="teams"
            )
        if not 0 <= team.weight <= 100:
            raise InvalidValueError(f"The weight of {team.name} is 0 to 100, not {team.weight}", field="teams")
        if not 1 <= team.borrow_percent <= MOST_BORROWED:
            raise InvalidValueError(f"A team borrows 1 to {MOST_BORROWED} percent of its own", field="teams")
