"""The request to a model, the pieces of its response, and the caller that waits for them.

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
    """A failure of a model, as Bedrock would return it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class CallerGoneError(Exception):
    """The caller no longer waits for the response."""


@dataclass(frozen=True)
class Question:
    """A request in Converse's format, regardless of its original format."""

    #: The model as the caller named it: an id, an inference profile or an ARN.
    model: str
    messages: list[dict[str, Any]]
    system: list[dict[str, Any]] = field(default_factory=list)
    #: maxTokens, temperature, topP, topK, stopSequences.
    inference: dict[str, Any] = field(default_factory=dict)
    #: Converse's toolConfig.
    tools: dict[str, Any] = field(default_factory=dict)
    #: The JSON schema for the output, {"name": ..., "schema": {...}}. Empty if any text is allowed.
    schema: dict[str, Any] = field(default_factory=dict)

    @property
    def offered(self) -> list[str]:
        """The names of the tools that may be called."""
        return [each["toolSpec"]["name"] for each in self.tools.get("tools", []) if "toolSpec" in each]


@dataclass(frozen=True)
class Text:
    """A part of the model's text."""

    text: str


@dataclass(frozen=True)
class Call:
    """The beginning of a tool call."""

    id: str
    name: str


@dataclass(frozen=True)
class CallInput:
    """A part of the JSON input of a tool."""

    json: str


@dataclass(frozen=True)
class End:
    """The stop reason, by Converse's name, and the input and output tokens if they were counted."""

    reason: str
    used: tuple[int, int] | None = None


Piece = Text | Call | CallInput | End


class Caller:
    """The caller that waits for a response. Work for it ends when the caller disconnects."""

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
        """Call ``end`` if the caller disconnects while the block runs."""
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
        """Wait, unless the caller disconnects.

        :raises CallerGoneError: if the caller does.
        """
        if self._gone.wait(max(0.0, seconds)):
            raise CallerGoneError


def tokens_of(text: str) -> list[str]:
    """The text in words, each with the blanks before it, at most 16 characters: tokens, if no model counts them."""
    return _TOKEN.findall(text)


def call_id() -> str:
    """An id for a tool call, in Bedrock's format."""
    return f"tooluse_{secrets.token_urlsafe(16)}"


def said(text: str, question: Question, *, calls: Iterable[tuple[str, str]] = ()) -> Iterator[Piece]:
    """A known text and known tool calls, within the limits of the request.

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
    """The approximate number of tokens of a request."""
    texts = [each.get("text", "") for each in question.system]
    texts += [text for message in question.messages for text in texts_of(message)]
    return sum(len(tokens_of(text)) for text in texts)


def texts_of(message: dict[str, Any]) -> list[str]:
    """The text of a message's parts, marked as guarded or not, without tool calls and results."""
    found = []
    for part in message.get("content") or []:
        if "text" in part:
            found.append(str(part["text"]))
        elif "guardContent" in part:
            found.append(str(part["guardContent"].get("text", {}).get("text", "")))
    return found
