"""A verb that is given no name, or a wrong one, says which there are in that environment, before AWS is asked."""

from __future__ import annotations

import subprocess

import boto3
import pytest

from operations import data_set, evaluate, prompts, redteam, wake
from operations.naming import UnnamedError, named
from settings import load
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


CASES = [
    (wake, ["", "--environment", "reference"], ("Which endpoint? Add NAME=genai-reference-", "genai-reference-llama")),
    (wake, ["--environment", "reference"], ("Which endpoint?",)),
    (wake, ["genai-reference-lama", "--environment", "reference"], ("Did you mean genai-reference-llama?", "genai-reference-support")),
    (wake, ["", "--environment", "dev"], ("config/dev.yaml has no endpoint. Add one to models.endpoints and deploy",)),
    (evaluate, ["", "--environment", "reference"], ("Which evaluation? Add NAME=assistants",)),
    (evaluate, ["asistants", "--environment", "reference"], ("Did you mean assistants?",)),
    (evaluate, ["", "--environment", "dev"], ("has no evaluation. Add one to models.evaluations",)),
    (data_set, ["manifest", "", "--environment", "reference"], ("Which data set? Add DATA=support", "triage")),
    (data_set, ["sign", "suport", "--environment", "reference"], ("Did you mean support?", "triage")),
    (data_set, ["sign", "x", "--environment", "dev"], ("has no data set. Add one to models.fine_tuning",)),
    (prompts, ["--name", "knd", "--environment", "reference"], ("Did you mean kind?", "triage")),
    (redteam, ["--name", "jailbrake", "--environment", "reference"], ("Did you mean jailbreak?", "direct injection")),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "arguments", "said"), CASES, ids=[f"{c[0].__name__} {' '.join(c[1])}" for c in CASES])
def test_what_there_is_is_told(
    verb: object, arguments: list[str], said: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(arguments) == 2  # type: ignore[attr-defined]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    for part in said:
        assert part in printed.err


@pytest.mark.parametrize("verb", ["wake", "evaluate", "manifest", "sign"])
def test_make_says_so_too(verb: str) -> None:
    ready = [f"--assume-old={each}" for each in (".venv/.synth", ".venv-local/.done")]
    command = ["make", *ready, verb, "ENV=reference", "BIN=.", f"SHELL={ROOT / 'none'}"]
    shown = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=True)
    module = {"manifest": "data_set manifest", "sign": "data_set sign"}.get(verb, verb)
    assert shown.stdout.strip() == f'./python -m operations.{module} "" --environment reference'


def test_a_name_in_the_settings_is_taken_as_it_is() -> None:
    settings = load("reference")
    asked = {"what": "thing", "option": "NAME", "where": "models.things"}
    assert named(" b ", ["a", "b"], settings, **asked) == "b"
    with pytest.raises(
        UnnamedError, match=r"^Which thing\? Add NAME=a; in config/reference.yaml, models.things has a$"
    ):
        named(" ", ["a"], settings, **asked)
    with pytest.raises(UnnamedError, match=r"has no thing x\\ny\. There, models.things has a, b$"):
        named("x\ny", ["b", "a"], settings, **asked)


def test_the_short_name_of_an_endpoint_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(wake, "_function", lambda _session, stack: asked.append(stack) or "")
    monkeypatch.setattr(boto3, "Session", lambda region_name: None)
    with pytest.raises(AttributeError):
        wake.wake("llama", "reference")
    assert asked == ["genai-reference-hosting"]
