"""The model file, which defines the model that answers, and the model server that it names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import urllib3

from . import child, server
from .asked import ModelServerError

#: A JSON file. Without it, or without any of these keys, the fixed sentence is used:
#: {"url": a server, "model": one of its models}, {"run": a bundled model}, {"script": a file}, {"quotes": true};
#: "timeout_seconds".
FILE = "ACCOUNT_MODEL_FILE"

_http = urllib3.PoolManager(maxsize=64, retries=False)


def settings() -> dict[str, Any]:
    """The current content of the model file: a model can be set, changed and removed while the account runs."""
    return child.read(Path(os.environ.get(FILE, "")))


def first_model(url: str, wait: float) -> str:
    """The model of a server that was configured without one."""
    try:
        return str(call("GET", f"{url}/models", wait)["data"][0]["id"])
    except (KeyError, IndexError, TypeError) as error:
        raise ModelServerError("ModelErrorException", 424, f"{url}/models lists no model; name one") from error


def call(method: str, url: str, wait: float, content: dict[str, Any] | None = None) -> dict[str, Any]:
    """A server's response to a request other than chat.

    :raises ModelServerError: if it does not return a JSON object.
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
