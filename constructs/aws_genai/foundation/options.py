"""The options of the foundation, each declared once: for code that passes them, and for the settings file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ..errors import InvalidValueError
from ..options import BucketName, EndpointId, KeyArn, Options, SubnetId, VpcId
from .subnets import split

#: The tags that the gate asks for on every resource that takes tags.
COST_TAGS = ("project", "environment", "layer", "owner", "cost-center")


class ExistingBucket(Options):
    """A bucket that exists already, in the account and the Region of the stack.

    The account is not queried. The bucket, its policy and the policy of its key are not changed: the identity-based
    policies of the roles that use the bucket grant access to it.
    """

    name: BucketName
    """Name of the bucket."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts the bucket. The key policy must allow IAM policies of the account to grant its
    use. Default: the bucket is encrypted with SSE-S3."""


class NetworkOptions(Options):
    """The VPC: a new one, which is created only when a layer needs one, or one of your own."""

    cidr: Annotated[str, Field(max_length=18)] = "10.0.0.0/16"
    """IPv4 range of a new VPC, /16 to /25. Each Availability Zone has an eighth of it, whichever zones are named."""

    zones: Annotated[list[str], Field(max_length=6)] = []
    """Availability Zones of a new VPC by name, one subnet in each. Resources of a single zone are in the first."""

    vpc_id: VpcId | None = None
    """Id of a VPC of your own. It must have a VPC endpoint, or another route, for every service that is called from
    it. Default: a new VPC."""

    subnets: Annotated[dict[str, SubnetId], Field(max_length=6)] = {}
    """Ids of the subnets of your own VPC to use, by Availability Zone."""

    s3_endpoint_id: EndpointId | None = None
    """Id of the gateway endpoint of Amazon S3 in your own VPC. With it, weights and data sets can be read through this
    endpoint only. Default: they can be read from everywhere that IAM allows."""

    @property
    def names(self) -> list[str]:
        """The Availability Zones, of a new VPC or of your own."""
        return list(self.subnets) if self.vpc_id else self.zones

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.vpc_id:
            return self._own()
        for name in ("subnets", "s3_endpoint_id"):
            if getattr(self, name):
                raise InvalidValueError(
                    f"{name} belongs to a VPC of your own, and vpc_id is missing", field=name, hint="Set vpc_id"
                )
        if not self.zones:
            raise InvalidValueError(
                "A new VPC needs at least one Availability Zone",
                field="zones",
                hint="Set zones, such as [us-east-1a, us-east-1b], or vpc_id and subnets of your own VPC",
            )
        split(self.cidr, self.zones)
        return self

    def _own(self) -> Self:
        if not self.subnets:
            raise InvalidValueError(
                "A VPC of your own needs the subnets to use, by Availability Zone",
                field="subnets",
                hint="Set subnets, such as {us-east-1a: subnet-0123456789abcdef0}",
            )
        for name in ("zones", "cidr"):
            if name in self.model_fields_set:
                raise InvalidValueError(
                    f"{name} describes a new VPC, and vpc_id names one of your own",
                    field=name,
                    hint=f"Leave {name} or vpc_id out",
                )
        twice = next((each for each in self.subnets.values() if list(self.subnets.values()).count(each) > 1), None)
        if twice:
            raise InvalidValueError(f"{twice} stands for two zones", field="subnets", hint="A subnet has one zone")
        return self
