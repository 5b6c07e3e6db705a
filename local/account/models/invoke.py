"""InvokeModel and InvokeModelWithResponseStream: bodies in the form of each family of models.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .asked import Caller, ModelServerError, Question
from .converse import Outcome, events, headers_of, milliseconds, outcome
from .guarded import Guard, guard_of
from .stream import Response, chunk

Body = dict[str, Any]
Event = tuple[str, Body]

#: The key that says whether a guardrail intervened.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invokemodel.html
_ACTION = "amazon-bedrock-guardrailAction"
_METRICS = "amazon-bedrock-invocationMetrics"


def guard(headers: dict[str, str], body: Body) -> Guard | None:
    """The guardrail that the headers of a request name. None if it does not exist."""
    config = body.get("amazon-bedrock-guardrailConfig") or {}
    return guard_of(
        headers.get("x-amzn-bedrock-guardrailidentifier", ""),
        headers.get("x-amzn-bedrock-guardrailversion") or "DRAFT",
        trace=headers.get("x-amzn-bedrock-trace", "").upper() in ("ENABLED", "ENABLED_FULL"),
        asynchronous=str(config.get("streamProcessingMode", "")).upper() == "ASYNCHRONOUS",
    )


def answer(called: str, model: str, body: Body, guarding: Guard, caller: Caller) -> Response:
    """The response of InvokeModel.

    :param called: the model id for display.
    :param model: the foundation model, whose family determines the format of bodies.
    :raises ModelServerError: if the body has the format of another family, or the model does not respond.
    """
    form, began = form_of(model, body), time.monotonic()
    question = _question(form, called, body)
    found = outcome(question, called, guarding, caller)
    content = {**form.whole(model, found), **_told(guarding)}
    headers = {**headers_of(found.usage), "x-amzn-bedrock-invocation-latency": str(milliseconds(began))}
    return 200, headers, json.dumps(content).encode()


def frames(called: str, model: str, body: Body, guarding: Guard, caller: Caller) -> Iterator[bytes]:
    """The frames of InvokeModelWithResponseStream.

    :raises ModelServerError: as :func:`answer` does, and if the model ends the stream early.
    """
    form, began = form_of(model, body), time.monotonic()
    question = _question(form, called, body)
    first = 0
    usage: dict[str, int] = {}

    def seen() -> Iterator[Event]:
        nonlocal first, usage
        for kind, content in events(question, called, guarding, caller):
            first = first or milliseconds(began)
            usage = content.get("usage", usage)
            yield kind, content

    held: Body | None = None
    for content in form.chunks(model, seen()):
        if held is not None:
            yield chunk(held)
        held = content
    metrics = {
        "inputTokenCount": usage.get("inputTokens", 0),
        "outputTokenCount": usage.get("outputTokens", 0),
        "invocationLatency": milliseconds(began),
        "firstByteLatency": first,
    }
    yield chunk({**(held or {}), **_told(guarding), _METRICS: metrics})


def _told(guarding: Guard) -> Body:
    """The action of a guardrail."""
    if not guarding.record:
        return {}
    told: Body = {_ACTION: "INTERVENED" if guarding.intervened else "NONE"}
    if traced := guarding.traced().get("trace", {}).get("guardrail"):
        outputs = [{name: each} for name, found in traced.get("outputAssessments", {}).items() for each in found]
        told["amazon-bedrock-trace"] = {
            "guardrail": {"input": traced.get("inputAssessment", {}), **({"outputs": outputs} if outputs else {})}
        }
    return told


def _question(form: Form, called: str, body: Body) -> Question:
    try:
        return _tagged(form.question(called, body), body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"Malformed input request: {error}, please reformat your input and try again."
        raise ModelServerError("ValidationException", 400, told) from error


def _tagged(question: Question, body: Body) -> Question:
    """The question with its tagged parts marked as guarded, if it has any.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tagging.html
    """
    suffix = (body.get("amazon-bedrock-guardrailConfig") or {}).get("tagSuffix")
    if not suffix:
        return question
    name = re.escape(f"amazon-bedrock-guardrails-guardContent_{suffix}")
    parts = re.compile(f"<{name}>(.*?)</{name}>", re.DOTALL)
    messages = []
    for message in question.messages:
        content: list[Body] = []
        for part in message["content"]:
            pieces = parts.split(part["text"]) if "text" in part else []
            if len(pieces) < 2:
                content.append(part)
                continue
            for number, piece in enumerate(pieces):
                if piece.strip():
                    content.append({"guardContent": {"text": {"text": piece}}} if number % 2 else {"text": piece})
        messages.append({**message, "content": content})
    return replace(question, messages=messages)


def _malformed(key: str) -> ModelServerError:
    told = f"Malformed input request: #: required key [{key}] not found, please reformat your input and try again."
    return ModelServerError("ValidationException", 400, told)


def _needed(body: Body, key: str, kind: type) -> Any:
    value = body.get(key)
    if value is None:
        raise _malformed(key)
    if not isinstance(value, kind):
        raise _wrong_type(key, _KINDS[kind])
    return value


def _wrong_type(key: str, kind: str) -> ModelServerError:
    told = f"Malformed input request: #/{key}: expected type: {kind}, please reformat your input and try again."
    return ModelServerError("ValidationException", 400, told)


_KINDS: dict[type, str] = {str: "String", list: "JSONArray"}


class Form:
    """The request and response format of a family: a text under ``prompt``, and a text in response."""

    prompt = "prompt"
    #: The family's names of maxTokens, temperature, topP, topK, stopSequences.
    names: dict[str, str] = {}
    #: The family's names of stop reasons. The first is used for any other.
    reasons: dict[str, str] = {"end_turn": "stop", "max_tokens": "length"}

    def question(self, called: str, body: Body) -> Question:
        prompt = _needed(body, self.prompt, str)
        system, messages = turns(prompt)
        return Question(called, messages, system, self.inference(self.options(body)))

    def options(self, body: Body) -> Body:
        return body

    def inference(self, given: Body) -> Body:
        return {ours: given[theirs] for ours, theirs in self.names.items() if given.get(theirs) is not None}

    def reason(self, reason: str) -> str:
        return self.reasons.get(reason, next(iter(self.reasons.values())))

    def whole(self, model: str, found: Outcome) -> Body:
        raise NotImplementedError

    def piece(self, text: str) -> Body:
        raise NotImplementedError

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        raise NotImplementedError

    def chunks(self, model: str, each: Iterator[Event]) -> Iterator[Body]:
        reason, usage = "end_turn", dict[str, int]()
        for kind, content in each:
            if kind == "contentBlockDelta" and content["delta"].get("text"):
                yield self.piece(content["delta"]["text"])
            reason, usage = content.get("stopReason", reason), content.get("usage", usage)
        yield self.last(reason, usage)


class Titan(Form):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html"""

    prompt = "inputText"
    names = {
        "maxTokens": "maxTokenCount",
        "temperature": "temperature",
        "topP": "topP",
        "stopSequences": "stopSequences",
    }
    reasons = {
        "end_turn": "FINISH",
        "max_tokens": "LENGTH",
        "stop_sequence": "STOP_CRITERIA_MET",
        "guardrail_intervened": "CONTENT_FILTERED",
        "content_filtered": "CONTENT_FILTERED",
    }

    def options(self, body: Body) -> Body:
        return body.get("textGenerationConfig") or {}

    def whole(self, model: str, found: Outcome) -> Body:
        result = {
            "tokenCount": found.usage["outputTokens"],
            "outputText": found.text,
            "completionReason": self.reason(found.reason),
        }
        return {"inputTextTokenCount": found.usage["inputTokens"], "results": [result]}

    def piece(self, text: str) -> Body:
        return {"outputText": text, "index": 0, "totalOutputTextTokenCount": None, "completionReason": None}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return {
            "outputText": "",
            "index": 0,
            "totalOutputTextTokenCount": usage["outputTokens"],
            "completionReason": self.reason(reason),
            "inputTextTokenCount": usage["inputTokens"],
        }


