"""IAM's service reference: the actions, resource types and condition keys of services.

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

#: Global condition keys that any request can have, besides those that the reference lists for an action or a resource.
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
    """One action: the resource types that it supports, and its own condition keys."""

    name: str
    types: tuple[str, ...]
    keys: tuple[str, ...]


class Service:
    """One service of the reference."""

    def __init__(self, prefix: str, content: dict[str, Any]) -> None:
        self.prefix = prefix
        self._content = content
        #: The names of all actions, by their lowercase form, because IAM ignores case.
        self.names: dict[str, str] = {name.lower(): name for name in content["actions"]}

    def action(self, name: str) -> Action | None:
        """An action by its name, in any case."""
        known = self.names.get(name.lower())
        if known is None:
            return None
        types, keys = self._content["actions"][known]
        return Action(known, tuple(types), tuple(keys))

    def matching(self, pattern: str) -> list[str]:
        """The actions that match a pattern with ``*`` and ``?``."""
        if "*" not in pattern and "?" not in pattern:
            known = self.names.get(pattern.lower())
            return [known] if known else []
        parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern.lower())
        expression = re.compile("".join(parts))
        return [action for name, action in self.names.items() if expression.fullmatch(name)]

    @cached_property
    def arns(self) -> dict[str, str]:
        """The ARN format of each resource type."""
        return {name: arn for name, (arn, _) in self._content["resources"].items()}

    def keys_of(self, type: str) -> list[str]:
        """The condition keys of a resource type."""
        found: list[str] = self._content["resources"].get(type, ["", []])[1]
        return found


@cache
def service(prefix: str) -> Service | None:
    """A service by its action prefix, such as ``s3``; None if there is none."""
    archive = _archive()
    name = f"{prefix.lower()}.json"
    return Service(prefix.lower(), json.loads(archive.read(name))) if name in archive.NameToInfo else None


@cache
def _archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(FILE.open("rb"))
