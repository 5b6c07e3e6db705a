"""Tells EventBridge of a stack's resources, as CloudFormation does.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import stacks


def install() -> None:
    """Send an event for each resource that is done; before others leave untouched resources out."""
    add_event = stacks._add_event

    def telling(
        stack_id: str, stack: str, logical_id: str, resource_type: str, status: str, *rest: Any, **more: Any
    ) -> None:
        add_event(stack_id, stack, logical_id, resource_type, status, *rest, **more)
        if not status.endswith("_COMPLETE") or resource_type == "AWS::CloudFormation::Stack":
            return
        detail = {
            "stack-id": stack_id,
            "logical-resource-id": logical_id,
            "physical-resource-id": more.get("physical_id", ""),
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

    stacks._add_event = telling
