"""The same answer in the form of OpenAI's chat completions, for clients that speak it.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..chat.errors import malformed
from ..chat.request import SCHEMA, decoded
from ..streaming.runtime import Stream
from .events import Events

SCHEMA_OF_REQUESTS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "completion.schema.json").read_text(encoding="utf-8")
)
#: Ends of the paths of this form.
COMPLETIONS, MODELS = "/openai/chat/completions", "/openai/models"
#: What would change the answer and is not offered; anything else that is not known is ignored, as others do.
_NOT_OFFERED = ("tools", "functions", "audio", "logprobs", "web_search_options")
_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
_SPENT = ("requests_spent", "tokens_spent", "money_spent", "locked_out", "quota_exceeded")
_MOST_TEXT = SCHEMA["properties"]["messages"]["items"]["properties"]["text"]["maxLength"]


class Completions(Events):
    """The answer as one completion, or as its chunks if the client asked for a stream."""

    def __init__(self, stream: Stream, headers: Mapping[str, str]) -> None:
        super().__init__(stream, headers)
        self._streaming = self._usage_wanted = False
        self._common: dict[str, Any] = {}
        self._text: list[str] = []
        self._usage: dict[str, int] = {}

    def question(self, event: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The request in the form of this API. The name of the assistant stands for its first model.

        :raises ChatError: if it is malformed, or asks for what is not offered.
        """
        asked = decoded(event, SCHEMA_OF_REQUESTS, "chat completion request")
        self._streaming = bool(asked.get("stream"))
        self._usage_wanted = bool((asked.get("stream_options") or {}).get("include_usage"))
        for parameter in _NOT_OFFERED:
            if asked.get(parameter):
                raise malformed(f"{parameter} is not offered here.")
        form = asked.get("response_format")
        if isinstance(form, dict) and form.get("type", "text") != "text":
            raise malformed("response_format is not offered here, apart from text.")
        question: dict[str, Any] = {"messages": _conversation(asked["messages"])}
        if asked.get("model") not in (None, name):
            question["model"] = asked["model"]
        if most := asked.get("max_completion_tokens") or asked.get("max_tokens"):
            question["max_tokens"] = most
        if asked.get("temperature") is not None:
            question["temperature"] = min(asked["temperature"], 1)
        return question

    def begin(self) -> None:
        if self._streaming:
            super().begin()

    def send(self, event: str, **data: Any) -> None:  # noqa: ANN401 - JSON
        match event:
            case "meta":
                self._common = {
                    "id": f"chatcmpl-{data['request_id']}",
                    "created": int(time.time()),
                    "model": data["model"],
                }
                self._chunk({"role": "assistant", "content": ""})
            case "delta":
                self._text.append(data["text"])
                self._chunk({"content": data["text"]})
            case "image":
                self.send("delta", text=f"\n![{data['id']}]({data['url']})\n")
            case "usage":
                total = data["input_tokens"] + data["output_tokens"]
                self._usage = {
                    "prompt_tokens": data["input_tokens"],
                    "completion_tokens": data["output_tokens"],
                    "total_tokens": total,
                }
            case "error":
                self._line({"error": _error(data["status"], data["code"], data["message"])})
            case "done":
                self._done(_REASONS.get(data["stop_reason"], "stop"))

    def refuse(self, status: int, content: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        error = content["error"]
        super().refuse(status, {"error": _error(status, error["code"], error["message"])}, headers)

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> None:
        if self._streaming:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            self._line({**self._common, "object": "chat.completion.chunk", "choices": [choice]})

    def _line(self, content: Mapping[str, Any]) -> None:
        self._stream.write(f"data: {json.dumps(content)}\n\n".encode())

    def _done(self, reason: str) -> None:
        if self._streaming:
            self._chunk({}, reason)
            if self._usage_wanted:
                content = {"object": "chat.completion.chunk", "choices": [], "usage": self._usage}
                self._line({**self._common, **content})
            self._stream.write(b"data: [DONE]\n\n")
            return
        message = {"role": "assistant", "content": "".join(self._text), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        self.respond({**self._common, "object": "chat.completion", "choices": [choice], "usage": self._usage})


def models(name: str, offered: Sequence[str]) -> dict[str, Any]:
    """The list of models: the assistant itself, and each that it offers."""
    found = [{"id": each, "object": "model", "created": 0, "owned_by": name} for each in (name, *offered)]
    return {"object": "list", "data": found}


def _conversation(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The messages in turns of user and assistant. What an application instructs is a part of the user's next message:
    the instructions of the assistant come from its settings.

    :raises ChatError: if a message is too long.
    """
    turns: list[dict[str, str]] = []
    for each in messages:
        content = each["content"]
        text = content if isinstance(content, str) else "\n".join(part["text"] for part in content)
        role = "assistant" if each["role"] == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["text"] += f"\n\n{text}"
        else:
            turns.append({"role": role, "text": text})
    for turn in turns:
        if not 1 <= len(turn["text"]) <= _MOST_TEXT:
            raise malformed(
                f"A message has 1 to {_MOST_TEXT} characters, together with those before it of the same role."
            )
    return turns


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if status == 429:
        kind = "insufficient_quota" if code in _SPENT else "rate_limit_error"
    return {"message": message, "type": kind, "param": None, "code": code}
