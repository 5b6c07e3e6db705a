"""Rules for the availability of services and features in the Region of a stack."""

from __future__ import annotations

from collections.abc import Iterator

from ...data.accelerators import AcceleratorCatalogue
from ...data.regional import regions_without
from ...errors import InvalidValueError
from ..emitted import Emitted
from ..rules import Hit, rule
from ..secure.instances import instance_types


@rule(
    "GENAI_TYPE_IN_REGION",
    holds="CloudFormation supports each resource type in the Region of the stack.",
    why="CloudFormation rejects a template with a type that the Region does not support.",
    fix="remove the feature in this Region, or deploy the stack to a Region that supports the type.",
    page="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/registry.html",
)
def types_in_region(app: Emitted) -> Iterator[Hit]:
    for each in app.resources:
        if each.stack.region in regions_without(each.type):
            yield Hit(each, "Type", f"{each.stack.region} has no {each.type}.")


@rule(
    "GENAI_INSTANCE_IN_REGION",
    holds="Accelerated instance types are offered in the stack's Region.",
    why="EC2, Batch and SageMaker reject an instance type that the Region does not offer.",
    fix="choose a type that the Region has: AcceleratorCatalogue.choose or make choose REGION=<Region> names some.",
    page="https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-regions.html",
)
def instances_in_region(app: Emitted) -> Iterator[Hit]:
    catalogue = AcceleratorCatalogue.default()
    for each, where, name in instance_types(app):
        bare = name.removeprefix("ml.")
        if bare in catalogue:
            try:
                catalogue.check_region(bare, each.stack.region)
            except InvalidValueError as error:
                yield Hit(each, f"Properties.{where}", f"{error}.")
