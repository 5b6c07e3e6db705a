"""How the chat carries many callers: ``make local-load``, or ``python -m tests.load``.

Starts a local account in a folder of its own and a model server that takes a given time, and lets callers ask one
question after another. Each question has a mark that the model repeats, so that an answer to another's question is
seen. The first run at each time is cold: no environment of the function is left from before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from rich import box
from rich.console import Console
from rich.table import Table

from local import cdk, chat, emulator
from local.home import ROOT, Home, LocalError
from operations import answers

CALLERS, SECONDS, MODEL_SECONDS = 50, 30.0, (0.2, 1.0, 4.0)
START_SECONDS = 300
#: How often a call of the account is waited for, a minute each.
PATIENCE = 5
#: Letters alone, so that no mark looks like a number that a guardrail masks.
_MARK = re.compile(r"\bmark-[a-z]+\b")
_LETTERS = str.maketrans("0123456789abcdef", "ghijklmnopqrstuv")


@dataclass(frozen=True)
class Answer:
    """What became of one question."""

    seconds: float
    status: int
    code: str = ""
    crossed: bool = False
    #: Seconds until the first part of a streamed answer.
    first_seconds: float = 0.0


@dataclass
class Run:
    """One run: how many asked, for how long, of a model that takes how long."""

    label: str
    callers: int
    seconds: float
    model_seconds: float
    answers: list[Answer] = field(default_factory=list)
    took_seconds: float = 0.0

    @property
    def answered(self) -> list[Answer]:
        return [each for each in self.answers if each.status == 200]

    @property
    def refused(self) -> Counter[str]:
        """What was not answered, by status and code."""
        return Counter(f"{each.status} {each.code}".strip() for each in self.answers if each.status != 200)

    @property
    def crossed(self) -> int:
        return sum(each.crossed for each in self.answers)

    def latency(self, share: float) -> float:
        """The time within which this share of the answers came, in seconds."""
        return _share(share, [each.seconds for each in self.answered])

    def first(self, share: float) -> float:
        """The time within which this share of the answers began after the model's first token, in seconds."""
        return _share(share, [each.first_seconds - self.model_seconds for each in self.answered])


def _share(share: float, seconds: Sequence[float]) -> float:
    times = sorted(seconds)
    return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0


