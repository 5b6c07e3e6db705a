"""The resource types that CloudFormation supports in each Region."""

from __future__ import annotations

from functools import cache

from ..errors import InvalidValueError, nearest
from . import load


def check_region(region: str, field: str | None = None) -> str:
    """Reject a Region that does not exist.

    :param region: The name of the Region, such as ``us-east-1``.
    :param field: The field to name in the error. Default: none.
    :returns: the Region.
    :raises InvalidValueError: naming the nearest Region.
    """
    regions = load("regions")["regions"]
    if region not in regions:
        raise InvalidValueError(f"{region} is not an AWS Region", field=field, hint=nearest(region, regions))
    return region


def available(resource_type: str, region: str) -> bool | None:
    """Whether CloudFormation supports a resource type in a Region; None if not known.

    The table has every type that is missing in at least one Region, from CloudFormation's registry of each Region.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/registry.html

    :param resource_type: The resource type, such as ``AWS::Budgets::Budget``.
    :param region: The name of the Region.
    """
    if region not in load("resource_types")["regions"]:
        return None
    return region not in regions_without(resource_type)


@cache
def regions_without(resource_type: str) -> frozenset[str]:
    """The Regions that are known not to support a resource type."""
    data = load("resource_types")
    mask = int(data["absent"].get(resource_type, "0"), 16)
    return frozenset(region for bit, region in enumerate(data["regions"]) if mask >> bit & 1)
