"""One command brings an endpoint back, or says in one message why it cannot."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError

from operations import wake


class Session:
    """An account with the models stack of ``reference``, whose sweeper answers what it is told to."""

    outputs = [{"OutputKey": "IdleFunctionName1A2B", "OutputValue": "sweeper"}]
    said: Any = "waking"
    error: str | None = None
    invoked: dict[str, Any] = {}

    def __init__(self, region_name: str) -> None:
        assert region_name == "us-east-1"

    def client(self, service: str) -> Any:
        if service == "cloudformation":
            return SimpleNamespace(
                describe_stacks=lambda StackName: {
                    "Stacks": [{"Outputs": self.outputs if StackName == "genai-reference-hosting" else []}]
                }
            )

        def invoke(FunctionName: str, Payload: bytes) -> dict[str, Any]:
            if self.said is NoCredentialsError:
                raise NoCredentialsError
            Session.invoked = {"function": FunctionName, **json.loads(Payload)}
            body = {"errorMessage": "boom"} if self.error else {Session.invoked["wake"]: self.said}
            return {
                "Payload": io.BytesIO(json.dumps(body).encode()),
                **({"FunctionError": self.error} if self.error else {}),
            }

        return SimpleNamespace(invoke=invoke)


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    fresh = type("Fresh", (Session,), {})
    monkeypatch.setattr(boto3, "Session", fresh)
    return fresh


def run() -> int:
    return wake.main(["genai-reference-llama", "--environment", "reference"])


def test_the_sweeper_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert Session.invoked == {"function": "sweeper", "wake": "genai-reference-llama"}
    assert "is being restored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"said": "not swept"}, "was not stopped by the sweeper"),
        ({"outputs": []}, "has no sweeper. Add models.idle"),
        ({"error": "Unhandled"}, "The sweeper failed: boom. Read the log of sweeper"),
        ({"said": NoCredentialsError}, "Sign in"),
    ],
)
def test_what_goes_wrong_is_one_message(
    session: type[Session], capsys: pytest.CaptureFixture[str], changed: dict[str, Any], told: str
) -> None:
    for name, value in changed.items():
        setattr(session, name, value)
    assert run() == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert printed.out == ""


def test_an_environment_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert wake.main(["x", "--environment", "nowhere"]) == 2
    assert "there is no such environment" in capsys.readouterr().err