class _Model(BaseHTTPRequestHandler):
    """Takes its time and repeats the mark of the last message."""

    protocol_version = "HTTP/1.1"
    takes_seconds = 0.0
    asked = threading.Event()

    def do_GET(self) -> None:
        self._send({"data": [{"id": "echo"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _Model.asked.set()
        time.sleep(_Model.takes_seconds)
        found = _MARK.findall(json.dumps(request["messages"][-1]))
        text = f"You said {found[-1] if found else 'nothing'}."
        if request.get("stream"):
            self._stream(text)
            return
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
        self._send({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    def _stream(self, text: str) -> None:
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}},
        ]
        body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self._send_bytes(body.encode(), "text/event-stream")

    def _send(self, content: dict[str, Any]) -> None:
        self._send_bytes(json.dumps(content).encode(), "application/json")

    def _send_bytes(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, *_: object) -> None:
        """A caller that gave up is no error here."""


@contextmanager
def model(takes_seconds: float = 0, asked: threading.Event | None = None) -> Iterator[str]:
    """The address of a model server, up to its /v1, while it serves; each run sets anew how long it takes.

    :param asked: is set when the first question arrives.
    """
    _Model.takes_seconds, _Model.asked = takes_seconds, asked or threading.Event()
    server = _Server(("127.0.0.1", 0), _Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def account(environment: str, model_url: str) -> Iterator[tuple[Home, emulator.Account]]:
    """A local account in a folder of its own with the settings deployed; ended by its process id."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        home = Home(Path(folder) / "account")
        command = [sys.executable, "-m", "local", "up", "--environment", environment, "--model-url", model_url]
        settings = {name: value for name, value in os.environ.items() if name != "LOCAL_KEEP"}
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**settings, "LOCAL_HOME": str(home.folder)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=START_SECONDS,
                check=False,
            )
            found = emulator.find(home)
            if done.returncode or found is None:
                raise LocalError(done.stderr or done.stdout)
            yield home, found
        finally:
            emulator.stop(home)


def put(found: chat.Chat, token: str) -> Answer:
    """Ask one question with a mark of its own."""
    mark = f"mark-{uuid.uuid4().hex.translate(_LETTERS)}"
    began = time.monotonic()
    try:
        reply = chat.ask(found, token, f"Please repeat {mark}")
    except LocalError:
        return Answer(time.monotonic() - began, 0, "no_answer")
    seconds = time.monotonic() - began
    if reply.status != 200:
        error = reply.body.get("error")
        return Answer(seconds, reply.status, str(error.get("code")) if isinstance(error, dict) else "no_contract")
    return Answer(seconds, 200, crossed=_MARK.findall(reply.text) != [mark])


def stream(found: chat.Chat, token: str, assistant: str) -> Answer:
    """Ask an assistant one question with a mark of its own, and read its answer as it arrives."""
    mark = f"mark-{uuid.uuid4().hex.translate(_LETTERS)}"
    began, first, text = time.monotonic(), 0.0, ""
    try:
        for event in answers.ask(found.url.removesuffix("/chat"), assistant, token, f"Please repeat {mark}"):
            if event.name == "delta":
                first = first or time.monotonic() - began
                text += event.data["text"]
            elif event.name == "error":
                return Answer(time.monotonic() - began, event.data["status"], event.data["code"])
    except answers.AnswerError as error:
        return Answer(time.monotonic() - began, error.status, error.code)
    return Answer(time.monotonic() - began, 200, crossed=_MARK.findall(text) != [mark], first_seconds=first)


def load(found: chat.Chat, token: str, run: Run, assistant: str = "") -> Run:
    """Let the callers of a run ask, each one question after another, until its time is over.

    :param assistant: the assistant to ask. Default: the chat, which does not stream.
    """
    began = time.monotonic()
    end = began + run.seconds
    lock = threading.Lock()

    def call(_number: int) -> None:
        while time.monotonic() < end:
            answer = stream(found, token, assistant) if assistant else put(found, token)
            with lock:
                run.answers.append(answer)
            if answer.status != 200:
                time.sleep(0.2)  # a refused caller waits a moment, as Retry-After asks it to

    _Model.takes_seconds = run.model_seconds
    with ThreadPoolExecutor(run.callers) as pool:
        list(pool.map(call, range(run.callers)))
    run.took_seconds = time.monotonic() - began
    return run


def cool(account: emulator.Account, home: Home, beginning: str = "ChatF") -> None:
    """Let no environment of a function be warm: a function that is configured anew starts anew."""
    functions = account.client("lambda")
    pages = account.client("cloudformation").get_paginator("list_stack_resources")
    for stack in cdk.stack_names(home):
        for page in pages.paginate(StackName=stack):
            for each in page["StackResourceSummaries"]:
                if each["ResourceType"] == "AWS::Lambda::Function" and each["LogicalResourceId"].startswith(beginning):
                    name = each["PhysicalResourceId"]
                    memory = _patient(functions.get_function_configuration, FunctionName=name)["MemorySize"]
                    _patient(functions.update_function_configuration, FunctionName=name, MemorySize=memory)
                    _patient(functions.get_waiter("function_updated_v2").wait, FunctionName=name)


def _patient(call: Callable[..., Any], **arguments: Any) -> Any:
    """What a call returns; ending many environments takes a small machine its time."""
    for _ in range(PATIENCE - 1):
        try:
            return call(**arguments)
        except ReadTimeoutError:
            continue
    return call(**arguments)


def table(runs: Sequence[Run], *, streamed: bool = False) -> Table:
    """The runs, one a row.

    :param streamed: whether to show how long after the model's first token answers began.
    """
    shown = Table(box=box.MARKDOWN)
    for name in ("model", "start", "callers", "seconds"):
        shown.add_column(name)
    for name in ("first p50 s", "first p99 s") if streamed else ():
        shown.add_column(name, justify="right")
    for name in ("answered", "a second", "p50 s", "p95 s", "max s", "refused", "by status and code", "crossed"):
        shown.add_column(name, justify="left" if name.startswith("by") else "right")
    for run in runs:
        refused = run.refused
        share = sum(refused.values()) / max(1, len(run.answers))
        shown.add_row(
            f"{run.model_seconds:g} s",
            run.label,
            str(run.callers),
            f"{run.seconds:g}",
            *((f"{run.first(0.5):.3f}", f"{run.first(0.99):.3f}") if streamed else ()),
            str(len(run.answered)),
            f"{len(run.answered) / max(run.took_seconds, 0.1):.1f}",
            f"{run.latency(0.5):.2f}",
            f"{run.latency(0.95):.2f}",
            f"{max((each.seconds for each in run.answered), default=0):.2f}",
            f"{sum(refused.values())} ({share:.1%})",
            ", ".join(f"{count} x {what}" for what, count in refused.most_common()) or "none",
            str(run.crossed),
        )
    return shown


def measure(
    environment: str, callers: int, seconds: float, model_seconds: Sequence[float], assistant: str = ""
) -> Iterator[Run]:
    """Every run, as it ends: at each time of the model, cold and then warm.

    :raises LocalError: if there is no chat to ask.
    """
    with model() as url, account(environment, url) as (home, running):
        # Longer than any model here takes, and than API Gateway waits.
        home.write(home.model, {**home.read(home.model), "url": url, "timeout_seconds": 30})
        found = chat.deployed(running, cdk.stack_names(home))
        if found is None:
            raise LocalError(f"The settings of {environment} have no chat.")
        for takes in model_seconds:
            cool(running, home, f"Assistant{assistant}Function" if assistant else "ChatF")
            for label in ("cold", "warm"):
                token = chat.sign_in(home, running, found)
                yield load(found, token, Run(label, callers, seconds, takes), assistant)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 if an answer was another's, 2 if nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--environment", default="local", help="settings to deploy, by their name in config/")
    parser.add_argument("--callers", type=int, default=CALLERS, help="callers at a time")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each run takes")
    parser.add_argument("--model-seconds", type=float, nargs="+", default=MODEL_SECONDS, help="times of the model")
    parser.add_argument("--assistant", default="", help="the assistant to ask, which streams; else the chat")
    options = parser.parse_args(arguments)
    runs: list[Run] = []
    failed = ""
    try:
        asked = (options.environment, options.callers, options.seconds, options.model_seconds, options.assistant)
        for run in measure(*asked):
            runs.append(run)
            print(f"{run.model_seconds:g} s, {run.label}: {len(run.answers)} questions", file=sys.stderr)
    except (LocalError, BotoCoreError, ClientError, OSError, subprocess.TimeoutExpired) as error:
        failed = str(error)
    if runs:
        Console(width=200, highlight=False).print(table(runs, streamed=bool(options.assistant)))
    if failed:
        print(failed, file=sys.stderr)
        return 2
    return 1 if any(run.crossed for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
