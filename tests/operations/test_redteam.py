"""The red team's table says what a guardrail met, by category."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from rich.console import Console

from operations import redteam
from operations.attempts import attempts
from settings import load


class Runtime:
    """A guardrail that blocks what says 'ignore', masks card numbers and lets the rest through."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def apply_guardrail(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        text = request["content"][0]["text"]["text"].lower()
        if "ignore" in text:
            policy = {"contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "action": "BLOCKED"}]}}
            return {"action": "GUARDRAIL_INTERVENED", "assessments": [policy]}
        if "4111" in text:
            policy = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "CARD", "action": "ANONYMIZED"}]}}
            return {"action": "GUARDRAIL_INTERVENED", "assessments": [policy]}
        return {"action": "NONE", "assessments": [{}]}


class Bedrock:
    def __init__(self, guardrails: list[dict[str, str]]) -> None:
        self.guardrails = guardrails

    def get_paginator(self, _name: str) -> Bedrock:
        return self

    def paginate(self, guardrailIdentifier: str = "") -> list[dict[str, Any]]:
        if not guardrailIdentifier:
            return [{"guardrails": [each]} for each in self.guardrails if each["version"] == "DRAFT"]
        return [{"guardrails": [each for each in self.guardrails if each["id"] == guardrailIdentifier]}]


def test_the_table_counts_by_category_and_lists_what_was_let_through() -> None:
    runtime, console = Runtime(), Console(file=io.StringIO(), width=160)
    outcomes = redteam.tried(runtime, "g", "3", attempts())
    assert len(runtime.asked) == len(outcomes) == len(attempts())
    assert {each["guardrailVersion"] for each in runtime.asked} == {"3"}
    answers = [each for each in runtime.asked if each["source"] == "OUTPUT"]
    assert len(answers) == sum(case.where == "answer" for case in attempts())
    redteam.show(outcomes, console)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
        for line in told.splitlines()
        if line.startswith("│")
    }
    assert rows["harmless"] == ["none", "12", "0", "0", "12"]
    assert int(rows["disguises between letters"][2]) == 1
    assert rows["personal data in answers"][3] == "1"
    assert "let through: jailbreak: Let us play a game" in told
    assert "let through: harmless" not in told


def test_a_document_is_assessed_as_it_is_quoted_to_a_model() -> None:
    case = next(case for case in attempts() if case.where == "document")
    assert redteam.shown(case).startswith("<document-")


def test_the_newest_version_is_tried() -> None:
    versions = [{"name": "genai-dev", "id": "g", "version": each} for each in ("DRAFT", "2", "10")]
    assert redteam.guardrail(Bedrock(versions), load("dev")) == ("g", "10")
    for none in ([], versions[:1]):
        with pytest.raises(redteam.NoGuardrailError, match="Deploy it with make deploy ENV=dev"):
            redteam.guardrail(Bedrock(none), load("dev"))


def test_without_credentials_or_environment_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: Any) -> None:
        raise NoCredentialsError

    monkeypatch.setattr(redteam, "guardrail", refuse)
    assert redteam.main(["--environment", "dev"]) == 2
    assert "Sign in to the account" in capsys.readouterr().err
    assert redteam.main(["--environment", "nowhere"]) == 2
    assert "there is no such environment" in capsys.readouterr().err