class Llama(Form):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html"""

    names = {"maxTokens": "max_gen_len", "temperature": "temperature", "topP": "top_p"}

    def whole(self, model: str, found: Outcome) -> Body:
        return {
            "generation": found.text,
            "prompt_token_count": found.usage["inputTokens"],
            "generation_token_count": found.usage["outputTokens"],
            "stop_reason": self.reason(found.reason),
        }

    def piece(self, text: str) -> Body:
        return {"generation": text, "prompt_token_count": None, "generation_token_count": 1, "stop_reason": None}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return {
            "generation": "",
            "prompt_token_count": usage["inputTokens"],
            "generation_token_count": usage["outputTokens"],
            "stop_reason": self.reason(reason),
        }


class Mistral(Form):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html"""

    names = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "stopSequences": "stop",
    }

    def whole(self, model: str, found: Outcome) -> Body:
        return {"outputs": [{"text": found.text, "stop_reason": self.reason(found.reason)}]}

    def piece(self, text: str) -> Body:
        return {"outputs": [{"text": text, "stop_reason": None}]}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return {"outputs": [{"text": "", "stop_reason": self.reason(reason)}]}


class DeepSeek(Mistral):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-deepseek.html"""

    def whole(self, model: str, found: Outcome) -> Body:
        return {"choices": [{"text": found.text, "stop_reason": self.reason(found.reason)}]}

    def piece(self, text: str) -> Body:
        return {"choices": [{"text": text, "stop_reason": None}]}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return {"choices": [{"text": "", "stop_reason": self.reason(reason)}]}


class Cohere(Form):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html"""

    names = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "p",
        "topK": "k",
        "stopSequences": "stop_sequences",
    }
    reasons = {"end_turn": "COMPLETE", "max_tokens": "MAX_TOKENS", "guardrail_intervened": "ERROR_TOXIC"}

    def question(self, called: str, body: Body) -> Question:
        self.asked = str(body.get("prompt", ""))
        return super().question(called, body)

    def whole(self, model: str, found: Outcome) -> Body:
        made = {"id": str(uuid.uuid4()), "text": found.text, "finish_reason": self.reason(found.reason)}
        return {"generations": [made], "id": str(uuid.uuid4()), "prompt": self.asked}

    def piece(self, text: str) -> Body:
        return {"text": text, "is_finished": False}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return {"is_finished": True, "finish_reason": self.reason(reason)}


