"""What a deploy's table says is counted from the events of CloudFormation, whatever kind they are."""

from __future__ import annotations

from typing import Any

import pytest

from local.changes import Changes, counted

STACK = "arn:aws:cloudformation:us-east-1:000000000000:stack/demo-models/1"
REPLACES = "Requested update requires the creation of a new physical resource; hence creating one."
Event = dict[str, Any]


def event(name: str, status: str, reason: str = "", *, kind: str = "AWS::SQS::Queue", physical: str = "q") -> Event:
    return {
        "StackId": STACK,
        "StackName": "demo-models",
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def of_stack(status: str, reason: str = "") -> Event:
    return event("demo-models", status, reason, kind="AWS::CloudFormation::Stack", physical=STACK)


CREATED = [
    event("A", "CREATE_IN_PROGRESS"),
    event("A", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
    event("A", "CREATE_COMPLETE"),
]
UPDATED = [event("B", "UPDATE_IN_PROGRESS"), event("B", "UPDATE_COMPLETE")]
REPLACED = [
    event("C", "UPDATE_IN_PROGRESS", REPLACES, physical="old"),
    event("C", "UPDATE_COMPLETE", physical="new"),
    event("C", "DELETE_IN_PROGRESS", physical="old"),
    event("C", "DELETE_COMPLETE", physical="old"),
]
DELETED = [event("D", "DELETE_IN_PROGRESS"), event("D", "DELETE_COMPLETE")]
KEPT = [event("E", "DELETE_SKIPPED")]
CASES: dict[str, tuple[list[Event], str]] = {
    "nothing": ([], "unchanged"),
    "the stack alone": ([of_stack("UPDATE_IN_PROGRESS", "User Initiated"), of_stack("UPDATE_COMPLETE")], "unchanged"),
    "created": (CREATED, "1 created"),
    "imported": ([event("A", "IMPORT_IN_PROGRESS"), event("A", "IMPORT_COMPLETE"), event("A", "UPDATE_COMPLETE")], "1 created"),
    "updated": (UPDATED, "1 updated"),
    "replaced": (REPLACED, "1 replaced"),
    "replaced under its name": (REPLACED[:2], "1 replaced"),
    "replaced without a word": (REPLACED[1:], "1 replaced"),
    "replaced, and the old one kept": ([*REPLACED[:2], event("C", "DELETE_SKIPPED", physical="old")], "1 replaced"),
    "deleted": (DELETED, "1 deleted"),
    "kept": (KEPT, "1 kept outside the stack"),
    "deleted when tried again": ([event("D", "DELETE_FAILED", "not empty"), *DELETED], "1 deleted"),
    "not deleted": ([event("D", "DELETE_IN_PROGRESS"), event("D", "DELETE_FAILED", "not empty")], "1 failed"),
    "all at once": (
        [of_stack("UPDATE_IN_PROGRESS"), *CREATED, *UPDATED, *REPLACED[:2], of_stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"), *REPLACED[2:], *DELETED, *KEPT, of_stack("UPDATE_COMPLETE")],
        "1 created, 1 updated, 1 replaced, 1 deleted, 1 kept outside the stack",
    ),
    "a new resource of an update that fails": (
        [
            of_stack("UPDATE_IN_PROGRESS"),
            *UPDATED,
            event("A", "CREATE_IN_PROGRESS"),
            event("A", "CREATE_FAILED", "exists already"),
            event("F", "CREATE_FAILED", "Resource creation cancelled"),
            of_stack("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [A]. "),
            *UPDATED,
            of_stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
            event("A", "DELETE_COMPLETE"),
            of_stack("UPDATE_ROLLBACK_COMPLETE"),
        ],
        "1 failed, rolled back",
    ),
    "a first deploy that is rolled back": (
        [*CREATED, event("F", "CREATE_FAILED", "no"), of_stack("ROLLBACK_IN_PROGRESS"), event("A", "DELETE_COMPLETE"), of_stack("ROLLBACK_COMPLETE")],
        "1 failed, rolled back",
    ),
    "a nested stack": ([event("N", "UPDATE_COMPLETE", kind="AWS::CloudFormation::Stack", physical=f"{STACK}/n")], "1 updated"),
    "a resource called as the stack is": ([event("demo-models", "CREATE_COMPLETE")], "1 created"),
    "ten of a kind": ([event(f"A{number}", "CREATE_COMPLETE") for number in range(10)], "10 created"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_resource_counts_once_for_what_became_of_it(case: str) -> None:
    events, told = CASES[case]
    assert str(counted(events)) == told


def test_events_without_more_than_a_type_and_a_status_count_too() -> None:
    bare = [
        {"LogicalResourceId": "S", "ResourceType": "AWS::CloudFormation::Stack", "ResourceStatus": "CREATE_COMPLETE"},
        {"LogicalResourceId": "A", "ResourceType": "AWS::SQS::Queue", "ResourceStatus": "CREATE_COMPLETE"},
    ]
    assert counted(bare) == Changes(created=1)


def test_what_changed_is_true_and_what_did_not_is_not() -> None:
    assert not counted([])
    for events, _ in list(CASES.values())[2:]:
        assert counted(events)
