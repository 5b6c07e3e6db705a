"""Why the chat failed is one line: of the models' server, or of the function's log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.chat import Chat
from local.home import Home
from local.reasons import reason, why

CHAT = Chat("http://127.0.0.1:1/chat", "pool", "client", "demo-local-application")
CHAIN = """Traceback (most recent call last):
  File "/var/task/chat/service.py", line 1, in ask
    return client.converse(**request)
botocore.errorfactory.AccessDeniedException: An error occurred (AccessDeniedException) when calling the Converse operation (reached max retries: 0): User x is not authorized

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/var/task/chat/handler.py", line 1, in handler
    answer = answered(event)
aws_genai.functions.chat.errors.ChatError: This service may not call the model."""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"level": "INFO", "message": "answered"}, ""),
        ({"level": "WARNING", "message": "refused", "status": 403, "exception": CHAIN}, ""),
        ({"level": "WARNING", "message": "refused", "status": 502, "exception": CHAIN}, "Converse: AccessDeniedException: User x is not authorized"),
        ({"level": "ERROR", "message": "failed", "exception": "Traceback\nKeyError: 'MODELS'"}, "KeyError: 'MODELS'"),
        ({"level": "ERROR", "message": "out of order"}, "out of order"),
        ({"level": "WARNING", "status": "none"}, ""),
        ("START RequestId: 1", ""),
        ("2026-11-29 12:00:00 1 Task timed out after 28.00 seconds", "2026-11-29 12:00:00 1 Task timed out after 28.00 seconds"),
        ("Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'chat'", "ModuleNotFoundError: No module named 'chat'"),
        ("[1, 2]", ""),
    ],
)  # fmt: skip
def test_the_line_of_a_log(message: object, told: str) -> None:
    assert reason(message if isinstance(message, str) else json.dumps(message)) == told


class Account:
    """An account whose chat function has written these messages."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        self.asked: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        pages = {
            "list_stack_resources": [{"StackResourceSummaries": [{"ResourceType": "AWS::Lambda::Function", "LogicalResourceId": "ChatFunction1A", "PhysicalResourceId": "chat"}]}],
            "filter_log_events": [{"events": [{"message": each} for each in self.messages]}],
        }  # fmt: skip

        def paginator(operation: str) -> Any:
            def paginate(**asked: Any) -> Any:
                self.asked |= asked
                return pages[operation]

            return SimpleNamespace(paginate=paginate)

        return SimpleNamespace(get_paginator=paginator, get_function_configuration=lambda FunctionName: {})


def note(home: Home, *lines: object) -> None:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (home.model.parent / "model-errors.jsonl").write_text(text)


def test_the_servers_own_reason_comes_first(tmp_path: Path) -> None:
    home, account = Home(tmp_path), Account('{"level": "ERROR", "message": "of the log"}')
    said = {"code": "ModelErrorException", "message": "answers 500: out of\nmemory"}
    note(home, {"time": 90.0, **said, "message": "older"}, {"time": 101.5, **said}, "half a li")
    assert why(home, account, CHAT, 100.0) == "ModelErrorException: answers 500: out of\\nmemory"  # type: ignore[arg-type]
    note(home, {"time": datetime.fromtimestamp(101, UTC).isoformat(), **said})
    assert why(home, account, CHAT, 100.0).startswith("ModelErrorException")  # type: ignore[arg-type]


def test_an_older_reason_is_none_of_this_question(tmp_path: Path) -> None:
    home, account = Home(tmp_path), Account("REPORT", '{"level": "ERROR", "message": "of the log"}', "END")
    note(home, {"time": 90.0, "code": "a", "message": "older"})
    assert why(home, account, CHAT, 100.0) == "of the log"  # type: ignore[arg-type]
    assert account.asked["logGroupName"] == "/aws/lambda/chat"
    assert account.asked["startTime"] == 100_000


def test_nothing_is_made_up(tmp_path: Path) -> None:
    assert why(Home(tmp_path), Account(), CHAT, 0.0) == ""  # type: ignore[arg-type]