class Jurassic(Form):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-jurassic2.html"""

    names = {"maxTokens": "maxTokens", "temperature": "temperature", "topP": "topP", "stopSequences": "stopSequences"}
    reasons = {"end_turn": "endoftext", "max_tokens": "length", "stop_sequence": "stop"}

    def question(self, called: str, body: Body) -> Question:
        self.asked = str(body.get("prompt", ""))
        return super().question(called, body)

    def whole(self, model: str, found: Outcome) -> Body:
        made = {"data": {"text": found.text, "tokens": []}, "finishReason": {"reason": self.reason(found.reason)}}
        return {"id": 1, "prompt": {"text": self.asked, "tokens": []}, "completions": [made]}

    def chunks(self, model: str, each: Iterator[Event]) -> Iterator[Body]:
        raise ModelServerError("ValidationException", 400, "The model is unsupported for streaming.")


class Claude(Form):
    """Text completions. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-text-completion.html"""

    names = {
        "maxTokens": "max_tokens_to_sample",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "stopSequences": "stop_sequences",
    }
    reasons = {"end_turn": "stop_sequence", "max_tokens": "max_tokens"}

    def whole(self, model: str, found: Outcome) -> Body:
        reason = self.reason(found.reason)
        stop = "\n\nHuman:" if reason == "stop_sequence" else None
        return {"type": "completion", "completion": found.text, "stop_reason": reason, "stop": stop}

    def piece(self, text: str) -> Body:
        return {"type": "completion", "completion": text, "stop_reason": None, "stop": None}

    def last(self, reason: str, usage: dict[str, int]) -> Body:
        return self.whole("", Outcome([], reason, usage))


class Messages(Form):
    """Claude's messages. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html"""

    names = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "stopSequences": "stop_sequences",
    }
    reasons = {
        "end_turn": "end_turn",
        "max_tokens": "max_tokens",
        "stop_sequence": "stop_sequence",
        "tool_use": "tool_use",
        "content_filtered": "refusal",
        "model_context_window_exceeded": "model_context_window_exceeded",
    }

    def question(self, called: str, body: Body) -> Question:
        for key in ("anthropic_version", "max_tokens"):
            if key not in body:
                raise _malformed(key)
        messages = [
            {"role": each["role"], "content": [_from_claude(part) for part in _parts(each.get("content"))]}
            for each in _needed(body, "messages", list)
        ]
        system = [{"text": part["text"]} for part in _parts(body.get("system") or [])]
        schema = ((body.get("output_config") or {}).get("format") or body.get("output_format") or {}).get("schema")
        return Question(
            called,
            messages,
            system,
            self.inference(body),
            self._tools(body),
            {"name": "answer", "schema": schema} if schema else {},
        )

    @staticmethod
    def _tools(body: Body) -> Body:
        choice = body.get("tool_choice") or {"type": "auto"}
        offered = [each for each in body.get("tools") or [] if "input_schema" in each]
        if not offered or choice["type"] == "none":
            return {}
        tools = [
            {
                "toolSpec": {
                    "name": each["name"],
                    **({"description": each["description"]} if each.get("description") else {}),
                    "inputSchema": {"json": each["input_schema"]},
                }
            }
            for each in offered
        ]
        chosen = {"name": choice["name"]} if choice["type"] == "tool" else {}
        return {"tools": tools, "toolChoice": {choice["type"]: chosen}}

    def whole(self, model: str, found: Outcome) -> Body:
        content: list[Body] = []
        for block in found.blocks:
            if "toolUse" in block:
                use = block["toolUse"]
                content.append(
                    {"type": "tool_use", "id": _claude_id(use["toolUseId"]), "name": use["name"], "input": use["input"]}
                )
            elif block["text"]:
                content.append({"type": "text", "text": block["text"]})
        return {
            **self._message(model),
            "content": content,
            "stop_reason": self.reason(found.reason),
            "stop_sequence": None,
            "usage": {"input_tokens": found.usage["inputTokens"], "output_tokens": found.usage["outputTokens"]},
        }

    @staticmethod
    def _message(model: str) -> Body:
        name = model.removeprefix("anthropic.").partition(":")[0]
        made = f"msg_bdrk_{secrets.token_hex(12)}"
        return {"model": re.sub(r"-v\d+$", "", name), "id": made, "type": "message", "role": "assistant"}

    def chunks(self, model: str, each: Iterator[Event]) -> Iterator[Body]:
        begun: set[int] = set()
        reason = "end_turn"
        for kind, content in each:
            index = content.get("contentBlockIndex", 0)
            match kind:
                case "messageStart":
                    empty: Body = {"content": [], "stop_reason": None, "stop_sequence": None}
                    usage = {"input_tokens": 0, "output_tokens": 0}
                    yield {"type": "message_start", "message": {**self._message(model), **empty, "usage": usage}}
                case "contentBlockStart":
                    begun.add(index)
                    use = content["start"]["toolUse"]
                    block = {"type": "tool_use", "id": _claude_id(use["toolUseId"]), "name": use["name"], "input": {}}
                    yield {"type": "content_block_start", "index": index, "content_block": block}
                case "contentBlockDelta":
                    if index not in begun:
                        begun.add(index)
                        block = {"type": "text", "text": ""}
                        yield {"type": "content_block_start", "index": index, "content_block": block}
                    given = content["delta"]
                    delta = (
                        {"type": "text_delta", "text": given["text"]}
                        if "text" in given
                        else {"type": "input_json_delta", "partial_json": given["toolUse"]["input"]}
                    )
                    yield {"type": "content_block_delta", "index": index, "delta": delta}
                case "contentBlockStop":
                    yield {"type": "content_block_stop", "index": index}
                case "messageStop":
                    reason = content["stopReason"]
                case "metadata":
                    used = content["usage"]
                    yield {
                        "type": "message_delta",
                        "delta": {"stop_reason": self.reason(reason), "stop_sequence": None},
                        "usage": {"input_tokens": used["inputTokens"], "output_tokens": used["outputTokens"]},
                    }
        yield {"type": "message_stop"}


