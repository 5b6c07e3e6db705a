"""An evaluation is run and shown by one command, which says in one message why it cannot."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from operations import evaluate


class NoSuchKeyError(Exception):
    pass


class Session:
    """An account with the models stack of ``reference``, in which a run takes two looks."""

    outputs = [
        {"OutputKey": "assistantsevaluationBucketName1A", "OutputValue": "b"},
        {"OutputKey": "assistantsevaluationMachineArn2B", "OutputValue": "arn:machine"},
    ]
    end: dict[str, Any] = {"status": "SUCCEEDED"}
    report: str | None = "| f1 | 1 |"
    looks = 0
    put: tuple[str, ...] = ()

    def __init__(self, region_name: str) -> None:
        assert region_name == "us-east-1"

    def client(self, service: str) -> Any:
        kind = type(self)

        def describe(executionArn: str) -> dict[str, Any]:
            kind.looks += 1
            return {"status": "RUNNING"} if kind.looks == 1 else kind.end

        def read(Bucket: str, Key: str) -> dict[str, Any]:
            assert Key == "reports/genai-reference-assistants/run-1/report.md"
            if kind.report is None:
                raise NoSuchKeyError
            return {"Body": io.BytesIO(kind.report.encode())}

        def upload(*arguments: str) -> None:
            kind.put = arguments

        return SimpleNamespace(
            describe_stacks=lambda StackName: {"Stacks": [{"Outputs": kind.outputs}]},
            start_execution=lambda **_: {"executionArn": "arn:aws:states:us-east-1:1:execution:m:run-1"},
            describe_execution=describe,
            get_object=read,
            upload_file=upload,
            exceptions=SimpleNamespace(NoSuchKey=NoSuchKeyError),
        )


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    fresh = type("Fresh", (Session,), {})
    monkeypatch.setattr(boto3, "Session", fresh)
    monkeypatch.setattr(evaluate, "_SECONDS", 0)
    return fresh


def run(*more: str, name: str = "assistants") -> int:
    return evaluate.main([name, "--environment", "reference", *more])


def test_the_table_is_shown_and_questions_are_put_first(
    session: type[Session], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text("{}", encoding="utf-8")
    assert run("--data", str(questions)) == 0
    assert session.put == (str(questions), "b", "questions/genai-reference-assistants.jsonl")
    said = capsys.readouterr().out
    assert "| f1 | 1 |" in said
    assert "s3://b/reports/genai-reference-assistants/run-1/chart.svg" in said


def test_a_run_that_does_not_pass_ends_with_one(session: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    session.end = {"status": "FAILED", "cause": "f1 of a is 0.1, below 0.3"}
    assert run() == 1
    assert "Not passed: f1 of a is 0.1, below 0.3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ({}, {"name": "other"}, "has no evaluation other. There, models.evaluations has assistants"),
        ({"outputs": []}, {}, "deploy it first"),
        ({}, {"more": ("--data", "nowhere.jsonl")}, "nowhere.jsonl is not a file"),
        (
            {"report": None, "end": {"status": "FAILED", "cause": json.dumps({"errorMessage": "no questions"})}},
            {},
            "The run failed: no questions",
        ),
    ],
    ids=["unknown", "not deployed", "no file", "no report"],
)
def test_what_cannot_be_run_is_said_in_one_line(
    session: type[Session],
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    arguments: dict[str, Any],
    words: str,
) -> None:
    for name, value in change.items():
        setattr(session, name, value)
    assert run(*arguments.get("more", ()), name=arguments.get("name", "assistants")) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""
