"""Prompts are tried by their tests with one command, which says in one message why it cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from operations import prompts


class Session:
    """An account with the prompts of ``reference``, whose model answers what it is told to."""

    outputs = [
        *({"OutputKey": f"{n}promptVersionArn1A", "OutputValue": f"arn:{n}:1"} for n in ("kind", "sum", "reply")),
        {"OutputKey": "triageflowAliasArn2B", "OutputValue": "arn:aws:bedrock:us-east-1:1:flow/FLOW/alias/LIVE"},
    ]
    ends = ["300 dollars"]
    answer = "A bill."
    asked: list[dict[str, Any]] = []

    def __init__(self, region_name: str) -> None:
        assert region_name == "us-east-1"

    def client(self, _service: str) -> Any:
        kind = type(self)

        def converse(**request: Any) -> dict[str, Any]:
            kind.asked.append(request)
            return {"output": {"message": {"content": [{"text": kind.answer}]}}}

        def flow(**request: Any) -> dict[str, Any]:
            assert (request["flowIdentifier"], request["flowAliasIdentifier"]) == ("FLOW", "LIVE")
            said = [{"flowOutputEvent": {"content": {"document": each}}} for each in kind.ends]
            return {"responseStream": [*said, {"flowCompletionEvent": {}}]}

        guardrails = [{"name": "genai-reference", "id": "g", "version": "3"}]
        return SimpleNamespace(
            describe_stacks=lambda StackName: {"Stacks": [{"Outputs": kind.outputs}]},
            converse=converse,
            invoke_flow=flow,
            get_paginator=lambda _name: SimpleNamespace(paginate=lambda **_: [{"guardrails": guardrails}]),
        )


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    fresh = type("Fresh", (Session,), {"asked": []})
    monkeypatch.setattr(boto3, "Session", fresh)
    return fresh


def run() -> int:
    return prompts.main(["--environment", "reference"])


def test_deployed_versions_are_asked_through_the_guardrail(
    session: type[Session], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert capsys.readouterr().out == "passed  kind, test 1\npassed  triage, test 1\n"
    (asked,) = session.asked
    assert asked["modelId"] == "arn:kind:1"
    assert asked["guardrailConfig"] == {"guardrailIdentifier": "g", "guardrailVersion": "3"}
    assert asked["promptVariables"]["message"]["text"].startswith("Invoice")


def test_a_wrong_answer_ends_with_one(session: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    session.answer = "A complaint."
    assert run() == 1
    assert "FAILED  kind, test 1\n        the answer has no 'bill' and has 'complaint': A complaint." in (
        capsys.readouterr().out
    )


def test_a_flow_is_tried_to_its_ends(session: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    session.ends = ["Dear", "customer"]
    assert run() == 1
    assert "FAILED  triage, test 1\n        the answer has no '300': Dear\ncustomer" in capsys.readouterr().out


def test_what_is_not_deployed_is_said_in_one_line(session: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    session.outputs = []
    assert run() == 2
    assert "does not have the prompt kind yet: deploy it first" in capsys.readouterr().err


def test_an_environment_without_tests_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    assert prompts.main(["--environment", "dev"]) == 2
    assert "has a test" in capsys.readouterr().err