class Nova(Form):
    """https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html"""

    names = {"temperature": "temperature", "topP": "topP", "topK": "topK", "stopSequences": "stopSequences"}

    def question(self, called: str, body: Body) -> Question:
        given = body.get("inferenceConfig") or {}
        most = given.get("maxTokens", given.get("max_new_tokens"))
        limits = {"maxTokens": most} if most is not None else {}
        return Question(
            called,
            [{**each, "content": _parts_of_nova(each)} for each in _needed(body, "messages", list)],
            body.get("system") or [],
            {**self.inference(given), **limits},
            body.get("toolConfig") or {},
        )

    def whole(self, model: str, found: Outcome) -> Body:
        return {
            "output": {"message": {"role": "assistant", "content": found.blocks or [{"text": ""}]}},
            "stopReason": found.reason,
            "usage": found.usage,
        }

    def chunks(self, model: str, each: Iterator[Event]) -> Iterator[Body]:
        for kind, content in each:
            yield {kind: {**content, "metrics": {}} if kind == "metadata" else content}


class Chat(Form):
    """The format of OpenAI's chat completions, which most other models on Bedrock use.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
    """

    names = {"temperature": "temperature", "topP": "top_p", "topK": "top_k", "stopSequences": "stop"}
    reasons = {
        "end_turn": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
        "content_filtered": "content_filter",
        "guardrail_intervened": "content_filter",
    }
    #: The key of the stop reason in a choice.
    finish = "finish_reason"

    def question(self, called: str, body: Body) -> Question:
        system, messages = _from_openai(_needed(body, "messages", list))
        most = body.get("max_completion_tokens", body.get("max_tokens"))
        limits = self.inference(body) | ({"maxTokens": most} if most is not None else {})
        if isinstance(limits.get("stopSequences"), str):
            limits["stopSequences"] = [limits["stopSequences"]]
        asked = (body.get("response_format") or {}).get("json_schema") or {}
        schema = {"name": asked.get("name", "answer"), "schema": asked["schema"]} if "schema" in asked else {}
        return Question(called, messages, system, limits, self._tools(body), schema)

    @staticmethod
    def _tools(body: Body) -> Body:
        functions = [each["function"] for each in body.get("tools") or []]
        choice = body.get("tool_choice", "auto")
        if not functions or choice == "none":
            return {}
        tools = [
            {
                "toolSpec": {
                    "name": each["name"],
                    **({"description": each["description"]} if each.get("description") else {}),
                    "inputSchema": {"json": each.get("parameters") or {"type": "object"}},
                }
            }
            for each in functions
        ]
        if isinstance(choice, dict):
            return {"tools": tools, "toolChoice": {"tool": {"name": choice["function"]["name"]}}}
        return {"tools": tools, "toolChoice": {"any": {}} if choice in ("required", "any") else {"auto": {}}}

    def whole(self, model: str, found: Outcome) -> Body:
        calls = [
            {
                "id": each["toolUse"]["toolUseId"],
                "type": "function",
                "function": {"name": each["toolUse"]["name"], "arguments": json.dumps(each["toolUse"]["input"])},
            }
            for each in found.blocks
            if "toolUse" in each
        ]
        message = {"role": "assistant", "content": found.text or None, **({"tool_calls": calls} if calls else {})}
        return {
            **self._completion(model, "chat.completion"),
            "choices": [{"index": 0, "message": message, self.finish: self.reason(found.reason)}],
            "usage": _openai_usage(found.usage),
        }

    @staticmethod
    def _completion(model: str, kind: str) -> Body:
        return {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": kind,
            "created": int(time.time()),
            "model": model,
        }

    def chunks(self, model: str, each: Iterator[Event]) -> Iterator[Body]:
        base = self._completion(model, "chat.completion.chunk")
        call, reason = -1, "end_turn"

        def made(delta: Body, ended: str | None = None, **more: Any) -> Body:
            return {**base, "choices": [{"index": 0, "delta": delta, self.finish: ended}], **more}

        for kind, content in each:
            match kind:
                case "messageStart":
                    yield made({"role": "assistant", "content": ""})
                case "contentBlockStart":
                    call += 1
                    use = content["start"]["toolUse"]
                    function = {"name": use["name"], "arguments": ""}
                    begun = {"index": call, "id": use["toolUseId"], "type": "function", "function": function}
                    yield made({"tool_calls": [begun]})
                case "contentBlockDelta":
                    given = content["delta"]
                    if "text" in given:
                        yield made({"content": given["text"]})
                    else:
                        part = {"index": call, "function": {"arguments": given["toolUse"]["input"]}}
                        yield made({"tool_calls": [part]})
                case "messageStop":
                    reason = content["stopReason"]
                case "metadata":
                    yield made({}, self.reason(reason), usage=_openai_usage(content["usage"]))


