"""What functions that answer leave in logs, metrics and traces: figures and reasons, no words of users."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aws_genai.functions.chat.errors import TIMEOUT, ChatError, spent_error
from aws_genai.functions.chat.metrics import refusals
from aws_genai.functions.chat.observed import BrokenError, cause, recorded
from aws_genai.models.access.inference import Inference, requests_of

ROOT = Path(__file__).parents[2]
MODEL = "amazon.nova-lite-v1:0"
#: A word that stands in everything that a user sends, and in what services say of it.
MARK = "Zanzibar"
TRACE = "1-5759e988-bd862e3fe1be46a994272793"

#: Answers questions in a process of its own, as Lambda does: tracing patches botocore for good.
SCRIPT = """
import importlib, json, sys, time
from types import SimpleNamespace

folder, cases, mark = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
module = importlib.import_module(f"aws_genai.functions.{folder}.handler")

class Stream:
    def __init__(self):
        self.begun, self.body, self.written = False, b"", time.monotonic()
    def begin(self, status, headers):
        self.begun = True
    def write(self, data):
        self.body += data

class Model:
    def __init__(self, case):
        self.case = case
    def converse_stream(self, **request):
        if self.case == "odd":
            raise LookupError(mark)
        usage = {"usage": {"inputTokens": 11, "outputTokens": 5}}
        text = {"contentBlockDelta": {"delta": {"text": mark}}}
        return {"stream": [text, {"messageStop": {"stopReason": "end_turn"}}, {"metadata": usage}]}
    converse = converse_stream

real = module.client
for case in cases:
    module.client = (lambda *_: Model(case)) if case in ("odd", "streamed") else real
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id=case,
        get_remaining_time_in_millis=lambda: 300_000, stream=Stream(),
    )
    body = {"messages": [{"role": "user", "text": mark}]}
    if case == "malformed":
        body = {mark: [{"role": mark}]}
    if case == "unknown":
        body["model"] = mark
    claims = {"sub": mark, "client_id": "client", "token_use": "access", "email": f"{mark}@example.com", "cognito:username": mark}
    event = {
        "body": json.dumps(body),
        "headers": {"Authorization": mark, "X-Forwarded-For": mark},
        "requestContext": {
            "requestId": f"request-{case}",
            "requestTimeEpoch": int(time.time() * 1000) - 2000,
            "authorizer": {"claims": claims},
            "identity": {"sourceIp": mark},
        },
    }
    module.handler(event, context)
