"""Versions of a guardrail go once nothing names them, and not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations import guardrail_versions
from operations.guardrail_versions import Versions, look

GUARDRAIL = "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc123"
FLOW = "arn:aws:bedrock:us-east-1:111122223333:flow/F1"
RESOURCES = {
    "models": [("AWS::Bedrock::Guardrail", GUARDRAIL), ("AWS::Bedrock::FlowVersion", f"{FLOW}|2")],
    "application": [("AWS::Lambda::Function", "chat"), ("AWS::IAM::ManagedPolicy", "arn:policy")],
}


class Session:
    """What an account answers."""

    def __init__(
        self, *, function: str = "10", policy: str = "9", flow: str = "7", enforced: Sequence[str] = ()
    ) -> None:
        self.function, self.policy, self.flow, self.enforced = function, policy, flow, enforced
        self.deleted: list[str] = []

    def client(self, _service: str) -> Session:
        return self

    def get_paginator(self, operation: str) -> Any:
        return Pages(self, operation)

    def get_function_configuration(self, **_asked: str) -> dict[str, Any]:
        return {"Environment": {"Variables": {"GUARDRAIL_ID": "abc123", "GUARDRAIL_VERSION": self.function}}}

    def get_policy(self, **_asked: str) -> dict[str, Any]:
        return {"Policy": {"DefaultVersionId": "v3"}}

    def get_policy_version(self, **asked: str) -> dict[str, Any]:
        assert asked["VersionId"] == "v3"
        condition = {"StringEquals": {"bedrock:GuardrailIdentifier": f"{GUARDRAIL}:{self.policy}"}}
        return {"PolicyVersion": {"Document": {"Statement": [{"Condition": condition}]}}}

    def get_flow_version(self, **asked: str) -> dict[str, Any]:
        assert asked == {"flowIdentifier": FLOW, "flowVersion": "2"}
        own = {"guardrailIdentifier": GUARDRAIL, "guardrailVersion": self.flow}
        return {"definition": {"nodes": [{"configuration": {"prompt": {"guardrailConfiguration": own}}}]}}

    def delete_guardrail(self, **asked: str) -> None:
        assert asked["guardrailIdentifier"] == "abc123"
        self.deleted.append(asked["guardrailVersion"])


class Pages:
    """A paginator."""

    def __init__(self, session: Session, operation: str) -> None:
        self._session, self._operation = session, operation

    def paginate(self, **asked: str) -> list[dict[str, Any]]:
        if self._operation == "list_enforced_guardrails_configuration":
            enforced = [{"guardrailId": "abc123", "guardrailVersion": each} for each in self._session.enforced]
            return [{"guardrailsConfig": []}, {"guardrailsConfig": enforced}]
        if self._operation == "list_guardrails":
            assert asked == {"guardrailIdentifier": "abc123"}
            return [{"guardrails": [{"version": each} for each in ("DRAFT", *map(str, range(11, 5, -1)))]}]
        found = RESOURCES.get(asked["StackName"].rpartition("-")[2])
        if found is None or self._session.function == "none":
            message = f"Stack with id {asked['StackName']} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "ListStackResources")
        return [
            {"StackResourceSummaries": [{"ResourceType": kind, "PhysicalResourceId": name} for kind, name in found]}
        ]


def test_what_something_names_stays_and_the_newest_too() -> None:
    found = look(Session(), "genai-dev")
    assert found.named == {"7", "9", "10"}
    assert found.unnamed == ("6", "8")
    assert look(Session(enforced=["6"]), "genai-dev", pinned=8).unnamed == ()
    assert look(Session(function="11", policy="11", flow="11"), "genai-dev").unnamed == ("6", "7", "8", "9", "10")


def test_only_what_is_asked_for_is_deleted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    session = Session()
    monkeypatch.setattr(guardrail_versions.boto3, "Session", lambda **_: session)
    assert guardrail_versions.main([]) == 0
    assert session.deleted == []
    assert "6 of 20 versions, 2 of them not in use" in capsys.readouterr().out
    assert guardrail_versions.main(["--delete"]) == 0
    assert session.deleted == ["6", "8"]


def test_settings_that_keep_versions_keep_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session()
    monkeypatch.setattr(guardrail_versions.boto3, "Session", lambda **_: session)
    assert guardrail_versions.main(["--delete", "--environment", "reference"]) == 2
    assert session.deleted == []
    monkeypatch.setattr(guardrail_versions.boto3, "Session", lambda **_: Session(function="none"))
    assert guardrail_versions.main([]) == 2
    assert "has no guardrail. Deploy it" in capsys.readouterr().err.splitlines()[-1]


def test_the_only_version_is_the_newest() -> None:
    assert Versions("abc", (), frozenset()).unnamed == ()
    assert Versions("abc", ("1",), frozenset()).unnamed == ()
