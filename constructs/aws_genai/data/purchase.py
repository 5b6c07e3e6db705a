"""How accelerated capacity is bought, and which types go together in one fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ..errors import InvalidValueError, nearest
from .accelerators import Accelerator, AcceleratorCatalogue

SpotStrategy = Literal["price-capacity-optimized", "capacity-optimized", "lowest-price"]

#: A Capacity Block lasts 182 days at most: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-how.html
LONGEST_BLOCK = timedelta(days=182)
#: EC2 begins to end the instances of a block 30 minutes before the block does, those of UltraServers 60; they are
#: drained before that.
BLOCK_DRAIN = timedelta(minutes=60)
#: Most instance types that a group may name: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
MOST_TYPES = 40


@dataclass(frozen=True)
class OnDemand:
    """Capacity by the second, as far as there is any."""


@dataclass(frozen=True)
class Spot:
    """Spare capacity at a lower price, taken back with two minutes' notice.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-mixed-instances-groups.html

    :param on_demand_base: instances that are on demand before any is Spot. Default: 0.
    :param on_demand_percent: part of the instances above the base that is on demand, in percent. Default: 0.
    :param strategy: which pools are taken. Default: those with most capacity among the cheap ones.
    """

    on_demand_base: int = 0
    on_demand_percent: int = 0
    strategy: SpotStrategy = "price-capacity-optimized"


@dataclass(frozen=True)
class Reserved:
    """A targeted On-Demand Capacity Reservation, or a resource group of them; nothing starts outside it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservations-using.html

    :param reservation_id: id of the reservation, such as ``cr-0123456789abcdef0``.
    :param resource_group_arn: ARN of a resource group of reservations instead.
    """

    reservation_id: str | None = None
    resource_group_arn: str | None = None


@dataclass(frozen=True)
class CapacityBlock:
    """A Capacity Block for ML: a number of instances from one day to another, paid in advance.

    The group grows to ``instances`` at the start and is drained an hour before the end.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html

    :param reservation_id: id of the reservation that the purchase made.
    :param start: when the block begins, with its time zone.
    :param end: when the block ends, with its time zone.
    :param instances: how many the block holds.
    """

    reservation_id: str
    start: datetime
    end: datetime
    instances: int


Capacity = OnDemand | Spot | Reserved | CapacityBlock


def check(capacity: Capacity, types: Sequence[Accelerator], max_instances: int) -> None:
    """Refuse what EC2 would.

    :raises InvalidValueError: if the purchase and the types do not go together.
    """
    names = ", ".join(each.instance_type for each in types)
    if len(types) > MOST_TYPES:
        raise InvalidValueError(f"A group takes {MOST_TYPES} types, and {len(types)} are named", field="alternatives")
    if isinstance(capacity, Reserved):
        if bool(capacity.reservation_id) == bool(capacity.resource_group_arn):
            raise InvalidValueError(
                "Reserved capacity is one reservation or one resource group of them",
                field="capacity",
                hint="Give reservation_id or resource_group_arn",
            )
        if capacity.reservation_id and len(types) > 1:
            raise InvalidValueError(f"A reservation is for one type, and these are several: {names}", field="capacity")
    if isinstance(capacity, Spot):
        _check_spot(capacity)
    if isinstance(capacity, CapacityBlock):
        _check_block(capacity, types, max_instances)


def _check_spot(capacity: Spot) -> None:
    if capacity.on_demand_base < 0:
        raise InvalidValueError("on_demand_base cannot be negative", field="capacity")
    if not 0 <= capacity.on_demand_percent <= 100:
        raise InvalidValueError("on_demand_percent is 0 to 100", field="capacity")


def _check_block(capacity: CapacityBlock, types: Sequence[Accelerator], max_instances: int) -> None:
    (first, *others) = types
    if others:
        raise InvalidValueError("A Capacity Block is for one instance type", field="alternatives")
    if not first.has_capacity_blocks:
        raise InvalidValueError(
            f"No Capacity Blocks are sold for {first.instance_type}", field="capacity", hint="Reserve it instead"
        )
    for field in ("start", "end"):
        if getattr(capacity, field).tzinfo is None:
            raise InvalidValueError(f"{field} has no time zone", field="capacity", hint="Add Z for UTC")
    length = capacity.end - capacity.start
    if not BLOCK_DRAIN < length <= LONGEST_BLOCK:
        raise InvalidValueError(
            f"A Capacity Block lasts up to {LONGEST_BLOCK.days} days, and this one {length}", field="capacity"
        )
    if not 1 <= capacity.instances <= max_instances:
        raise InvalidValueError(
            f"The block holds {capacity.instances} instances and the group at most {max_instances}",
            field="capacity",
            hint="Raise max_instances",
        )


def check_family(types: Sequence[Accelerator]) -> None:
    """Refuse types that one image cannot drive.

    :raises InvalidValueError: if platforms or architectures differ, or a type stands twice.
    """
    first, names = types[0], [each.instance_type for each in types]
    for each in types[1:]:
        if (each.platform, each.architecture) != (first.platform, first.architecture):
            raise InvalidValueError(
                f"{each.instance_type} and {first.instance_type} need different images",
                field="alternatives",
                hint="Make a fleet of each",
            )
    if len(set(names)) != len(names):
        raise InvalidValueError("A type is named twice", field="alternatives", hint="Name each once")


def check_attested(types: Sequence[Accelerator], image_id: str | None) -> None:
    """Refuse machines that cannot prove what they run.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/attestable-ami.html

    :raises InvalidValueError: without an image of one's own, or if a type has no NitroTPM.
    """
    if image_id is None:
        raise InvalidValueError(
            "Only an image that was built to be attestable can be attested, and AWS's deep learning images are not",
            field="image",
            hint="Build one on them and name it, such as ami-0123456789abcdef0",
        )
    for each in types:
        if not each.nitro_tpm:
            able = [other.instance_type for other in AcceleratorCatalogue.default().types() if other.nitro_tpm]
            raise InvalidValueError(
                f"{each.instance_type} has no NitroTPM, so it cannot prove what it runs",
                field="instance_type",
                hint=nearest(each.instance_type, able),
            )


def check_efa(types: Sequence[Accelerator]) -> None:
    """Refuse types that cannot all have an Elastic Fabric Adapter on the same network cards.

    :raises InvalidValueError: if a type has none, or the types have different cards.
    """
    first = types[0]
    for each in types:
        if not each.efa_interfaces:
            raise InvalidValueError(
                f"{each.instance_type} has no Elastic Fabric Adapter", field="efa", hint=_with_efa(each)
            )
        if each.efa_cards != first.efa_cards or each.network_cards != first.network_cards:
            raise InvalidValueError(
                f"{each.instance_type} and {first.instance_type} have different network cards, and one launch template "
                "names them",
                field="alternatives",
                hint="Leave efa out, or make a fleet of each",
            )


def _with_efa(each: Accelerator) -> str:
    """The cheapest type of the same family that has one."""
    family = [other for other in AcceleratorCatalogue.default().types() if other.family == each.family]
    able = sorted((other.usd_per_hour or 0, other.instance_type) for other in family if other.efa_interfaces)
    return f"Did you mean {able[0][1]}?" if able else "Leave efa out"
