"""Whatever a verb is about, an unknown name is refused before AWS is asked, with the nearest one, and exit code 2."""

from __future__ import annotations

from importlib import import_module

import boto3
import pytest

from settings import told


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("client", "resource"):
        monkeypatch.setattr(boto3.Session, name, lambda *_args, **_more: pytest.fail("AWS was asked"))


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("cdk", ["synth", "refrence"]),
        ("summary", ["refrence"]),
        ("destroy", ["refrence"]),
        ("owners", ["refrence"]),
        ("organization", ["--models-of", "refrence"]),
        ("wake", ["genai-reference-llama", "--environment", "refrence"]),
        ("data_set", ["sign", "support", "--environment", "refrence"]),
        ("evaluate", ["assistants", "--environment", "refrence"]),
        ("guardrail_versions", ["--environment", "refrence"]),
        ("prompts", ["--environment", "refrence"]),
        ("redteam", ["--environment", "refrence"]),
        ("release", ["policies/x.md", "--environment", "refrence"]),
    ],
)
def test_an_unknown_environment(capfd: pytest.CaptureFixture[str], verb: str, arguments: list[str]) -> None:
    assert told(lambda: import_module(f"operations.{verb}").main(arguments)) == 2
    assert capfd.readouterr() == ("", "config/refrence.yaml: there is no such environment. Did you mean reference?\n")


@pytest.mark.parametrize(
    ("verb", "arguments", "meant"),
    [
        ("choose", ["--parameters", "8e9", "--region", "eu-cental-1"], "eu-central-1"),
        ("choose", ["--parameters", "8e9", "--precision", "bf61"], "bf16"),
        ("wake", ["genai-reference-lama", "--environment", "reference"], "genai-reference-llama"),
        ("evaluate", ["asistants", "--environment", "reference"], "assistants"),
        ("prompts", ["--name", "triag", "--environment", "reference"], "triage"),
        ("redteam", ["--name", "jailbrek", "--environment", "reference"], "jailbreak"),
        ("release", ["policies/x.md", "--knowledge", "hanbook", "--environment", "reference"], "handbook"),
        ("release", ["polices/x.md", "--environment", "reference"], "policies"),
    ],
)
def test_an_unknown_name(capsys: pytest.CaptureFixture[str], verb: str, arguments: list[str], meant: str) -> None:
    assert import_module(f"operations.{verb}").main(arguments) == 2
    printed = capsys.readouterr()
    assert f"Did you mean {meant}?" in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""


@pytest.mark.parametrize("role", ["deployer", "arn:aws:iam::1:user/ann", "arn:aws:s3:::bucket", "*"])
def test_what_is_no_role(capsys: pytest.CaptureFixture[str], role: str) -> None:
    assert import_module("operations.organization").main([role]) == 2
    printed = capsys.readouterr()
    assert f"{role} is not the ARN of a role. Write it as arn:aws:iam::" in printed.err
    assert printed.out == ""
