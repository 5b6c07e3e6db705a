"""Functions with the tools of agents that the settings name and no template creates: a trial gets stand-ins."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from settings import Settings

from .emulator import Account

_CODE = Path(__file__).with_name("stand_in_tools.py")
#: Tag by which each deploy recognizes a stand-in.
_MARK = "stand-in"
_ROLE = "stand-in-tools"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}


@dataclass(frozen=True)
class Function:
    """A function that the settings name, with the setting's key path."""

    setting: str
    arn: str

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    def __str__(self) -> str:
        return self.name


def functions(settings: Settings) -> list[Function]:
    """The functions with tools that the settings name."""
    application = settings.application
    return [
        Function(f"application.assistants.{name}.agent.targets.{target}.function_arn", each.function_arn)
        for name, assistant in (application.assistants if application else {}).items()
        for target, each in (assistant.agent.targets if assistant.agent else {}).items()
        if each.function_arn
    ]


def missing(account: Account, settings: Settings) -> list[Function]:
    """Those of this account and Region that do not exist."""
    client = account.client("lambda")
    return [each for each in functions(settings) if _is_here(account, each) and _tags(client, each) is None]


def stand_in(account: Account, settings: Settings) -> list[Function]:
    """Create what is missing. Returns all stand-ins, those of earlier deployments too."""
    client = account.client("lambda")
    for each in {each.arn: each for each in missing(account, settings)}.values():
        client.create_function(
            FunctionName=each.name,
            Runtime="python3.13",
            Handler="stand_in_tools.handler",
            # A role without a permission.
            Role=_role(account.client("iam")),
            Code={"ZipFile": _code()},
            Tags={_MARK: "true"},
        )
    return [each for each in functions(settings) if _is_here(account, each) and _MARK in (_tags(client, each) or {})]


def _is_here(account: Account, function: Function) -> bool:
    return function.arn.split(":")[3:5] == [account.region, account.account]


def _tags(client: Any, function: Function) -> dict[str, str] | None:
    """The tags of a function. None if it does not exist."""
    try:
        found: dict[str, str] = client.get_function(FunctionName=function.name).get("Tags") or {}
    except client.exceptions.ResourceNotFoundException:
        return None
    return found


def _role(iam: Any) -> str:
    try:
        return str(iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise
        return str(iam.get_role(RoleName=_ROLE)["Role"]["Arn"])


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        whole.write(_CODE, _CODE.name)
    return packed.getvalue()
