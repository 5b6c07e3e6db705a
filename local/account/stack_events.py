"""Events of a stack as CloudFormation reports them, by its API and to EventBridge.

In an update, the engine reports every resource as updated, and does not report deletions. On AWS, a
resource that the update adds is created, or fails to be; one that it replaces or removes is deleted at the end:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudformation, eventbridge
from ministack.services.cloudformation import changesets, handlers, stacks

_STACK = "AWS::CloudFormation::Stack"


@dataclass
class _Update:
    """An update in progress: the resources of the stack before it, and whether its cleanup has begun."""

    stack_id: str
    stack: str
    before: dict[str, Any]
    cleaning: bool = False
    rolling_back: bool = False


_update: ContextVar[_Update | None] = ContextVar("update", default=None)


def install() -> None:
    """Give events of updates the status that they have on AWS, and send one for each completed resource."""
    add_event, deploy, roll_back, delete = (
        stacks._add_event,
        stacks._deploy_stack_async,
        stacks._roll_back_operation,
        stacks._delete_resource,
    )

    def telling(
        stack_id: str, stack: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any
    ) -> None:
        status = _status(stack_id, stack, logical_id, resource_type, status)
        add_event(stack_id, stack, logical_id, resource_type, status, *rest, **more)
        if status.endswith("_COMPLETE") and resource_type != _STACK:
            _send(stack_id, logical_id, resource_type, status, more.get("physical_id", ""))

    async def deploying(stack: str, stack_id: str, *rest: Any, **more: Any) -> Any:
        token = _update.set(_started(stack, stack_id, more, rest))
        try:
            return await deploy(stack, stack_id, *rest, **more)
        finally:
            _update.reset(token)

    async def rolling_back(*arguments: Any, **more: Any) -> Any:
        update = _update.get()
        if update:
            update.rolling_back = True
        return await roll_back(*arguments, **more)

    def deleting(resource_type: str, identifier: str, properties: Any, stack: str, logical_id: str) -> Any:
        update = _update.get()
        # In a rollback, the engine reports deletions itself.
        if update is None or update.rolling_back or update.stack != stack:
            return delete(resource_type, identifier, properties, stack, logical_id)
        event = (update.stack_id, stack, logical_id, resource_type)
        _clean_up(update)
        stacks._add_event(*event, "DELETE_IN_PROGRESS", physical_id=identifier)
        answer = delete(resource_type, identifier, properties, stack, logical_id)
        stacks._add_event(*event, "DELETE_COMPLETE", physical_id=identifier)
        return answer

    stacks._add_event, stacks._delete_resource = telling, deleting
    for module in (stacks, handlers, changesets):
        module._deploy_stack_async = deploying
    for module in (stacks, handlers):
        module._roll_back_operation = rolling_back


def _started(stack: str, stack_id: str, more: dict[str, Any], rest: tuple[Any, ...]) -> _Update | None:
    """The update that a call of the engine begins. None if it creates a stack."""
    names = ("template", "param_values", "disable_rollback", "tags", "is_update", "previous_stack")
    given = {**dict(zip(names, rest, strict=False)), **more}
    if not given.get("is_update"):
        return None
    previous = given.get("previous_stack") or {}
    return _Update(stack_id, stack, dict(previous.get("_resources", {})))


def _status(stack_id: str, stack: str, logical_id: str, resource_type: str, status: str) -> str:
    """The status that AWS gives an event: resources that an update adds are created."""
    update = _update.get()
    kind, _, end = status.partition("_")
    if update is None or update.stack_id != stack_id or resource_type == _STACK or kind != "UPDATE":
        return status
    if logical_id in update.before:
        return status
    record = cloudformation._stacks.get(stack, {}).get("_resources", {}).get(logical_id)
    if record is not None and record.get("ResourceStatus") == status:
        record["ResourceStatus"] = f"CREATE_{end}"
    return f"CREATE_{end}"


def _clean_up(update: _Update) -> None:
    """Report once that an update is complete except for its cleanup."""
    if not update.cleaning:
        update.cleaning = True
        status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        cloudformation._stacks[update.stack]["StackStatus"] = status
        stacks._add_event(update.stack_id, update.stack, update.stack, _STACK, status, physical_id=update.stack_id)


def _send(stack_id: str, logical_id: str, resource_type: str, status: str, physical_id: str) -> None:
    detail = {
        "stack-id": stack_id,
        "logical-resource-id": logical_id,
        "physical-resource-id": physical_id,
        "resource-type": resource_type,
        "status-details": {"status": status, "status-reason": ""},
    }
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": "CloudFormation Resource Status Change",
        "Resources": [stack_id],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
