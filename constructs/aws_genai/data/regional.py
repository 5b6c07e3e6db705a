"""Which types of resources CloudFormation has in which Region."""

from __future__ import annotations

from . import load


def available(resource_type: str, region: str) -> bool | None:
    """Whether CloudFormation has a type of resource in a Region; none if nobody says.

    The table knows the types of this library that some Region lacks, from CloudFormation's schemas of each Region.
    https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html

    :param resource_type: such as ``AWS::Budgets::Budget``.
    :param region: name of the Region.
    """
    table = load("regional_types")
    if region in table["absent"].get(resource_type, ()):
        return False
    return None if region in table["unknown"] else True
