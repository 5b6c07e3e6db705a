"""IAM's service reference: which actions, types of resource and condition keys there are.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

FILE = files(__package__) / "iam.zip"

#: Keys that every request may carry, beside those that the reference lists with an action or a resource.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
GLOBAL_KEYS = frozenset(
    key.lower()
    for key in (
        "aws:AssumedRoot",
        "aws:CalledVia",
        "aws:CalledViaFirst",
        "aws:CalledViaLast",
        "aws:ChatbotSourceArn",
        "aws:CurrentTime",
        "aws:Ec2InstanceSourcePrivateIPv4",
        "aws:Ec2InstanceSourceVpc",
        "aws:EpochTime",
        "aws:FederatedProvider",
        "aws:MultiFactorAuthAge",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
        "aws:PrincipalType",
        "aws:referer",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:ResourceOrgID",
        "aws:ResourceOrgPaths",
        "aws:SecureTransport",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceIdentity",
        "aws:SourceIp",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
        "aws:SourceVpc",
        "aws:SourceVpcArn",
        "aws:SourceVpce",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:userid",
        "aws:username",
        "aws:ViaAWSService",
        "aws:VpceAccount",
        "aws:VpceOrgID",
        "aws:VpceOrgPaths",
        "aws:VpcSourceIp",
        "ec2:RoleDelivery",
        "ec2:SourceInstanceArn",
        "lambda:SourceFunctionArn",
        "ssm:SourceInstanceArn",
    )
)


@dataclass(frozen=True)
class Action:
    """One action: the types of resource that it takes, and the keys that it knows without them."""

    name: str
    types: tuple[str, ...]
    keys: tuple[str, ...]


class Service:
    """One service of the reference."""

    def __init__(self, prefix: str, content: dict[str, Any]) -> None:
        self.prefix = prefix
        self._content = content
        #: Names of all actions by their lower case: IAM ignores it.
        self.names: dict[str, str] = {name.lower(): name for name in content["actions"]}

    def action(self, name: str) -> Action | None:
        """An action by its name, in any case."""
        known = self.names.get(name.lower())
        if known is None:
            return None
        types, keys = self._content["actions"][known]
        return Action(known, tuple(types), tuple(keys))

    def matching(self, pattern: str) -> list[str]:
        """The actions that a pattern with ``*`` and ``?`` holds."""
        if "*" not in pattern and "?" not in pattern:
            known = self.names.get(pattern.lower())
            return [known] if known else []
        parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern.lower())
        expression = re.compile("".join(parts))
        return [action for name, action in self.names.items() if expression.fullmatch(name)]

    @cached_property
    def arns(self) -> dict[str, str]:
        """The form of the ARN of each type of resource."""
        return {name: arn for name, (arn, _) in self._content["resources"].items()}

    def keys_of(self, type: str) -> list[str]:
        """The condition keys that a type of resource brings."""
        found: list[str] = self._content["resources"].get(type, ["", []])[1]
        return found


@cache
def service(prefix: str) -> Service | None:
    """A service by the prefix of its actions, such as ``s3``; nothing if there is none."""
    archive = _archive()
    name = f"{prefix.lower()}.json"
    return Service(prefix.lower(), json.loads(archive.read(name))) if name in archive.NameToInfo else None


@cache
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(FILE.open("rb"))
