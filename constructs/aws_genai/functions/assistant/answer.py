"""One call of a model, event by event: plain functions without AWS Lambda in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from ..chat.errors import AWS_ERRORS, GARBLED, TIMEOUT, UNREACHABLE, ChatError, blocked
from .reading import parts

Send = Callable[..., None]


class StoppedError(Exception):
    """The user stopped the answer."""


@dataclass
class Streamed:
    """What the calls of one answer have returned so far."""

    stop_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    #: Whether Bedrock has reported the tokens of every call; until then, the cost of the answer is not known.
    reported: bool = False
    #: Whether the guardrail assessed an answer, and so not the question alone.
    output_assessed: bool = False
    #: Content of the last response, as Converse takes it back.
    content: list[dict[str, Any]] = field(default_factory=list)
    text: bool = False
    #: Bytes that the call in progress has sent, which are at least as many as its tokens.
    heard: int = 0
    #: Micro-dollars for what is not billed by token, such as images.
    micros: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def tool_uses(self) -> list[dict[str, Any]]:
        """What the model asks tools for."""
        return [block["toolUse"] for block in self.content if "toolUse" in block]


def stream(
    client: Any,  # noqa: ANN401 - boto3 has no types
    request: Mapping[str, Any],
    send: Send,
    go_on: Callable[[], None],
    told: Streamed | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Streamed:
    """Ask the model and send each part of its answer as it arrives.

    The guardrail assesses each part before it is sent (``sync``).
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

    :param client: a ``bedrock-runtime`` client of boto3.
    :param request: arguments of Converse.
    :param go_on: is called before each part, and at least once a second; raises if the answer is to end.
    :param told: what earlier calls of the same answer have returned. Default: nothing.
    :param begin: is called first in the thread that reads the response.
    :raises ChatError: for every reason for which there is no complete answer. Its tokens are None if a part was
        generated whose tokens were not reported.
    :raises StoppedError: what ``go_on`` raises.
    """
    told, guardrail = told or Streamed(), {**request["guardrailConfig"], "streamProcessingMode": "sync"}
    told.stop_reason, told.reported, told.content, told.heard, called = "", False, [], 0, False
    blocks: dict[int, dict[str, Any]] = {}

    def ask() -> Mapping[str, Any]:
        found: Mapping[str, Any] = client.converse_stream(**{**request, "guardrailConfig": guardrail})
        return found

    try:
        for part in parts(ask, go_on, begin):
            called = called or "contentBlockDelta" in part or "contentBlockStart" in part
            _take(part, told, blocks, send)
    except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
        raise _broken(error, told, generated=called) from error
    told.content = [_whole(blocks[index]) for index in sorted(blocks)]
    _check(told)
    return told


def _broken(error: Exception, told: Streamed, *, generated: bool) -> ChatError:
    """What an error of the request, or in the stream, means to the caller."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        # Those of events in the stream begin with a small letter.
        kind = AWS_ERRORS.get(f"{code[:1].upper()}{code[1:]}", GARBLED)
    elif isinstance(error, (ReadTimeoutError, ConnectTimeoutError)):
        kind = TIMEOUT
    else:
        kind = UNREACHABLE if isinstance(error, BotoCoreError) else GARBLED
    found = kind()
    if generated:
        # What was generated is paid for, and how much that is was not reported.
        found.tokens = None
    elif found.tokens is not None:
        found.tokens = told.tokens
    return found


def _take(part: Mapping[str, Any], told: Streamed, blocks: dict[int, dict[str, Any]], send: Send) -> None:
    if start := part.get("contentBlockStart"):
        if use := start.get("start", {}).get("toolUse"):
            blocks[start.get("contentBlockIndex", 0)] = {"toolUse": {**use, "input": ""}}
    elif held := part.get("contentBlockDelta"):
        told.heard += len(json.dumps(held["delta"], default=repr))
        _grow(held["delta"], blocks.setdefault(held.get("contentBlockIndex", 0), {}))
        if text := held["delta"].get("text"):
            told.text = True
            send("delta", text=text)
    elif "messageStop" in part:
        told.stop_reason = str(part["messageStop"]["stopReason"])
    elif "metadata" in part:
        usage = part["metadata"]["usage"]
        told.input_tokens += int(usage["inputTokens"])
        told.output_tokens += int(usage["outputTokens"])
        told.reported = True
        trace = part["metadata"].get("trace", {}).get("guardrail", {})
        told.output_assessed = bool(trace.get("outputAssessments"))


def _grow(delta: Mapping[str, Any], block: dict[str, Any]) -> None:
    """Add a part to a block of the response.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html
    """
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"].get("input", "")
    elif "reasoningContent" in delta:
        # The model requires its own reasoning back, unchanged, when it receives the results of tools.
        reasoning, found = block.setdefault("reasoningContent", {}), delta["reasoningContent"]
        if "redactedContent" in found:
            reasoning["redactedContent"] = reasoning.get("redactedContent", b"") + found["redactedContent"]
        for name in ("text", "signature"):
            if name in found:
                shown = reasoning.setdefault("reasoningText", {})
                shown[name] = shown.get(name, "") + found[name]


def _whole(block: dict[str, Any]) -> dict[str, Any]:
    """The block with the arguments of a tool as JSON.

    :raises ChatError: if they are no JSON object.
    """
    if "toolUse" not in block:
        return block
    try:
        arguments = json.loads(block["toolUse"]["input"] or "{}")
    except ValueError as error:
        raise GARBLED() from error
    if not isinstance(arguments, dict):
        raise GARBLED()
    return {"toolUse": {**block["toolUse"], "input": arguments}}


def _check(told: Streamed) -> None:
    """Refuse what is no complete answer."""
    if not told.stop_reason or not told.reported:
        raise GARBLED()
    if told.stop_reason == "guardrail_intervened":
        part = "output" if told.output_assessed else "input"
        raise blocked(part, "The guardrail blocked this.", told.tokens)
    if told.stop_reason == "content_filtered":
        raise blocked("output", "The model's provider withheld the answer.", told.tokens)
    if not told.text and not told.tool_uses:
        raise GARBLED()
