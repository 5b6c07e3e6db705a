"""The loop of functions that stream, against a Runtime API of our own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aws_genai.functions.streaming import runtime

FOLDER = Path(runtime.__file__).parent
ERROR = "Lambda-Runtime-Function-Error-Type"


@dataclass
class Api:
    """What Lambda's Runtime API hands out and gets."""

    events: list[Any]
    #: Parts of responses, each with the time of its arrival.
    parts: list[tuple[float, bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    address: str = ""

    @property
    def prelude(self) -> dict[str, Any]:
        whole = b"".join(part for _, part in self.parts)
        found: dict[str, Any] = json.loads(whole.partition(b"\0" * 8)[0])
        return found

    @property
    def body(self) -> bytes:
        return b"".join(part for _, part in self.parts).partition(b"\0" * 8)[2]


@contextmanager
def serving(api: Api) -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not api.events:
                self.send_response(410)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = json.dumps(api.events.pop(0)).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:1:function:f")
            self.send_header("Lambda-Runtime-Trace-Id", "Root=1-a;Sampled=1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                api.headers = dict(self.headers.items())
                while size := int(self.rfile.readline(), 16):
                    api.parts.append((time.monotonic(), self.rfile.read(size)))
                    self.rfile.readline()
                while line := self.rfile.readline().strip():
                    name, _, value = line.decode().partition(": ")
                    api.trailers[name] = value
            else:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.errors[self.path] = json.loads(body)
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def served(handler: Callable[[Any, runtime.Context], Any], event: Any = None) -> Api:
    with serving(Api([event])) as api:
        runtime.serve(api.address, http.client.HTTPConnection(api.address), handler)
    return api


def test_parts_arrive_as_they_are_written() -> None:
    def handler(event: Any, context: runtime.Context) -> None:
        context.stream.begin(201, {"Content-Type": "text/event-stream"})
        for number in range(3):
            context.stream.write(f"{event['say']} {number}\n".encode())
            time.sleep(0.2)

    api = served(handler, {"say": "héllo"})
    assert api.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
    assert api.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
    assert api.prelude == {"statusCode": 201, "headers": {"Content-Type": "text/event-stream"}}
    assert api.body.decode() == "héllo 0\nhéllo 1\nhéllo 2\n"
    assert api.parts[-1][0] - api.parts[1][0] >= 0.35
    assert not api.trailers
    assert not api.errors


def test_nothing_written_does_not_end_a_response() -> None:
    def handler(_event: Any, context: runtime.Context) -> None:
        context.stream.begin(200, {})
        context.stream.write(b"")
        context.stream.write(b"here")

    assert served(handler).body == b"here"


def test_an_error_before_the_response_is_lambdas_own() -> None:
    def handler(_event: Any, _context: runtime.Context) -> None:
        raise ValueError("no such thing")

    api = served(handler)
    told = api.errors["/2018-06-01/runtime/invocation/request-1/error"]
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "no such thing")
    assert "raise ValueError" in "".join(told["stackTrace"])
    assert not api.parts


def test_a_handler_without_a_response_has_failed() -> None:
    (told,) = served(lambda _event, _context: None).errors.values()
    assert told["errorMessage"] == "the handler sent no response"


def test_an_error_in_the_middle_is_a_trailer() -> None:
    def handler(_event: Any, context: runtime.Context) -> None:
        context.stream.begin(200, {})
        context.stream.write(b"some")
        raise KeyError("gone")

    api = served(handler)
    assert api.body == b"some"
    assert api.trailers[ERROR] == "KeyError"
    told = json.loads(base64.b64decode(api.trailers["Lambda-Runtime-Function-Error-Body"]))
    assert told["errorType"] == "KeyError"
    assert not api.errors


@pytest.mark.parametrize("wrong", ["twice", "unbegun"])
def test_a_response_begins_once_and_before_its_body(wrong: str) -> None:
    def handler(_event: Any, context: runtime.Context) -> None:
        if wrong == "unbegun":
            context.stream.write(b"x")
        context.stream.begin(200, {})
        context.stream.begin(200, {})

    api = served(handler)
    assert bool(api.errors) is (wrong == "unbegun")
    assert bool(api.trailers) is (wrong == "twice")


def test_the_context_is_lambdas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "old")
    seen: list[Any] = []

    def handler(_event: Any, context: runtime.Context) -> None:
        seen.extend([context, os.environ["_X_AMZN_TRACE_ID"], context.get_remaining_time_in_millis()])
        context.stream.begin(200, {})

    served(handler)
    context, trace, left = seen
    assert (context.function_name, context.memory_limit_in_mb, context.aws_request_id) == ("f", "512", "request-1")
    assert context.invoked_function_arn == "arn:aws:lambda:us-east-1:1:function:f"
    assert trace == "Root=1-a;Sampled=1"
    assert 58_000 < left <= 60_000


def test_writers_in_several_threads_do_not_mix_their_parts() -> None:
    def handler(_event: Any, context: runtime.Context) -> None:
        context.stream.begin(200, {})

        def write(letter: str) -> None:
            for _ in range(100):
                context.stream.write(letter.encode() * 50 + b"\n")

        writers = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
        for each in writers:
            each.start()
        for each in writers:
            each.join()

    lines = served(handler).body.decode().split("\n")[:-1]
    assert len(lines) == 400
    assert all(len(set(line)) == 1 for line in lines)


def test_lambda_starts_the_loop_by_a_script(tmp_path: Path) -> None:
    """As AWS_LAMBDA_EXEC_WRAPPER does, with the command of Python's own loop as arguments."""
    package = tmp_path / "functions"
    package.mkdir()
    (package / "streaming").symlink_to(FOLDER)
    (package / "mine.py").write_text(
        "def handler(event, context):\n    context.stream.begin(200, {})\n    context.stream.write(b'mine')\n"
    )
    with serving(Api([{}])) as api:
        settings = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": "functions.mine.handler",
            "LAMBDA_TASK_ROOT": str(tmp_path),
        }
        command = [str(FOLDER / "start"), sys.executable, "/var/runtime/bootstrap.py"]
        # It ends with an error when this API has nothing more; Lambda's own never says so.
        done = subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert api.body == b"mine", done.stderr


def test_a_handler_that_cannot_be_loaded_is_an_error_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Api([])) as api, pytest.raises(SystemExit):
        runtime.main(api.address, "functions.absent.handler")
    assert api.errors["/2018-06-01/runtime/init/error"]["errorType"] == "ModuleNotFoundError"
