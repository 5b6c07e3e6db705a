"""Finds the stacks of an environment, and deletes them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from settings import STACKS, Settings

from .staying import DestroyError

#: Maximum amount of time, in seconds, to delete a stack: network interfaces of functions alone take up to 40 minutes.
STACK_SECONDS = 2 * 3600
_ROUNDS = 4
#: Types of resources that show, if they remain, that a stack's data was to be retained.
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
    #: Whether the template retains it when the stack is deleted.
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
    """A stack of the environment, with its resources."""

    name: str
    id: str
    status: str
    protected: bool
    resources: tuple[Deployed, ...]
    #: Resources that are deleted already, by updates and by an earlier deletion that failed half way.
    deleted: tuple[Deployed, ...] = ()

    def of(self, *types: str) -> list[Deployed]:
        """The created resources of the given types."""
        return [each for each in self.resources if each.type in types and each.physical_id]


def find(cloudformation: Any, settings: Settings) -> list[Environment]:  # noqa: ANN401 - boto3 has no types
    """The deployed stacks, in the order of their deletion.

    :raises DestroyError: if a stack of that name belongs to another environment, or an operation is in progress.
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
        present = {each.physical_id for each in resources}
        ever = _ever(cloudformation, stack["StackId"])
        deleted = tuple(each for each in ever if not each.kept and each.physical_id not in present)
        protected = bool(stack.get("EnableTerminationProtection"))
        found.append(Environment(name, stack["StackId"], status, protected, resources, deleted))
    return found


def _check_owner(name: str, resources: Sequence[Deployed], settings: Settings) -> None:
    """Reject a stack with another environment's tags: two pairs of project and environment can form the same name."""
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
    """The stacks that are already deleted, with what they have created.

    Only the newest stack of each name is returned, unless a stack of that name exists, or its data was to be retained.
    """
    names = {f"{settings.prefix}-{layer}" for layer in STACKS} - {each.name for each in found}
    newest: dict[str, str] = {}
    if names:
        for page in cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
            # CloudFormation lists the newest first.
            for each in page["StackSummaries"]:
                if each["StackName"] in names:
                    newest.setdefault(each["StackName"], each["StackId"])
    deleted = []
    for name, known in newest.items():
        resources = tuple(_ever(cloudformation, known))
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
    """Delete a stack, with retries. Return the resources that could not be deleted.

    CloudFormation can retain resources in a deletion only after they have failed in an earlier one.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html

    :param keep: returns whether to retain a resource that failed.
    :param mend: removes the cause of a failure before the next attempt.
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
    # A stack in review has no resources.
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


def _ever(cloudformation: Any, stack_id: str) -> list[Deployed]:  # noqa: ANN401
    """Every resource that a stack has created, from its events, which CloudFormation keeps for 90 days."""
    events: dict[tuple[str, str], Deployed] = {}
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for each in page["StackEvents"]:
            which = (each["LogicalResourceId"], each.get("PhysicalResourceId", ""))
            kept = each["ResourceStatus"] == "DELETE_SKIPPED"
            if which[1] and each["ResourceType"] != "AWS::CloudFormation::Stack":
                # The newest come first.
                events.setdefault(which, Deployed(which[0], each["ResourceType"], which[1], {}, kept=kept))
    return list(events.values())


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
    """The resources that failed in the last deletion, from its events, of which the newest come first."""
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
