"""What remains after an environment is deleted: what it is, why, and its cost per month."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from aws_genai.data import load

#: A client of a service by its name. Each client is created once.
Clients = Callable[[str], Any]

GIB = 1024**3
#: Pattern in the errors of services for a resource that does not exist (any more).
_ABSENT = re.compile(
    r"NotFound|NoSuch|NonExistent|DoesNotExist|does not exist|(could )?not (be )?f(ou|i)nd", re.IGNORECASE
)


class DestroyError(Exception):
    """The command was used incorrectly, or the environment may not be deleted; the message says what to do."""


@dataclass(frozen=True)
class Stays:
    """A resource that remains; ``usd_per_month`` is None if its price is not known."""

    what: str
    why: str
    usd_per_month: float | None = None


@dataclass
class Told:
    """The report at the end."""

    stays: list[Stays] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Deletion dates of keys, by key id.
    keys: dict[str, datetime] = field(default_factory=dict)

    def note(self, text: str) -> None:
        """Add a note, unless it was added before."""
        if text not in self.notes:
            self.notes.append(text)


def absent(error: ClientError) -> bool:
    """Whether the error means that the resource does not exist."""
    told = error.response["Error"]
    return bool(_ABSENT.search(f"{told['Code']} {told['Message']}"))


def usd_stored(bytes_kept: int) -> float:
    """Cost of an amount of bytes in S3 Standard, in US dollars per month."""
    return bytes_kept / GIB * float(load("prices")["prices"]["AWS::S3::Bucket"]["usd_per_gb_month"])


def usd_of(resource_type: str, properties: dict[str, Any]) -> float | None:
    """Cost of a resource that remains, in US dollars per month, if it is known and does not depend on use."""
    prices = load("prices")["prices"].get(resource_type)
    match resource_type:
        case "AWS::KMS::Key" | "AWS::CloudWatch::Dashboard":
            return float(prices["usd_per_month"])
        case "AWS::FSx::FileSystem" if properties.get("LustreConfiguration", {}).get("PerUnitStorageThroughput") == 125:
            return float(properties["StorageCapacity"]) * float(prices["usd_per_gb_month_at_125"])
        case _ if resource_type in _FREE or resource_type.startswith("AWS::IAM::"):
            return 0.0
        case _:
            return None


#: Types without idle cost.
_FREE = {
    "AWS::ApiGateway::Account",
    "AWS::CloudFormation::CustomResource",
    "AWS::Bedrock::GuardrailVersion",
    "AWS::Bedrock::PromptVersion",
    "AWS::Bedrock::FlowVersion",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::EC2::RouteTable",
    "AWS::KMS::Alias",
    "AWS::RDS::DBSubnetGroup",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::S3::BucketPolicy",
}