class MistralChat(Chat):
    """https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html"""

    finish = "stop_reason"


def form_of(model: str, body: Body) -> Form:
    """The format of a foundation model's bodies.

    :param body: distinguishes the two formats that some families have.
    """
    provider, _, name = model.partition(".")
    if not model:
        # An imported or customized model: its base model is not known here, but its request shows the format.
        provider = "meta" if "prompt" in body else "amazon" if _is_nova(body) else ""
    match provider:
        case "anthropic":
            old = name.startswith(("claude-v", "claude-instant"))
            return Claude() if old and "prompt" in body else Messages()
        case "amazon":
            return Titan() if name.startswith("titan") else Nova()
        case "meta":
            return Llama()
        case "mistral":
            prompted = name.startswith(("mistral-7b", "mixtral", "mistral-large-2402", "mistral-small-2402"))
            return Mistral() if prompted and "messages" not in body else MistralChat()
        case "cohere":
            return Cohere()
        case "ai21":
            return Jurassic() if name.startswith("j2") else Chat()
        case "deepseek" if name.startswith("r1"):
            return DeepSeek()
        case _:
            return Chat()


def _is_nova(body: Body) -> bool:
    first: Any = next(iter(body.get("messages") or []), {})
    content = first.get("content") if isinstance(first, dict) else None
    return isinstance(content, list) and all(isinstance(each, dict) and "type" not in each for each in content)


