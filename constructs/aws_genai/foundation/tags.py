"""The cost allocation tags of every resource."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from aws_cdk import Tags
from constructs import IConstruct

from .options import COST_TAGS as COST_TAGS


@dataclass(frozen=True, kw_only=True)
class CostTags:
    """Cost allocation tags: who pays for a resource, and what the resource belongs to.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/cost-alloc-tags.html
    """

    project: str
    environment: str
    layer: str
    owner: str
    cost_center: str

    def apply(self, scope: IConstruct) -> None:
        """Tag every resource under ``scope``."""
        for name, value in self.by_name().items():
            Tags.of(scope).add(name, value)

    def by_name(self) -> dict[str, str]:
        """The tags by their keys in AWS."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}
