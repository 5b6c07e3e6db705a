"""The environment variables of the function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from ..contract import Contract


class Plan(TypedDict):
    """The configuration of the endpoint of approved versions."""

    #: Name of the endpoint.
    endpoint: str
    #: ARN of the execution role.
    role: str
    #: Ids of the subnets.
    subnets: Sequence[str]
    #: Ids of the security groups.
    groups: Sequence[str]
    instance_type: str
    #: Number of instances.
    instances: int
    #: ARN of the key of the volumes. SageMaker rejects a key for instance types with local disks.
    key: NotRequired[str | None]
    #: Names of the alarms that roll a deployment back.
    alarms: Sequence[str]
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: A :class:`Plan` as JSON, which the construct writes because it contains values that CloudFormation resolves.
    PLAN: str
    #: Name of the model group in the model registry.
    GROUP: str
    #: Name of the pipeline that registers versions in it.
    PIPELINE: str
    #: ARN of the topic that receives notifications.
    TOPIC: str