"""


class Bedrock(BaseHTTPRequestHandler):
    """Bedrock, which answers with the mark, or refuses with it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        status, content = 400, {"message": f"Cannot take {MARK}"}
        if server.fails:
            server.fails -= 1
        else:
            status = 200
            content = {
                "output": {"message": {"role": "assistant", "content": [{"text": MARK}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 11, "outputTokens": 5, "totalTokens": 16},
                "metrics": {"latencyMs": 1},
            }
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-amzn-ErrorType", "ModelErrorException")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Write no log."""


@contextmanager
def bedrock(fails: int) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bedrock)
    server.fails = fails  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def leave(folder: str, cases: list[str], *, fails: int = 0, **variables: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """What requests leave: the lines of the log, metrics included, and the subsegments that the daemon receives."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon, bedrock(fails) as endpoint:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0.5)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, folder, json.dumps(cases), MARK],
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ["HOME"],
                "PYTHONPATH": f"{ROOT / 'constructs'}{os.pathsep}{ROOT}",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint,
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "LAMBDA_TASK_ROOT": "/var/task",
                "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
                "_X_AMZN_TRACE_ID": f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1",
                "POWERTOOLS_SERVICE_NAME": folder,
                "MODELS": json.dumps(requests_of([MODEL], Inference(max_tokens=500), {})),
                "SYSTEM_PROMPT": "Be brief.",
                "GUARDRAIL_ID": "guard",
                "GUARDRAIL_VERSION": "3",
                "CLIENT_IDS": '["client"]',
                "ASSISTANT": "helper",
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert MARK not in done.stderr
        spans: list[Any] = []
        # The SDK sends each subsegment when it ends, and that of the handler last.
        while len([each for each in spans if each["name"] == "## handler"]) < len(cases):
            spans.append(json.loads(daemon.recv(65_536).split(b"\n", 1)[1]))
    return [json.loads(line) for line in done.stdout.splitlines()], spans


def calls(spans: list[Any]) -> list[Any]:
    """The subsegments of calls of a model."""
    return [each for each in spans if each["name"].startswith("chat ")]


def test_a_request_leaves_no_word_of_it_in_the_log_the_metrics_and_the_trace() -> None:
    """Answered, malformed, refused by Bedrock with a message that quotes it, and failed for no foreseen reason."""
    log, traces = leave("chat", ["refused", "answered", "malformed", "unknown", "odd"], fails=1)
    assert MARK not in json.dumps(log)
    assert MARK not in json.dumps(traces)
    told = {each["request_id"]: each for each in log if "request_id" in each}
    assert told["request-refused"]["code"] == "model_failed"
    # The reason is there without its message.
    assert told["request-refused"]["cause"][1]["code"] == "ModelErrorException"
    assert told["request-malformed"]["code"] == "malformed_request"
    assert told["request-odd"]["message"] == "failed"
    assert told["request-odd"]["cause"][0]["type"] == "LookupError"
    assert told["request-odd"]["cause"][0]["at"]
    assert all(each["xray_trace_id"] == TRACE for each in told.values())
    handled = [each for each in traces if each["name"] == "## handler"]
    assert [each["annotations"]["request_id"] for each in handled] == [
        f"request-{case}" for case in ("refused", "answered", "malformed", "unknown", "odd")
    ]


def test_calls_of_models_have_the_attributes_of_open_telemetry() -> None:
    _, spans = leave("chat", ["refused", "answered"], fails=1)
    refused, call = calls(spans)
    assert call["name"] == f"chat {MODEL}"
    assert call["metadata"]["gen_ai"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": MODEL,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.finish_reasons": ["end_turn"],
    }
    assert call["annotations"] == {
        "gen_ai_request_model": MODEL,
        "gen_ai_usage_input_tokens": 11,
        "gen_ai_usage_output_tokens": 5,
        "gen_ai_response_finish_reasons": "end_turn",
    }
    # The call of Bedrock is its child, with the operation and the time.
    assert [each["aws"]["operation"] for each in spans if each["parent_id"] == call["id"]] == ["Converse"]
    assert refused["metadata"]["gen_ai"]["error.type"] == "model_failed"
    assert refused["error"] is True


def test_an_assistant_leaves_no_word_either_and_tells_when_its_answer_begins() -> None:
    log, traces = leave("assistant", ["refused", "streamed", "malformed", "odd"], fails=1)
    assert MARK not in json.dumps(log)
    assert MARK not in json.dumps(traces)
    (first,) = [each["FirstTokenMilliseconds"] for each in log if "FirstTokenMilliseconds" in each]
    # Counted from the arrival at API Gateway, two seconds before.
    assert 2000 <= first[0] < 20_000
    refused, call, _ = calls(traces)
    assert [each["aws"]["operation"] for each in traces if each["parent_id"] == refused["id"]] == ["ConverseStream"]
    assert call["metadata"]["gen_ai"]["gen_ai.usage.output_tokens"] == 5


def test_content_is_logged_only_where_the_settings_say_so() -> None:
    log, traces = leave("assistant", ["streamed"], LOG_CONTENT="true")
    (content,) = [each for each in log if each.get("message") == "content"]
    assert content["question"] == content["answer"] == MARK
    assert content["request_id"] == "request-streamed"
    assert MARK not in json.dumps(traces)
    others = [each for each in log if each.get("message") != "content"]
    assert MARK not in json.dumps(others)


def test_what_leaves_a_handler_is_an_error_without_the_messages_before_it() -> None:
    """AWS Lambda logs what leaves a handler, with all that was raised before it."""

    @recorded
    def handler(_event: dict[str, Any], _context: Any) -> None:
        try:
            raise LookupError(MARK)
        except LookupError:
            raise BrokenPipeError(f"cannot write {MARK}")  # noqa: B904 - as a client that left causes it

    with pytest.raises(BrokenError, match=r"^BrokenPipeError$") as caught:
        handler({}, None)
    assert MARK not in "".join(traceback.format_exception(caught.value))


def test_a_cause_names_errors_and_places_and_no_messages() -> None:
    try:
        try:
            raise LookupError(MARK)
        except LookupError as error:
            raise TIMEOUT() from error
    except ChatError as error:
        found = cause(error)
    assert [each["type"] for each in found] == ["ChatError", "LookupError"]
    assert found[1]["at"][0].startswith("test_observed.py:")
    assert MARK not in json.dumps(found)


@pytest.mark.parametrize(
    ("code", "metrics"),
    [
        ("input_blocked", ("Blocked", "InputBlocked")),
        ("output_blocked", ("Blocked", "OutputBlocked")),
        (spent_error("blocks").code, ("LockedOut",)),
        (spent_error("tokens").code, ("BudgetSpent",)),
        ("throttled", ("Refused",)),
    ],
)
def test_refusals_are_counted_by_kind(code: str, metrics: tuple[str, ...]) -> None:
    assert refusals(code) == metrics
