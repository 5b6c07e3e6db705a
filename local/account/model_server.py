"""Who answers for a model: an OpenAI-compatible server of the user's, or one fixed sentence that says so."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import urllib3
from ministack.services import bedrock_runtime as runtime

from .resources.bedrock import called

#: A JSON file {"url": ..., "model": ..., "timeout_seconds": ...}; without it, or without a url, nothing is asked.
FILE = "ACCOUNT_MODEL_FILE"

_http = urllib3.PoolManager(maxsize=64, retries=False)


class ModelServerError(Exception):
    """A failure of the server, as Bedrock would tell it.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


#: What an HTTP status of the server is in Bedrock.
_ERRORS = {
    404: ("ResourceNotFoundException", 404),
    408: ("ModelTimeoutException", 408),
    429: ("ThrottlingException", 429),
    503: ("ServiceUnavailableException", 503),
    504: ("ModelTimeoutException", 408),
}


def fixed_reply(model_id: str, messages: list[dict[str, Any]], system: list[dict[str, Any]]) -> str:
    """The answer where no model stands behind the account; the same question gives the same answer."""
    asked = json.dumps([messages, system], sort_keys=True)
    # Letters only: digits in a row are taken for numbers of people by guardrails.
    digest = "".join(chr(ord("a") + each % 26) for each in hashlib.sha256(asked.encode()).digest()[:8])
    return (
        f"This is the local account, where no model answers for {called(model_id)}. Your request ({digest}) arrived "
        "with permission and through the guardrail. To hear a real model, run: make local MODEL_URL=<server>/v1"
    )


def complete(
    model_id: str,
    messages: list[dict[str, Any]],
    system: list[dict[str, Any]],
    inference: dict[str, Any] | None,
    tools: dict[str, Any] | None = None,
) -> tuple[dict[str, Any] | None, tuple[int, int] | None]:
    """Ask the server and return its message and its count of input and output tokens; None for both without a server.

    :raises ModelServerError: for every way in which the server gives no message.
    """
    settings = _settings()
    if not settings.get("url"):
        return None, None
    url = settings["url"].rstrip("/")
    wait = float(settings.get("timeout_seconds", 20))
    request = {
        "model": settings.get("model") or _first_model(url, wait),
        "messages": runtime._openai_messages([_untagged(each) for each in messages], system),
        "stream": False,
        **_inference(inference or {}),
        **_tools(tools),
    }
    answered = _call("POST", f"{url}/chat/completions", wait, request)
    try:
        message = answered["choices"][0]["message"]
        used = answered.get("usage") or {}
        counts = (int(used["prompt_tokens"]), int(used["completion_tokens"])) if used else None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _garbage(url) from error
    if not isinstance(message, dict):
        raise _garbage(url)
    return message, counts


def _untagged(message: dict[str, Any]) -> dict[str, Any]:
    """A message as a model is shown it: tags are for the guardrail."""
    parts = [
        {"text": part["guardContent"]["text"]["text"]} if "guardContent" in part else part
        for part in message["content"]
    ]
    return {**message, "content": parts}


def _settings() -> dict[str, Any]:
    # Read at each call, so that a server can be named, changed and dropped while the account runs.
    file = Path(os.environ.get(FILE, ""))
    if not file.is_file():
        return {}
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _inference(given: dict[str, Any]) -> dict[str, Any]:
    renamed = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
    return {renamed[key]: value for key, value in given.items() if key in renamed}


def _tools(config: dict[str, Any] | None) -> dict[str, Any]:
    tools, choice = runtime._openai_tools(config)
    return {"tools": tools, **({"tool_choice": choice} if choice is not None else {})} if tools else {}


def _first_model(url: str, wait: float) -> str:
    """The model of a server that was named without one."""
    try:
        return str(_call("GET", f"{url}/models", wait)["data"][0]["id"])
    except (KeyError, IndexError, TypeError) as error:
        raise ModelServerError("ModelErrorException", 424, f"{url}/models lists no model; name one") from error


def _call(method: str, url: str, wait: float, content: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        response = _http.request(method, url, json=content, timeout=urllib3.Timeout(connect=3, read=wait))
    except urllib3.exceptions.ReadTimeoutError as error:
        raise ModelServerError("ModelTimeoutException", 408, f"{url} gave no answer in {wait:g} s") from error
    except urllib3.exceptions.HTTPError as error:
        raise ModelServerError("ServiceUnavailableException", 503, f"{url} cannot be reached: {error}") from error
    if response.status >= 400:
        raise _refusal(url, response.status, response.data)
    try:
        answered = json.loads(response.data)
    except ValueError as error:
        raise _garbage(url) from error
    if not isinstance(answered, dict):
        raise _garbage(url)
    return answered


def _refusal(url: str, status: int, body: bytes) -> ModelServerError:
    # OpenAI's servers tell a spent quota from too many requests by the code alone.
    if status == 429 and b"insufficient_quota" in body:
        return ModelServerError("ServiceQuotaExceededException", 400, f"{url}: the quota is spent")
    code, answered = _ERRORS.get(status, ("ModelErrorException", 424))
    return ModelServerError(code, answered, f"{url} answered {status}: {body[:200].decode(errors='replace')}")


def _garbage(url: str) -> ModelServerError:
    return ModelServerError("ModelErrorException", 424, f"{url} answered something that is no chat completion")
