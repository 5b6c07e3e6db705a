"""A server with OpenAI's API as the model: Ollama, vLLM, llama.cpp and many more."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

from .asked import Call, Caller, CallerGoneError, CallInput, End, ModelServerError, Piece, Question, Text, call_id

CONNECT_SECONDS = 3
#: Bedrock's error for an HTTP status of the server.
_ERRORS = {
    404: ("ResourceNotFoundException", 404),
    408: ("ModelTimeoutException", 408),
    429: ("ThrottlingException", 429),
    503: ("ServiceUnavailableException", 503),
    504: ("ModelTimeoutException", 408),
}
#: Error codes and texts of servers for a request that exceeds the model's context: OpenAI and vLLM, llama.cpp.
_TOO_LONG = (b"context_length_exceeded", b"maximum context length", b"exceed_context_size")
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filtered",
}
#: An id that Converse accepts.
_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
#: Document formats that are plain text.
_PLAIN = ("txt", "md", "csv", "html")


def pieces(question: Question, url: str, model: str, wait: float, caller: Caller, *, stream: bool) -> Iterator[Piece]:
    """The server's response, piece by piece if ``stream`` is given.

    :param url: the server's address, up to its /v1.
    :param wait: timeout in seconds for a response, or for each piece of a stream.
    :raises ModelServerError: if the server does not respond, or ends a stream early.
    """
    content = {
        "model": model,
        "messages": messages_of(question),
        "stream": stream,
        **({"stream_options": {"include_usage": True}} if stream else {}),
        **_inference(question.inference),
        **_tools(question.tools),
        **_format(question.schema),
    }
    address = f"{url}/chat/completions"
    with _posted(address, content, wait, caller) as response:
        kind = response.getheader("Content-Type", "")
        if "text/event-stream" in kind:
            yield from _streamed(address, _events(address, response, wait, caller))
        else:
            yield from whole(address, _read(address, response, wait, caller))


class _posted:  # noqa: N801 - used as a function
    """A response whose connection is closed at the end of the block and when the caller disconnects."""

    def __init__(self, url: str, content: dict[str, Any], wait: float, caller: Caller) -> None:
        self.url, self.wait, self.caller = url, wait, caller
        self.body = json.dumps(content).encode()
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
        self.path = parts.path
        #: A response that ends with its connection takes over the socket.
        self.socket: socket.socket | None = None
        self.leaving = caller.ending(self._cut)

    def _cut(self) -> None:
        # Closing alone would not wake the thread that reads. The server notices the shutdown and stops.
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> http.client.HTTPResponse:
        self.leaving.__enter__()
        try:
            response: http.client.HTTPResponse = _telling(self.url, self.wait, self.caller, self._answered)
            return response
        except BaseException:
            self.__exit__()
            raise

    def _answered(self) -> http.client.HTTPResponse:
        self.connection.connect()
        self.socket = self.connection.sock
        self.socket.settimeout(self.wait)
        if self.caller.gone:
            raise CallerGoneError
        self.connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        if response.status >= 400:
            raise refusal(self.url, response.status, response.read())
        return response

    def __exit__(self, *_: object) -> None:
        self.leaving.__exit__(None, None, None)
        self.connection.close()


def _telling(url: str, wait: float, caller: Caller, work: Callable[[], Any]) -> Any:
    """The result of ``work``. Errors are converted to Bedrock's."""
    try:
        return work()
    except TimeoutError as error:
        raise ModelServerError("ModelTimeoutException", 408, f"{url} gave no answer in {wait:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        if caller.gone:
            raise CallerGoneError from error
        raise ModelServerError("ServiceUnavailableException", 503, f"{url} cannot be reached: {error}") from error


def _read(url: str, response: http.client.HTTPResponse, wait: float, caller: Caller) -> dict[str, Any]:
    body = _telling(url, wait, caller, response.read)
    if caller.gone:
        raise CallerGoneError
    try:
        answered = json.loads(body)
    except ValueError as error:
        raise garbage(url) from error
    if not isinstance(answered, dict):
        raise garbage(url)
    return answered


def whole(url: str, answered: dict[str, Any]) -> Iterator[Piece]:
    """The pieces of a response that was not streamed."""
    try:
        choice = answered["choices"][0]
        message, used = choice["message"], answered.get("usage") or {}
        counts = (int(used["prompt_tokens"]), int(used["completion_tokens"])) if used else None
        text, calls = message.get("content") or "", message.get("tool_calls") or []
        functions = [(each.get("id"), each["function"]["name"], each["function"].get("arguments")) for each in calls]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise garbage(url) from error
    if text:
        yield Text(str(text))
    for identifier, name, given in functions:
        yield Call(_fitting(identifier), str(name))
        yield CallInput(given if isinstance(given, str) else json.dumps(given or {}))
    reason = "tool_use" if functions else _REASONS.get(str(choice.get("finish_reason")), "end_turn")
    yield End(reason, counts)


def _events(url: str, response: http.client.HTTPResponse, wait: float, caller: Caller) -> Iterator[dict[str, Any]]:
    """The events that the server sends, each as it arrives.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    with closing(response):
        while line := _telling(url, wait, caller, response.readline):
            name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
            value = value.removeprefix(" ")
            if name not in ("data", "error") or not value:
                continue
            if value == "[DONE]":
                return
            try:
                event = json.loads(value)
            except ValueError as error:
                raise garbage(url) from error
            if not isinstance(event, dict):
                raise garbage(url)
            if failed := event if name == "error" else event.get("error"):
                raise _broken(url, failed)
            yield event
    if caller.gone:
        raise CallerGoneError


def _streamed(url: str, events: Iterator[dict[str, Any]]) -> Iterator[Piece]:
    reason, counts, open_call = "", None, None
    called = False
    for event in events:
        try:
            if used := event.get("usage"):
                counts = (int(used["prompt_tokens"]), int(used["completion_tokens"]))
            for choice in event.get("choices") or []:
                delta = choice.get("delta") or {}
                reason = choice.get("finish_reason") or reason
                if delta.get("content"):
                    open_call = None
                    yield Text(str(delta["content"]))
                for each in delta.get("tool_calls") or []:
                    function = each.get("function") or {}
                    # Some servers send each call in one piece, without an index.
                    number = each.get("index", each.get("id"))
                    if open_call is None or number != open_call[0]:
                        open_call = (number,)
                        called = True
                        yield Call(_fitting(each.get("id")), str(function["name"]))
                    given = function.get("arguments")
                    if given:
                        yield CallInput(given if isinstance(given, str) else json.dumps(given))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise garbage(url) from error
    if not reason:
        raise ModelServerError("ModelStreamErrorException", 424, f"{url} broke its answer off")
    yield End("tool_use" if called and reason != "length" else _REASONS.get(reason, "end_turn"), counts)


def _fitting(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) and _CALL_ID.fullmatch(identifier) else call_id()


def refusal(url: str, status: int, body: bytes) -> ModelServerError:
    """An error response of the server, as Bedrock would return it."""
    # OpenAI's servers distinguish an exhausted quota from too many requests by the code only.
    if status == 429 and b"insufficient_quota" in body:
        return ModelServerError("ServiceQuotaExceededException", 400, f"{url}: the quota is spent")
    told = f"{url} answered {status}: {body[:300].decode(errors='replace')}"
    if status in (400, 413) and any(each in body for each in _TOO_LONG):
        return ModelServerError("ValidationException", 400, f"Input is too long for requested model. {told}")
    code, answered = _ERRORS.get(status, ("ModelErrorException", 424))
    return ModelServerError(code, answered, told)


def _broken(url: str, failed: Any) -> ModelServerError:
    told = failed.get("message", failed) if isinstance(failed, dict) else failed
    status = failed.get("code") if isinstance(failed, dict) else None
    if isinstance(status, int) and 400 <= status <= 599:
        return refusal(url, status, json.dumps(failed).encode())
    return ModelServerError("ModelStreamErrorException", 424, f"{url} broke its answer off: {told}")


def garbage(url: str) -> ModelServerError:
    """The server's response does not follow its API."""
    return ModelServerError("ModelErrorException", 424, f"{url} answered something that is no chat completion")


# The request of Converse, in OpenAI's format.


def _inference(given: dict[str, Any]) -> dict[str, Any]:
    renamed = {
        "maxTokens": "max_tokens",
        "temperature": "temperature",
        "topP": "top_p",
        "topK": "top_k",
        "stopSequences": "stop",
    }
    return {renamed[key]: value for key, value in given.items() if key in renamed and value is not None}


def _tools(config: dict[str, Any]) -> dict[str, Any]:
    tools = []
    for each in config.get("tools") or []:
        if not isinstance(each.get("toolSpec"), dict):
            continue  # a cache point
        spec = each["toolSpec"]
        function = {"name": spec["name"], "parameters": spec.get("inputSchema", {}).get("json") or {"type": "object"}}
        function |= {key: spec[key] for key in ("description", "strict") if key in spec}
        tools.append({"type": "function", "function": function})
    if not tools:
        return {}
    choice = config.get("toolChoice") or {}
    if "tool" in choice:
        return {"tools": tools, "tool_choice": {"type": "function", "function": {"name": choice["tool"]["name"]}}}
    return {"tools": tools, "tool_choice": "required" if "any" in choice else "auto"}


def _format(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema:
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": {"strict": True, **schema}}}


def messages_of(question: Question) -> list[dict[str, Any]]:
    """The conversation in OpenAI's format: tool results are separate messages, directly after the calls."""
    system = "\n".join(each["text"] for each in question.system if "text" in each)
    made: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for message in question.messages:
        parts: list[dict[str, Any]] = []
        calls: list[dict[str, Any]] = []
        for part in message["content"]:
            if "toolUse" in part:
                use = part["toolUse"]
                function = {"name": use["name"], "arguments": json.dumps(use.get("input") or {})}
                calls.append({"id": use["toolUseId"], "type": "function", "function": function})
            elif "toolResult" in part:
                result = part["toolResult"]
                text = result_text(result)
                made.append({"role": "tool", "tool_call_id": result["toolUseId"], "content": text})
            else:
                parts += _part(part)
        if calls:
            made.append({"role": "assistant", "content": _content(parts) or None, "tool_calls": calls})
        elif parts:
            made.append({"role": message["role"], "content": _content(parts)})
    return made


def result_text(result: dict[str, Any]) -> str:
    """The result of a tool, as text."""
    said = "\n".join(
        str(each["text"]) if "text" in each else json.dumps(each["json"])
        for each in result.get("content") or []
        if "text" in each or "json" in each
    )
    return f"The tool failed: {said}" if result.get("status") == "error" else said


def _part(part: dict[str, Any]) -> list[dict[str, Any]]:
    if "text" in part:
        return [{"type": "text", "text": part["text"]}]
    if "guardContent" in part:  # tags are for the guardrail
        return [{"type": "text", "text": part["guardContent"].get("text", {}).get("text", "")}]
    if "image" in part and "bytes" in part["image"].get("source", {}):
        image = part["image"]
        address = f"data:image/{image['format']};base64,{image['source']['bytes']}"
        return [{"type": "image_url", "image_url": {"url": address}}]
    if "document" in part:
        return [{"type": "text", "text": _document(part["document"])}]
    for kind in ("image", "video", "audio"):
        if kind in part:
            what = "from Amazon S3 " if kind == "image" else ""
            raise ModelServerError("ValidationException", 400, f"The local account shows models no {kind} {what}yet")
    return []  # cache points, reasoning of earlier turns


def _document(document: dict[str, Any]) -> str:
    source = document.get("source", {})
    if "text" in source:
        return str(source["text"])
    if document.get("format") in _PLAIN and "bytes" in source:
        return base64.b64decode(source["bytes"]).decode("utf-8", "replace")
    what = document.get("format", "this kind")
    known = ", ".join(_PLAIN)
    raise ModelServerError(
        "ValidationException", 400, f"The local account shows models documents of {known} in the request, not {what}"
    )


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Text alone as one string, which every server accepts."""
    if all(each["type"] == "text" for each in parts):
        return "\n".join(each["text"] for each in parts)
    return parts