# The messages, from each family's own format.

_HEADER = re.compile(r"<\|(?:start_header_id|header_start)\|>(\w+)<\|(?:end_header_id|header_end)\|>")
_END = re.compile(r"<\|(?:eot_id|eot|begin_of_text|end_of_text)\|>")
_INSTRUCTION = re.compile(r"\[INST\](.*?)\[/INST\]([^\[]*)", re.DOTALL)
_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_HUMAN = re.compile(r"\n\n(Human|Assistant):")


def turns(prompt: str) -> tuple[list[Body], list[Body]]:
    """The system prompt and the messages of a prompt in a model's own template. Any other prompt is one message."""
    said: list[tuple[str, str]] = []
    if _HEADER.search(prompt):
        pieces = _HEADER.split(prompt)[1:]
        said = [(role, _END.sub("", text)) for role, text in zip(pieces[::2], pieces[1::2], strict=True)]
    elif _INSTRUCTION.search(prompt):
        for asked, answered in _INSTRUCTION.findall(prompt):
            said += [("system", each) for each in _SYSTEM.findall(asked)]
            said += [("user", _SYSTEM.sub("", asked)), ("assistant", re.sub(r"</?s>", "", answered))]
    elif _HUMAN.search(prompt):
        pieces = _HUMAN.split(prompt)
        said = [("system", pieces[0])]
        roles = {"Human": "user", "Assistant": "assistant"}
        said += [(roles[name], text) for name, text in zip(pieces[1::2], pieces[2::2], strict=True)]
    said = [(role, text.strip()) for role, text in said if text.strip()]
    if not any(role == "user" for role, _ in said):
        said = [("user", prompt)]
    system = [{"text": text} for role, text in said if role == "system"]
    return system, [{"role": role, "content": [{"text": text}]} for role, text in said if role != "system"]


