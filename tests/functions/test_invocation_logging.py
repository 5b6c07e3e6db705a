"""Calls of models are logged as wanted, and as before afterwards, whatever fails on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource import serving
from aws_genai.functions.invocation_logging import handler
from aws_genai.functions.invocation_logging.service import Logging

GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:ours"
OURS = {"cloudWatchConfig": {"logGroupName": "ours", "roleArn": "role"}, "textDataDeliveryEnabled": True}
CHANGED = {**OURS, "imageDataDeliveryEnabled": True}
THEIRS = {"s3Config": {"bucketName": "theirs", "keyPrefix": ""}, "textDataDeliveryEnabled": True}


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "operation")


class Account:
    """Bedrock and the log group of one account, which may fail at any call."""

    def __init__(self, before: dict[str, Any] | None = None) -> None:
        self.logging: dict[str, Any] | None = before
        self.tags: dict[str, str] = {}
        self.calls: list[str] = []
        #: The error of each call that fails, by how often it does.
        self.failing: dict[str, list[str]] = {}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.failing.get(name):
            raise error(self.failing[name].pop(0))

    def get_model_invocation_logging_configuration(self) -> dict[str, Any]:
        self._called("get")
        # Bedrock answers with what it was told and a little more.
        return {"loggingConfig": {**self.logging, "videoDataDeliveryEnabled": False}} if self.logging else {}

    def put_model_invocation_logging_configuration(self, *, loggingConfig: dict[str, Any]) -> None:
        self._called("put")
        self.logging = {name: each for name, each in loggingConfig.items() if name != "videoDataDeliveryEnabled"}

    def delete_model_invocation_logging_configuration(self) -> None:
        self._called("delete")
        self.logging = None

    def tag_resource(self, *, resourceArn: str, tags: dict[str, str]) -> None:
        self._called("note")
        assert resourceArn == GROUP
        assert all(len(value) <= 256 for value in tags.values())
        self.tags |= tags

    def list_tags_for_resource(self, *, resourceArn: str) -> dict[str, Any]:
        self._called("read")
        return {"tags": {"owner": "platform", **self.tags}}

    def untag_resource(self, *, resourceArn: str, tagKeys: list[str]) -> None:
        self._called("forget")
        for name in tagKeys:
            del self.tags[name]


class Stack:
    """CloudFormation, as far as one custom resource sees it."""

    #: Whether the settings say that it takes the place of what another has set.
    replaces = True

    def __init__(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        self.account, self.answers = account, list[dict[str, Any]]()
        monkeypatch.setattr(handler, "client", lambda _service: account)
        monkeypatch.setattr("aws_genai.functions.invocation_logging.service.time.sleep", lambda _seconds: None)
        monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: self.answers.append(answer))
        monkeypatch.setattr(
            handler, "Logging", lambda *arguments: Logging(*arguments, pause=lambda _seconds: None), raising=True
        )

    def ask(self, kind: str, wanted: Any, physical_id: str = "", old: Any = None) -> dict[str, Any]:
        event = {
            "RequestType": kind,
            "StackId": "stack",
            "LogicalResourceId": "Calls",
            "RequestId": "one",
            "ResponseURL": "https://nowhere",
            "ResourceProperties": {"LogGroupArn": GROUP, "Configuration": json.dumps(wanted)},
        }
        if self.replaces:
            event["ResourceProperties"]["Replace"] = "true"  # type: ignore[index]
        if physical_id:
            event["PhysicalResourceId"] = physical_id
        if old is not None:
            event["OldResourceProperties"] = {"LogGroupArn": GROUP, "Configuration": json.dumps(old)}
        handler.handler(event, Context())
        return self.answers[-1]


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stack]:
    return lambda before=None: Stack(Account(before), monkeypatch)


@pytest.mark.parametrize("before", [None, THEIRS], ids=["nothing", "something"])
def test_deletion_sets_back_what_was(stack: Callable[..., Stack], before: Any) -> None:
    made = stack(before)
    assert made.ask("Create", OURS)["Status"] == "SUCCESS"
    assert made.account.logging == OURS
    assert made.ask("Update", CHANGED, GROUP, OURS)["PhysicalResourceId"] == GROUP
    assert made.account.logging == CHANGED
    assert made.ask("Delete", CHANGED, GROUP)["Status"] == "SUCCESS"
    assert made.account.logging == before
    assert made.account.tags == {}


def test_every_request_may_be_delivered_twice(stack: Callable[..., Stack]) -> None:
    made = stack(THEIRS)
    for _ in range(2):
        assert made.ask("Create", OURS)["Status"] == "SUCCESS"
    for _ in range(2):
        assert made.ask("Update", CHANGED, GROUP, OURS)["Status"] == "SUCCESS"
    for _ in range(2):
        assert made.ask("Delete", CHANGED, GROUP)["Status"] == "SUCCESS"
    assert made.account.logging == THEIRS
    assert made.account.tags == {}


def test_an_update_to_other_places_and_its_rollback_keep_what_was_first(stack: Callable[..., Stack]) -> None:
    made, moved = stack(THEIRS), {"cloudWatchConfig": {"logGroupName": "moved", "roleArn": "role"}}
    made.ask("Create", OURS)
    made.ask("Update", moved, GROUP, OURS)
    assert made.account.logging == moved
    made.ask("Update", OURS, GROUP, moved)
    made.ask("Delete", OURS, GROUP)
    assert made.account.logging == THEIRS


def test_what_somebody_else_set_meanwhile_stays(stack: Callable[..., Stack]) -> None:
    made, other = stack(), {"s3Config": {"bucketName": "other"}}
    made.ask("Create", OURS)
    made.account.logging = other
    assert made.ask("Delete", OURS, GROUP)["Status"] == "SUCCESS"
    assert made.account.logging == other
    assert made.account.tags == {}


def test_a_role_that_is_not_known_yet_is_tried_again(stack: Callable[..., Stack]) -> None:
    made = stack()
    made.account.failing = {"put": ["ValidationException"] * 3 + ["ThrottlingException"]}
    assert made.ask("Create", OURS)["Status"] == "SUCCESS"
    assert made.account.logging == OURS


@pytest.mark.parametrize("failing", ["get", "note", "put"])
@pytest.mark.parametrize("before", [None, THEIRS], ids=["nothing", "something"])
def test_a_create_that_fails_leaves_everything_as_it_was(
    stack: Callable[..., Stack], before: Any, failing: str
) -> None:
    made = stack(before)
    made.account.failing = {failing: ["AccessDeniedException"]}
    answer = made.ask("Create", OURS)
    assert answer["Status"] == "FAILED"
    # CloudFormation then deletes what was never made.
    assert made.ask("Delete", OURS, answer["PhysicalResourceId"])["Status"] == "SUCCESS"
    assert made.account.logging == before
    assert made.account.tags == {}


@pytest.mark.parametrize("failing", ["get", "put"])
def test_an_update_that_fails_keeps_its_id_and_can_be_taken_back(stack: Callable[..., Stack], failing: str) -> None:
    made = stack(THEIRS)
    made.ask("Create", OURS)
    made.account.failing = {failing: ["AccessDeniedException"]}
    answer = made.ask("Update", CHANGED, GROUP, OURS)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", GROUP)
    assert made.ask("Update", OURS, GROUP, CHANGED)["Status"] == "SUCCESS"
    made.ask("Delete", OURS, GROUP)
    assert made.account.logging == THEIRS


@pytest.mark.parametrize("failing", ["read", "get", "put", "forget"])
def test_a_delete_that_fails_can_be_tried_again(stack: Callable[..., Stack], failing: str) -> None:
    made = stack(THEIRS)
    made.ask("Create", OURS)
    made.account.failing = {failing: ["AccessDeniedException"]}
    assert made.ask("Delete", OURS, GROUP)["Status"] == "FAILED"
    assert made.ask("Delete", OURS, GROUP)["Status"] == "SUCCESS"
    assert made.account.logging == THEIRS
    assert made.account.tags == {}


def test_what_was_before_and_is_gone_since_is_not_set_back(stack: Callable[..., Stack]) -> None:
    # Another environment's log, say, which was destroyed first: its role is gone.
    made = stack(THEIRS)
    made.ask("Create", OURS)
    made.account.failing = {"put": ["ValidationException"] * 50}
    assert made.ask("Delete", OURS, GROUP)["Status"] == "SUCCESS"
    assert made.account.logging is None
    assert made.account.tags == {}


def test_what_another_owns_is_not_taken(stack: Callable[..., Stack]) -> None:
    made = stack(THEIRS)
    made.replaces = False
    answer = made.ask("Create", OURS)
    assert answer["Status"] == "FAILED"
    assert "already logged to bucket theirs, which another environment or team owns" in answer["Reason"]
    assert "replace: true" in answer["Reason"]
    assert made.ask("Delete", OURS, answer["PhysicalResourceId"])["Status"] == "SUCCESS"
    assert made.account.logging == THEIRS
    assert made.account.tags == {}


def test_two_environments_do_not_take_it_from_each_other(stack: Callable[..., Stack]) -> None:
    # The second is refused; the first then changes and deletes its own.
    first = stack()
    first.replaces = False
    assert first.ask("Create", OURS)["Status"] == "SUCCESS"
    second = {"cloudWatchConfig": {"logGroupName": "second", "roleArn": "role"}}
    assert first.ask("Create", second)["Status"] == "FAILED"
    assert first.account.logging == OURS
    assert first.ask("Update", CHANGED, GROUP, OURS)["Status"] == "SUCCESS"
    # Somebody took it meanwhile: an update does not take it back.
    first.account.logging = THEIRS
    assert first.ask("Update", OURS, GROUP, CHANGED)["Status"] == "FAILED"
    assert first.account.logging == THEIRS
    assert first.ask("Delete", OURS, GROUP)["Status"] == "SUCCESS"
    assert first.account.logging == THEIRS


def test_a_long_configuration_is_noted_whole(stack: Callable[..., Stack]) -> None:
    long = {"s3Config": {"bucketName": "theirs", "keyPrefix": "".join(f"{n:x}/" for n in range(400))}}
    made = stack(long)
    made.ask("Create", OURS)
    assert len(made.account.tags) > 1
    made.ask("Delete", OURS, GROUP)
    assert made.account.logging == long
