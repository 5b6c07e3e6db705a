"""Finds the stacks of an environment, and deletes them one by one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from settings import STACKS, Settings

from .staying import DestroyError

#: Seconds that a stack may take: network interfaces of functions alone take up to 40 minutes.
STACK_SECONDS = 2 * 3600
_ROUNDS = 4
#: What shows that a stack's data was to stay.
_DATA = ("AWS::KMS::Key", "AWS::Logs::LogGroup")
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
_KEEPING = ("Retain", "RetainExceptOnCreate")


@dataclass(frozen=True)
class Deployed:
    """A resource of a stack."""

    logical_id: str
    type: str
    physical_id: str
    properties: dict[str, Any]
    #: Whether the template keeps it when the stack is deleted.
    kept: bool = False


@dataclass(frozen=True)
class Failed:
    """A resource that CloudFormation could not delete."""

    logical_id: str
    type: str
    physical_id: str
    reason: str


@dataclass(frozen=True)
class Environment:
    """A stack of the environment, with what it holds."""

    name: str
    id: str
    status: str
    protected: bool
    resources: tuple[Deployed, ...]

    def of(self, *types: str) -> list[Deployed]:
        """Its resources of some types that were made."""
        return [each for each in self.resources if each.type in types and each.physical_id]


def find(cloudformation: Any, settings: Settings) -> list[Environment]:  # noqa: ANN401 - boto3 has no types
    """The stacks that are deployed, the first to delete first.

    :raises DestroyError: if one of that name is another environment's, or is being changed.
    """
    found = []
    for layer in reversed(STACKS):
        name = f"{settings.prefix}-{layer}"
        stack = _describe(cloudformation, name)
        if stack is None:
            continue
        status = stack["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "DELETE_IN_PROGRESS":
            raise DestroyError(f"The stack {name} is being changed ({status}). Run this again when that is done.")
        resources = tuple(_resources(cloudformation, stack["StackId"]))
        _check_owner(name, resources, settings)
        protected = bool(stack.get("EnableTerminationProtection"))
        found.append(Environment(name, stack["StackId"], status, protected, resources))
    return found


def _check_owner(name: str, resources: Sequence[Deployed], settings: Settings) -> None:
    """Refuse a stack whose resources are tagged as another's: two pairs of names can be joined to one."""
    ours = {"project": settings.project, "environment": settings.environment}
    for each in resources:
        tags = each.properties.get("Tags")
        named = {tag.get("Key"): tag.get("Value") for tag in tags} if isinstance(tags, list) else {}
        if ours.keys() <= named.keys() and {key: named[key] for key in ours} != ours:
            raise DestroyError(
                f"The stack {name} belongs to project {named['project']}, environment {named['environment']}, not to "
                f"{settings.environment} of {settings.project}. Nothing was touched."
            )


def gone(cloudformation: Any, settings: Settings, found: Sequence[Environment]) -> list[Environment]:  # noqa: ANN401
    """The stacks that are deleted already, by their events, which CloudFormation keeps for 90 days.

    Only the newest of each name counts, and none of which there is one again, or whose data was to stay.
    """
    names = {f"{settings.prefix}-{layer}" for layer in STACKS} - {each.name for each in found}
    newest: dict[str, str] = {}
    if names:
        for page in cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
            # The newest are listed first.
            for each in page["StackSummaries"]:
                if each["StackName"] in names:
                    newest.setdefault(each["StackName"], each["StackId"])
    deleted = []
    for name, known in newest.items():
        events: dict[tuple[str, str], Deployed] = {}
        for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=known):
            for each in page["StackEvents"]:
                which = (each["LogicalResourceId"], each.get("PhysicalResourceId", ""))
                kept = each["ResourceStatus"] == "DELETE_SKIPPED"
                events.setdefault(which, Deployed(which[0], each["ResourceType"], which[1], {}, kept=kept))
        resources = tuple(each for each in events.values() if each.type != "AWS::CloudFormation::Stack")
        if not any(each.kept and each.type in _DATA for each in resources):
            deleted.append(Environment(name, known, "DELETE_COMPLETE", False, resources))
    return deleted


def delete(
    cloudformation: Any,  # noqa: ANN401 - boto3 has no types
    stack: Environment,
    *,
    keep: Callable[[Failed], bool],
    mend: Callable[[Failed], None],
    pause: float,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Failed]:
    """Delete a stack; what fails is mended and tried again, what may stay is left out, and the rest is returned.

    CloudFormation leaves resources out of a deletion only once they have failed in an earlier one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html

    :param keep: whether a resource that failed is to stay.
    :param mend: does something about a failure before the next try.
    """
    failed: list[Failed] = []
    left: list[str] = []
    for round_number in range(1, _ROUNDS + 1):
        more = {"RetainResources": left} if left else {}
        if round_number > 1 or stack.status != "DELETE_IN_PROGRESS":
            cloudformation.delete_stack(StackName=stack.id, **more)
        if _wait(cloudformation, stack, pause, sleep) == "DELETE_COMPLETE":
            return []
        failed = list(_failures(cloudformation, stack.id))
        left = [each.logical_id for each in failed if keep(each)]
        for each in failed:
            if each.logical_id not in left and round_number < _ROUNDS:
                mend(each)
    return failed


def _describe(cloudformation: Any, name: str) -> dict[str, Any] | None:  # noqa: ANN401
    try:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    # A stack that was only proposed holds nothing.
    return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found


def _resources(cloudformation: Any, stack_id: str) -> Iterator[Deployed]:  # noqa: ANN401
    body = cloudformation.get_template(StackName=stack_id)["TemplateBody"]
    template = json.loads(body) if isinstance(body, str) else body
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id):
        for each in page["StackResourceSummaries"]:
            if each["ResourceStatus"] == "DELETE_COMPLETE":
                continue
            written = template["Resources"].get(each["LogicalResourceId"], {})
            yield Deployed(
                each["LogicalResourceId"],
                each["ResourceType"],
                each.get("PhysicalResourceId", ""),
                written.get("Properties", {}),
                kept=written.get("DeletionPolicy") in _KEEPING,
            )


def _wait(cloudformation: Any, stack: Environment, pause: float, sleep: Callable[[float], None]) -> str:  # noqa: ANN401
    waited = 0.0
    while waited < STACK_SECONDS:
        found = _describe(cloudformation, stack.id)
        status = "DELETE_COMPLETE" if found is None else str(found["StackStatus"])
        if status != "DELETE_IN_PROGRESS":
            return status
        sleep(pause)
        waited += pause
    raise DestroyError(
        f"CloudFormation has been deleting {stack.name} for {STACK_SECONDS // 3600} hours and goes on. "
        "Run this again later: it goes on where it stopped."
    )


def _failures(cloudformation: Any, stack_id: str) -> Iterator[Failed]:  # noqa: ANN401
    """What failed in the last deletion, by its events: the newest come first."""
    seen: set[str] = set()
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            stack_itself = event.get("PhysicalResourceId") == stack_id
            if stack_itself and event["ResourceStatus"] == "DELETE_IN_PROGRESS":
                return
            if stack_itself or event["ResourceStatus"] != "DELETE_FAILED" or event["LogicalResourceId"] in seen:
                continue
            seen.add(event["LogicalResourceId"])
            yield Failed(
                event["LogicalResourceId"],
                event["ResourceType"],
                event.get("PhysicalResourceId", ""),
                event.get("ResourceStatusReason", "no reason given"),
            )
