"""Events of a stack update: CloudFormation reports the resources that change, the engine reports all."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import cloudformation
from ministack.services.cloudformation import stacks

#: Resources of an update in progress whose properties did not change: (account, stack, logical id).
_untouched: set[tuple[str, str, str]] = set()


def install() -> None:
    """Leave unchanged resources out of a stack's events."""
    update, add_event = stacks._update_resource, stacks._add_event

    def noting_update(
        resource_type: str, identifier: str, old: Any, new: Any, stack: str, logical_id: str, *rest: Any
    ) -> Any:
        if old == new:
            _untouched.add((get_account_id(), stack, logical_id))
        return update(resource_type, identifier, old, new, stack, logical_id, *rest)

    def add_event_of_touched(
        stack_id: str, stack: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any
    ) -> None:
        key = (get_account_id(), stack, logical_id)
        if status == "UPDATE_COMPLETE" and key in _untouched:
            _untouched.discard(key)
            events = cloudformation._stack_events[stack_id]
            events.remove(next(each for each in reversed(events) if each["LogicalResourceId"] == logical_id))
            return
        add_event(stack_id, stack, logical_id, resource_type, status, *rest, **more)

    stacks._update_resource, stacks._add_event = noting_update, add_event_of_touched
