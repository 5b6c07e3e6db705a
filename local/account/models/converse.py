"""Converse and ConverseStream.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ministack.services import bedrock_runtime as runtime

from . import chosen
from .asked import Call, Caller, CallInput, End, ModelServerError, Question, Text, asked_tokens, tokens_of
from .guarded import Guard, Screen, guard_of
from .stream import Response, event

#: The model was not invoked, so no tokens are counted.
_NOTHING = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


def question_of(called: str, body: dict[str, Any]) -> Question:
    """The content of a Converse request.

    :raises ModelServerError: if its JSON schema for the output is not valid.
    """
    more = body.get("additionalModelRequestFields") or {}
    inference = dict(body.get("inferenceConfig") or {})
    top_k = more.get("top_k", more.get("inferenceConfig", {}).get("topK"))
    if top_k is not None:
        inference["topK"] = top_k
    return Question(
        called,
        body.get("messages") or [],
        body.get("system") or [],
        inference,
        body.get("toolConfig") or {},
        schema_of(body.get("outputConfig") or {}),
    )


def schema_of(output: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema for the output in an outputConfig.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_OutputFormat.html
    """
    asked = (output.get("textFormat") or {}).get("structure", {}).get("jsonSchema")
    if not asked:
        return {}
    try:
        schema = json.loads(asked["schema"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelServerError("ValidationException", 400, "The JSON schema of outputConfig is not JSON") from error
    if not isinstance(schema, dict):
        raise ModelServerError("ValidationException", 400, "The JSON schema of outputConfig is no object")
    named = {key: asked[key] for key in ("name", "description") if asked.get(key)}
    return {"name": "answer", **named, "schema": schema}


def read(body: bytes) -> dict[str, Any] | Response:
    """The request, or the error of one that cannot be parsed."""
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return refused("ValidationException", 400, "Body is not valid JSON.")
    wrong: Response | None = runtime._validate_converse_request(content)
    return content if wrong is None else wrong


def refused(code: str, status: int, message: str) -> Response:
    answer: Response = runtime._error(code, message, status)
    return answer


def guard(body: dict[str, Any]) -> Guard | None:
    """The guardrail of a request. None if it names one that does not exist."""
    config = body.get("guardrailConfig") or {}
    return guard_of(
        config.get("guardrailIdentifier") or "",
        config.get("guardrailVersion") or "DRAFT",
        trace=config.get("trace") in ("enabled", "enabled_full"),
        asynchronous=config.get("streamProcessingMode") == "async",
    )


@dataclass(frozen=True)
class Outcome:
    """A model's complete output, after the guardrail."""

    blocks: list[dict[str, Any]]
    reason: str
    usage: dict[str, int]

    @property
    def text(self) -> str:
        return "".join(each.get("text", "") for each in self.blocks)


def answer(called: str, body: dict[str, Any], guarding: Guard, caller: Caller) -> Response:
    """The response of Converse.

    :raises ModelServerError: if the model does not respond.
    """
    question, began = question_of(called, body), time.monotonic()
    found = outcome(question, called, guarding, caller)
    content = {
        "output": {"message": {"role": "assistant", "content": found.blocks or [{"text": ""}]}},
        "stopReason": found.reason,
        "usage": found.usage,
        "metrics": {"latencyMs": milliseconds(began)},
        **guarding.traced(),
    }
    return 200, headers_of(found.usage), json.dumps(content).encode()


def outcome(question: Question, called: str, guarding: Guard, caller: Caller) -> Outcome:
    """The result of a request, including the guardrail.

    :raises ModelServerError: if the model does not respond.
    """
    if guarding.refuses(question):
        return Outcome([{"text": guarding.blocked_input}], "guardrail_intervened", dict(_NOTHING))
    blocks: list[dict[str, Any]] = []
    reason, used = "end_turn", None
    for piece in chosen.pieces(question, called, caller, stream=False):
        match piece:
            case Text():
                if not blocks or "text" not in blocks[-1]:
                    blocks.append({"text": ""})
                blocks[-1]["text"] += piece.text
            case Call():
                blocks.append({"toolUse": {"toolUseId": piece.id, "name": piece.name, "input": ""}})
            case CallInput():
                blocks[-1]["toolUse"]["input"] += piece.json
            case End():
                reason, used = piece.reason, piece.used
    for block in blocks:
        if "toolUse" in block:
            given = _input(block["toolUse"]["input"])
            if given is None:
                # The tool call that the model intended is unknown.
                reason = "malformed_tool_use"
            block["toolUse"]["input"] = given
    if reason == "malformed_tool_use":
        blocks = [each for each in blocks if "text" in each]
    if not guarding.lets(blocks):
        # A blocked response includes its tool calls.
        blocks, reason = [{"text": guarding.blocked_output}], "guardrail_intervened"
    said = "".join(each.get("text", "") for each in blocks)
    return Outcome(blocks, reason, usage_of(question, said, used))


def _input(text: str) -> dict[str, Any] | None:
    """The JSON object that is the input of a tool. None if it is not one."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def usage_of(question: Question, said: str, used: tuple[int, int] | None) -> dict[str, int]:
    """Tokens as the model counted them, else words."""
    given, made = used or (asked_tokens(question), len(tokens_of(said)))
    return {"inputTokens": given, "outputTokens": made, "totalTokens": given + made}


def headers_of(usage: dict[str, int]) -> dict[str, str]:
    """Headers of a response that was not streamed."""
    return {
        "Content-Type": "application/json",
        "x-amzn-bedrock-input-token-count": str(usage["inputTokens"]),
        "x-amzn-bedrock-output-token-count": str(usage["outputTokens"]),
    }


def milliseconds(began: float) -> int:
    """Elapsed time since then, by the monotonic clock."""
    return max(1, round(1000 * (time.monotonic() - began)))


def frames(called: str, body: dict[str, Any], guarding: Guard, caller: Caller) -> Iterator[bytes]:
    """The frames of ConverseStream, each as soon as the model has produced it and the guardrail has released it.

    :raises ModelServerError: if the model does not respond, or ends the stream early.
    """
    for kind, content in events(question_of(called, body), called, guarding, caller):
        yield event(kind, content)


def events(question: Question, called: str, guarding: Guard, caller: Caller) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a stream, by their name."""
    began = time.monotonic()
    if guarding.refuses(question):
        yield "messageStart", {"role": "assistant"}
        yield _delta(0, {"text": guarding.blocked_input})
        yield "contentBlockStop", {"contentBlockIndex": 0}
        yield "messageStop", {"stopReason": "guardrail_intervened"}
        yield _metadata(dict(_NOTHING), began, guarding)
        return
    screen, said, calls = Screen(guarding), "", list[str]()
    index, kind = 0, ""  # of the open block
    reason, used = "end_turn", None
    with closing(chosen.pieces(question, called, caller, stream=True)) as pieces:  # type: ignore[type-var]
        started = False
        for piece in pieces:
            if not started:
                started = True
                yield "messageStart", {"role": "assistant"}
            if isinstance(piece, End):
                reason, used = piece.reason, piece.used
                continue
            if isinstance(piece, Text):
                if kind == "call":
                    yield "contentBlockStop", {"contentBlockIndex": index}
                    index, kind = index + 1, ""
                said += piece.text
                passed = screen.feed(piece.text)
                if passed:
                    kind = "text"
                    yield _delta(index, {"text": passed})
            else:
                if kind != "call" or isinstance(piece, Call):
                    # A text block ends before a tool call begins.
                    rest = screen.finish() if kind != "call" else ""
                    if rest:
                        kind = "text"
                        yield _delta(index, {"text": rest})
                    if screen.blocked:
                        break
                    if kind:
                        yield "contentBlockStop", {"contentBlockIndex": index}
                        index += 1
                    kind = "call"
                if isinstance(piece, Call):
                    calls.append("")
                    start = {"toolUse": {"toolUseId": piece.id, "name": piece.name}}
                    yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
                else:
                    calls[-1] += piece.json
                    yield _delta(index, {"toolUse": {"input": piece.json}})
            if screen.blocked:
                break
    rest = screen.finish() if not screen.blocked else ""
    if rest:
        if kind == "call":
            yield "contentBlockStop", {"contentBlockIndex": index}
            index += 1
        kind = "text"
        yield _delta(index, {"text": rest})
    if screen.blocked:
        reason = "guardrail_intervened"
        if kind == "call":
            yield "contentBlockStop", {"contentBlockIndex": index}
            index += 1
        yield _delta(index, {"text": guarding.blocked_output})
        kind = "text"
    elif any(_input(each) is None for each in calls):
        reason = "malformed_tool_use"
    if not kind:
        yield _delta(index, {"text": ""})
    yield "contentBlockStop", {"contentBlockIndex": index}
    yield "messageStop", {"stopReason": reason}
    yield _metadata(usage_of(question, said, used), began, guarding)


def _delta(index: int, delta: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}


def _metadata(usage: dict[str, int], began: float, guarding: Guard) -> tuple[str, dict[str, Any]]:
    return "metadata", {"usage": usage, "metrics": {"latencyMs": milliseconds(began)}, **guarding.traced()}