def _parts(content: Any) -> list[Body]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def _from_claude(part: Body) -> Body:
    match part.get("type"):
        case "text":
            return {"text": part["text"]}
        case "tool_use":
            return {"toolUse": {"toolUseId": part["id"], "name": part["name"], "input": part["input"]}}
        case "tool_result":
            content = [{"text": each["text"]} for each in _parts(part.get("content")) if "text" in each]
            status = {"status": "error"} if part.get("is_error") else {}
            return {"toolResult": {"toolUseId": part["tool_use_id"], "content": content, **status}}
        case "image":
            source = part["source"]
            kind = source["media_type"].rpartition("/")[2]
            return {"image": {"format": kind, "source": {"bytes": source["data"]}}}
        case "thinking" | "redacted_thinking":
            return {"reasoningContent": {}}
        case kind:
            told = f"Malformed input request: the local account shows models no content of type {kind}"
            raise ModelServerError("ValidationException", 400, told)


def _parts_of_nova(message: Body) -> list[Body]:
    content = message.get("content")
    if not isinstance(content, list):
        raise _wrong_type("messages/0/content", "JSONArray")
    return content


def _claude_id(identifier: str) -> str:
    return identifier if identifier.startswith("toolu_") else f"toolu_bdrk_{identifier.removeprefix('tooluse_')}"


def _from_openai(given: list[Body]) -> tuple[list[Body], list[Body]]:
    system: list[Body] = []
    messages: list[Body] = []
    for message in given:
        role, content = message["role"], message.get("content")
        texts = [content] if isinstance(content, str) else [each["text"] for each in content or [] if "text" in each]
        if role in ("system", "developer"):
            system += [{"text": text} for text in texts]
            continue
        parts: list[Body] = [{"text": text} for text in texts]
        if role == "tool":
            result = {"toolUseId": message["tool_call_id"], "content": parts}
            role, parts = "user", [{"toolResult": result}]
        for call in message.get("tool_calls") or []:
            function = call["function"]
            use = {
                "toolUseId": call["id"],
                "name": function["name"],
                "input": json.loads(function["arguments"] or "{}"),
            }
            parts.append({"toolUse": use})
        if messages and messages[-1]["role"] == role == "user" and "toolResult" in messages[-1]["content"][-1]:
            messages[-1]["content"] += parts
        else:
            messages.append({"role": role, "content": parts})
    return system, messages


def _openai_usage(usage: dict[str, int]) -> dict[str, int]:
    return {
        "prompt_tokens": usage["inputTokens"],
        "completion_tokens": usage["outputTokens"],
        "total_tokens": usage["totalTokens"],
    }
