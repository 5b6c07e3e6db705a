"""Purchase options in CloudFormation's words."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2

from ..data.purchase import Capacity, CapacityBlock, Reserved, Spot


def reservation(capacity: Capacity) -> ec2.CfnLaunchTemplate.CapacityReservationSpecificationProperty | None:
    """Which reservation instances run in."""
    template = ec2.CfnLaunchTemplate
    if isinstance(capacity, CapacityBlock):
        target = template.CapacityReservationTargetProperty(capacity_reservation_id=capacity.reservation_id)
    elif isinstance(capacity, Reserved):
        target = template.CapacityReservationTargetProperty(
            capacity_reservation_id=capacity.reservation_id,
            capacity_reservation_resource_group_arn=capacity.resource_group_arn,
        )
    else:
        return None
    return template.CapacityReservationSpecificationProperty(capacity_reservation_target=target)


def distribution(capacity: Capacity) -> dict[str, object]:
    """How a group of several types or of Spot capacity is filled, in CloudFormation's own words."""
    if isinstance(capacity, Spot):
        return {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": capacity.on_demand_base,
            "OnDemandPercentageAboveBaseCapacity": capacity.on_demand_percent,
            "SpotAllocationStrategy": capacity.strategy,
        }
    return {"OnDemandAllocationStrategy": "prioritized", "OnDemandPercentageAboveBaseCapacity": 100}
