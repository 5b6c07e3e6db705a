"""References of a private hub: exactly the allowed models, however often CloudFormation asks, and none after deletion."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource import serving
from aws_genai.functions.hub_models import handler
from aws_genai.functions.hub_models.service import Hub

PLACE = "arn:aws:sagemaker:us-east-1:aws"


def refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "x")


class SageMaker:
    """One hub in memory, which lists two references a page."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.exists = True
        self.calls: list[str] = []
        self.failures = 0

    def _may(self, name: str) -> None:
        if self.failures:
            self.failures -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, name)
        if not self.exists:
            raise refused("Hub does not exist.")
        self.calls.append(name)

    def list_hub_contents(self, *, HubName: str, HubContentType: str, NextToken: str = "0") -> dict[str, Any]:
        self._may("list")
        assert HubContentType == "ModelReference"
        start = int(NextToken)
        rows = [{"HubContentName": name, "MinVersion": version} for name, version in sorted(self.held.items())]
        more = {"NextToken": str(start + 2)} if len(rows) > start + 2 else {}
        return {"HubContentSummaries": rows[start : start + 2], **more}

    def create_hub_content_reference(self, **request: str) -> None:
        self._may(f"create {request['HubContentName']}")
        assert request["SageMakerPublicHubContentArn"] == (
            f"{PLACE}:hub-content/SageMakerPublicHub/Model/{request['HubContentName']}"
        )
        if request["HubContentName"] in self.held:
            raise refused("HubContent already exists")
        self.held[request["HubContentName"]] = request["MinVersion"]

    def update_hub_content_reference(self, **request: str) -> None:
        self._may(f"update {request['HubContentName']}")
        self.held[request["HubContentName"]] = request["MinVersion"]

    def delete_hub_content_reference(self, **request: str) -> None:
        self._may(f"delete {request['HubContentName']}")
        if request["HubContentName"] not in self.held:
            raise refused("HubContent does not exist.")
        del self.held[request["HubContentName"]]


@pytest.fixture
def sagemaker() -> SageMaker:
    return SageMaker()


def test_the_hub_holds_exactly_the_models(sagemaker: SageMaker) -> None:
    hub = Hub(sagemaker, "allowed", PLACE)
    hub.hold({"a": "1.0.0", "b": "1.0.0", "c": "1.0.0"})
    assert sagemaker.held == {"a": "1.0.0", "b": "1.0.0", "c": "1.0.0"}
    hub.hold({"a": "2.0.0", "c": "1.0.0", "d": "1.0.0"})
    assert sagemaker.held == {"a": "2.0.0", "c": "1.0.0", "d": "1.0.0"}
    before = len(sagemaker.calls)
    hub.hold({"a": "2.0.0", "c": "1.0.0", "d": "1.0.0"})
    assert set(sagemaker.calls[before:]) == {"list"}
    hub.empty()
    assert sagemaker.held == {}


def test_a_second_delivery_meets_what_the_first_made(sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(sagemaker, "allowed", PLACE)
    monkeypatch.setattr(Hub, "_references", lambda _self: iter([("gone", "1.0.0")]))
    sagemaker.held = {"a": "1.0.0"}
    hub.hold({"a": "1.0.0"})
    assert sagemaker.held == {"a": "1.0.0"}


def test_a_hub_that_is_gone_is_empty(sagemaker: SageMaker) -> None:
    sagemaker.exists = False
    Hub(sagemaker, "allowed", PLACE).empty()


def test_cloudformation_is_told_of_a_failure_and_the_next_delivery_finishes(
    sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[dict[str, Any]] = []
    monkeypatch.setattr(serving._Answer, "_send", lambda _self, answer: answers.append(answer))
    monkeypatch.setattr(handler, "sagemaker", lambda: sagemaker)
    request = {
        "ResponseURL": "https://nowhere.example",
        "StackId": "s",
        "RequestId": "r",
        "LogicalResourceId": "Models",
        "ResourceProperties": {"Hub": "allowed", "Place": PLACE, "Models": {"a": "1.0.0"}},
    }
    context = type("Context", (), {"get_remaining_time_in_millis": lambda _self: 60_000})()
    sagemaker.failures = 1
    handler.handler({**request, "RequestType": "Create"}, context)
    assert answers[-1]["Status"] == "FAILED"
    assert "Rate exceeded" in answers[-1]["Reason"]
    handler.handler({**request, "RequestType": "Create"}, context)
    assert answers[-1] == {"Status": "SUCCESS", "PhysicalResourceId": "allowed/models", "Data": {}}
    wanted = {**request["ResourceProperties"], "Models": {"b": "1.0.0"}}  # type: ignore[dict-item]
    made = {"PhysicalResourceId": "allowed/models", "OldResourceProperties": request["ResourceProperties"]}
    handler.handler({**request, **made, "ResourceProperties": wanted, "RequestType": "Update"}, context)
    assert sagemaker.held == {"b": "1.0.0"}
    handler.handler({**request, **made, "RequestType": "Delete"}, context)
    assert sagemaker.held == {}
    assert answers[-1]["Status"] == "SUCCESS"
