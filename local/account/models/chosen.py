"""The model that answers: a script, a server, quotes, or one fixed sentence, as the model file says at each call."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from . import child, fixed, quotes, script, server
from .asked import Caller, CallerGoneError, ModelServerError, Piece, Question, said
from .bundled import BUNDLED, TIMEOUT_SECONDS
from .configured import FILE, first_model, settings

#: Beside it: errors, one JSON object per line, newest last.
ERRORS_FILE = "model-errors.jsonl"
_MOST_ERRORS = 100
_MOST_CHARACTERS = 2000

_children: list[child.Child] = []
_writing = threading.Lock()


def start() -> None:
    """Let the account own the server of a bundled model."""
    if os.environ.get(FILE) and not _children:
        _children.append(child.Child(Path(os.environ[FILE])))
        _children[0].start()


def stop() -> None:
    """Stop what :func:`start` started."""
    while _children:
        _children.pop().stop()


def pieces(question: Question, called: str, caller: Caller, *, stream: bool) -> Iterator[Piece]:
    """The response to a request, piece by piece.

    :param called: the model id for display.
    :raises ModelServerError: if there is no response, or it ends early. The error is recorded.
    """
    began = time.monotonic()
    try:
        yield from _pieces(question, called, caller, stream=stream)
    except ModelServerError as error:
        note(error.code, str(error))
        raise
    except CallerGoneError:
        note(
            "CallerGone",
            f"The caller left after {time.monotonic() - began:.1f} s, before {called} had answered. The chat waits "
            "22 s for a model, here and on AWS, for API Gateway gives up after 29 s; MODEL_TIMEOUT changes neither. "
            "Ask for less, or take a faster model.",
        )
        raise


def _pieces(question: Question, called: str, caller: Caller, *, stream: bool) -> Iterator[Piece]:
    told = settings()
    wait = float(told.get("timeout_seconds") or TIMEOUT_SECONDS)
    if told.get("script"):
        try:
            play = script.read(Path(told["script"]))
        except script.ScriptError as error:
            raise ModelServerError("ModelErrorException", 424, str(error)) from error
        yield from play.pieces(question, wait, caller)
    elif told.get("run"):
        if not _children:
            raise ModelServerError("ServiceUnavailableException", 503, f"{told['run']} does not run here")
        address = _children[0].url(str(told["run"]), told.get("asked"))
        # A small model may not stop: it would still generate after the chat's timeout.
        most = BUNDLED[str(told["run"])].most
        limits = {**question.inference, "maxTokens": min(int(question.inference.get("maxTokens") or most), most)}
        question = replace(question, inference=limits)
        yield from server.pieces(question, address, str(told["run"]), wait, caller, stream=stream)
    elif told.get("url"):
        url = str(told["url"]).rstrip("/")
        model = str(told.get("model") or first_model(url, wait))
        yield from server.pieces(question, url, model, wait, caller, stream=stream)
    elif told.get("quotes"):
        yield from said(quotes.reply(question), question)
    else:
        yield from said(fixed.reply(question, called), question)


def note(code: str, message: str) -> None:
    """Record an error where ``make local-ask`` finds it."""
    if not os.environ.get(FILE):
        return
    file = Path(os.environ[FILE]).with_name(ERRORS_FILE)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"time": at, "code": code, "message": message[:_MOST_CHARACTERS]})
    with _writing:
        try:
            before = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
            draft = file.with_suffix(".draft")
            draft.write_text("\n".join([*before[1 - _MOST_ERRORS :], line]) + "\n", encoding="utf-8")
            draft.replace(file)
        except OSError:
            return  # a failure to record it must not fail the response
