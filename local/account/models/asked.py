"""What a model is asked, the pieces that its answer comes in, and who waits for them.

Nothing here needs the emulator, so that a script can be checked before the account starts.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"\s*\S{1,16}|\s+$")


class ModelServerError(Exception):
    """A failure of a model, as Bedrock would tell it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class CallerGoneError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Question:
    """A request in the form of Converse, whatever form it came in."""

    #: As the caller named the model: an id, an inference profile or an ARN.
    model: str
    messages: list[dict[str, Any]]
    system: list[dict[str, Any]] = field(default_factory=list)
    #: maxTokens, temperature, topP, topK, stopSequences.
    inference: dict[str, Any] = field(default_factory=dict)
    #: Converse's toolConfig.
    tools: dict[str, Any] = field(default_factory=dict)
    #: The JSON schema that an answer has to follow, {"name": ..., "schema": {...}}; empty where any text will do.
    schema: dict[str, Any] = field(default_factory=dict)

    @property
    def offered(self) -> list[str]:
        """The names of the tools that may be called."""
        return [each["toolSpec"]["name"] for each in self.tools.get("tools", []) if "toolSpec" in each]


@dataclass(frozen=True)
class Text:
    """A part of what the model says."""

    text: str


@dataclass(frozen=True)
class Call:
    """The beginning of a call of a tool."""

    id: str
    name: str


@dataclass(frozen=True)
class CallInput:
    """A part of the JSON that the tool is called with."""

    json: str


@dataclass(frozen=True)
class End:
    """Why an answer ended, by Converse's name, and its input and output tokens where they were counted."""

    reason: str
    used: tuple[int, int] | None = None


Piece = Text | Call | CallInput | End


class Caller:
    """Whoever waits for an answer; what works for them ends when they leave."""

    def __init__(self) -> None:
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self._endings: list[Callable[[], None]] = []

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    def leave(self) -> None:
        with self._lock:
            self._gone.set()
            endings, self._endings = self._endings, []
        for end in endings:
            end()

    @contextlib.contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Call ``end`` if the caller leaves while the block runs."""
        with self._lock:
            gone = self.gone
            if not gone:
                self._endings.append(end)
        if gone:
            raise CallerGoneError
        try:
            yield
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._endings.remove(end)

    def wait(self, seconds: float) -> None:
        """Wait, unless the caller leaves.

        :raises CallerGoneError: if they do.
        """
        if self._gone.wait(max(0.0, seconds)):
            raise CallerGoneError


def tokens_of(text: str) -> list[str]:
    """The text in words, each with the blanks before it and of 16 characters at most: tokens, where no model counts."""
    return _TOKEN.findall(text)


def call_id() -> str:
    """An id for a call of a tool, in the form of Bedrock's."""
    return f"tooluse_{secrets.token_urlsafe(16)}"


def said(text: str, question: Question, *, calls: Iterable[tuple[str, str]] = ()) -> Iterator[Piece]:
    """A text and calls that are known beforehand, within the limits that the request sets.

    :param calls: the name of each tool and the JSON of its input.
    """
    used, reason = asked_tokens(question), "end_turn"
    for stop in question.inference.get("stopSequences") or []:
        before, found, _ = text.partition(stop)
        if found:
            text, reason = before, "stop_sequence"
    pieces, most = tokens_of(text), question.inference.get("maxTokens")
    if most is not None and len(pieces) > int(most):
        pieces, reason = pieces[: int(most)], "max_tokens"
    yield from map(Text, pieces)
    written = len(pieces)
    if reason == "end_turn":
        for name, given in calls:
            yield Call(call_id(), name)
            parts = tokens_of(given)
            yield from map(CallInput, parts)
            written, reason = written + len(parts), "tool_use"
    yield End(reason, (used, written))


def asked_tokens(question: Question) -> int:
    """About how many tokens a request has."""
    texts = [each.get("text", "") for each in question.system]
    texts += [text for message in question.messages for text in texts_of(message)]
    return sum(len(tokens_of(text)) for text in texts)


def texts_of(message: dict[str, Any]) -> list[str]:
    """The text of a message's parts, marked as guarded or not, without those of tools."""
    found = []
    for part in message.get("content") or []:
        if "text" in part:
            found.append(str(part["text"]))
        elif "guardContent" in part:
            found.append(str(part["guardContent"].get("text", {}).get("text", "")))
    return found
