"""What a deploy changed in a stack, counted from the stack's CloudFormation events.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_STACK = "AWS::CloudFormation::Stack"
#: How the reason of an event begins that reports a replacement.
_REPLACES = "Requested update requires the creation of a new physical resource"
#: Reasons of events that are consequences of another failure.
CONSEQUENCES = (
    "Resource creation cancelled",
    "Resource update cancelled",
    "Resource deletion cancelled",
    "The following resource(s) failed",
)


@dataclass
class Changes:
    """Resources of one stack by kind of change. Each resource counts once."""

    created: int = 0
    updated: int = 0
    replaced: int = 0
    deleted: int = 0
    kept: int = 0
    failed: int = 0
    rolled_back: bool = False

    def __bool__(self) -> bool:
        return self != Changes()

    def __str__(self) -> str:
        parts = (
            (self.created, "created"),
            (self.updated, "updated"),
            (self.replaced, "replaced"),
            (self.deleted, "deleted"),
            (self.kept, "kept outside the stack"),
            (self.failed, "failed"),
        )
        told = [f"{count} {what}" for count, what in parts if count]
        return ", ".join([*told, *(["rolled back"] if self.rolled_back else [])]) or "unchanged"


def counted(events: Iterable[Mapping[str, Any]]) -> Changes:
    """The changes that the events of one stack report, given oldest first.

    Changes that were rolled back do not count, so that only failures remain. A replaced resource does not count as
    deleted, although its predecessor is.
    """
    changes, of_resources = Changes(), dict[str, list[Mapping[str, Any]]]()
    for event in events:
        if not _of_stack(event):
            of_resources.setdefault(event["LogicalResourceId"], []).append(event)
        elif event["ResourceStatus"].endswith("ROLLBACK_IN_PROGRESS"):
            changes.rolled_back = True
    for told in of_resources.values():
        became = _became(told)
        if became == "failed" or (became and not changes.rolled_back):
            setattr(changes, became, getattr(changes, became) + 1)
    return changes


def _of_stack(event: Mapping[str, Any]) -> bool:
    """Whether an event concerns the stack itself, and not a nested stack."""
    if event["ResourceType"] != _STACK:
        return False
    itself = event.get("StackName", event["LogicalResourceId"])
    return bool(event["LogicalResourceId"] == itself or event.get("PhysicalResourceId") == event.get("StackId"))


def _became(events: list[Mapping[str, Any]]) -> str:
    """The change of one resource, by its events. Empty if there is none."""
    done, replacing = "", False
    for event in events:
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason") or ""
        replacing = replacing or reason.startswith(_REPLACES)
        if status.endswith("_FAILED") and not reason.startswith(CONSEQUENCES):
            if status != "DELETE_FAILED":
                return "failed"
            done = "failed"  # unless a retry deletes it
        elif status in ("CREATE_COMPLETE", "IMPORT_COMPLETE"):
            done = "created"
        elif status == "UPDATE_COMPLETE" and done != "created":
            done = "replaced" if replacing else "updated"
        elif status in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
            # After an update, the predecessor is deleted. A resource that was created and deleted again does not count.
            gone = "deleted" if status == "DELETE_COMPLETE" else "kept"
            done = {"updated": "replaced", "replaced": "replaced", "created": ""}.get(done, gone)
    return done
