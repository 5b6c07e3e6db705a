"""The model file, which says what answers, and the server of models that it names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import urllib3

from . import child, server
from .asked import ModelServerError

#: A JSON file; without it, or with none of these in it, the fixed sentence answers:
#: {"url": a server, "model": one of its models}, {"run": a bundled model}, {"script": a file}, {"quotes": true};
#: "timeout_seconds".
FILE = "ACCOUNT_MODEL_FILE"

_http = urllib3.PoolManager(maxsize=64, retries=False)


def settings() -> dict[str, Any]:
    """What the model file says now: a model can be named, changed and dropped while the account runs."""
    return child.read(Path(os.environ.get(FILE, "")))


def first_model(url: str, wait: float) -> str:
    """The model of a server that was named without one."""
    try:
        return str(call("GET", f"{url}/models", wait)["data"][0]["id"])
    except (KeyError, IndexError, TypeError) as error:
        raise ModelServerError("ModelErrorException", 424, f"{url}/models lists no model; name one") from error


def call(method: str, url: str, wait: float, content: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a server answers to a call that is no chat.

    :raises ModelServerError: for every way in which it gives no JSON object.
    """
    try:
        response = _http.request(method, url, json=content, timeout=urllib3.Timeout(connect=3, read=wait))
    except urllib3.exceptions.ReadTimeoutError as error:
        raise ModelServerError("ModelTimeoutException", 408, f"{url} gave no answer in {wait:g} s") from error
    except urllib3.exceptions.HTTPError as error:
        raise ModelServerError("ServiceUnavailableException", 503, f"{url} cannot be reached: {error}") from error
    if response.status >= 400:
        raise server.refusal(url, response.status, response.data)
    try:
        answered = json.loads(response.data)
    except ValueError as error:
        raise server.garbage(url) from error
    if not isinstance(answered, dict):
        raise server.garbage(url)
    return answered
