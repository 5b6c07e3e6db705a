"""What SageMaker HyperPod supports: instance types, health checks, task governance and image registries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..errors import InvalidValueError, nearest
from . import load

#: Deep health checks, which test an instance before it is used:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-resiliency-deep-health-checks.html
HealthCheck = Literal["InstanceStress", "InstanceConnectivity"]

#: Regions in which CloudFormation supports both types of task governance, ClusterSchedulerConfig and ComputeQuota: by
#: the schemas of each Region's registry in cfn-lint 1.58.0 (2026-11).
GOVERNED_REGIONS = frozenset({"ap-south-1", "eu-central-1", "us-east-1"})


def check_governed(region: str) -> None:
    """Reject teams in a Region in which CloudFormation does not support task governance.

    :raises InvalidValueError: naming the Regions that can.
    """
    if region not in GOVERNED_REGIONS:
        raise InvalidValueError(
            f"CloudFormation has no task governance in {region}",
            field="teams",
            hint=f"Leave teams out, or use {', '.join(sorted(GOVERNED_REGIONS))}",
        )


def registries(region: str, further: Sequence[str] = ()) -> set[str]:
    """The accounts from which EKS nodes pull images: of the add-ons, of HyperPod's health agent, and further ones.

    https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html

    :raises InvalidValueError: if one of the first two is not known and no further is given.
    """
    known = load("registries")
    for kind, what in (("eks", "the add-ons of Amazon EKS"), ("hyperpod", "the health agent of HyperPod")):
        if region not in known[kind] and not further:
            both = sorted(known["eks"].keys() & known["hyperpod"].keys())
            raise InvalidValueError(
                f"It is not known which registry of {region} has {what}, without which no node becomes ready",
                field="eks",
                hint=f"Add its account to registries, or use {', '.join(both)}",
            )
    return {*further, *(known[kind][region] for kind in ("eks", "hyperpod") if region in known[kind])}


def check_cluster_type(instance_type: str, *, field: str = "instance_type") -> None:
    """Reject a type that HyperPod does not support.

    :raises InvalidValueError: naming the nearest type.
    """
    known = load("accelerators")["hyperpod_types"]
    if instance_type not in known:
        raise InvalidValueError(
            f"SageMaker HyperPod does not support {instance_type}", field=field, hint=nearest(instance_type, known)
        )
