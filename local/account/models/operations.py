"""The four operations that invoke a text model, after the caller has been authorized."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any
from urllib.parse import unquote

from ministack.services import bedrock_runtime as runtime

from ..identifiers import foundation
from ..resources.bedrock import called, models_of_bedrock
from . import converse, invoke
from .stream import Response, streamed, whole

_CALL = re.compile(r"^/model/(?P<model>.+?)/(?P<name>converse|converse-stream|invoke|invoke-with-response-stream)$")
_STREAM = {"Content-Type": "application/vnd.amazon.eventstream", "x-amzn-bedrock-content-type": "application/json"}


async def answered(path: str, headers: dict[str, str], body: bytes) -> Response | None:
    """The response to an invocation of a text model. None for any other call.

    :raises ModelServerError: if the model does not respond.
    """
    call = _CALL.match(path)
    if call is None:
        return None
    identifier, _, wrong = runtime._normalize_model_id(unquote(call["model"]))
    if wrong is not None:
        refused: Response = wrong
        return refused
    if call["name"].startswith("converse"):
        return await _conversed(identifier, call["name"] == "converse-stream", body)
    return await _invoked(identifier, call["name"] == "invoke-with-response-stream", headers, body)


async def _conversed(identifier: str, stream: bool, body: bytes) -> Response:
    request = converse.read(body)
    if isinstance(request, tuple):
        return request
    guarding = converse.guard(request)
    if guarding is None:
        return _no_guardrail(request["guardrailConfig"].get("guardrailIdentifier", ""))
    if stream:
        return await streamed(
            "ConverseStream", partial(converse.frames, called(identifier), request, guarding), _STREAM
        )
    return await whole(partial(converse.answer, called(identifier), request, guarding))


async def _invoked(identifier: str, stream: bool, headers: dict[str, str], body: bytes) -> Response | None:
    model = foundation(identifier)
    if models_of_bedrock().get(model, {}).get("mode", "chat") != "chat":
        return None
    try:
        request: Any = json.loads(body)
    except ValueError:
        return converse.refused("ValidationException", 400, "Malformed input request, please reformat your input.")
    if not isinstance(request, dict):
        return converse.refused("ValidationException", 400, "Malformed input request: expected type: JSONObject.")
    guarding = invoke.guard(headers, request)
    if guarding is None:
        return _no_guardrail(headers.get("x-amzn-bedrock-guardrailidentifier", ""))
    asked = (called(identifier), model, request, guarding)
    if stream:
        return await streamed("InvokeModelWithResponseStream", partial(invoke.frames, *asked), _STREAM)
    return await whole(partial(invoke.answer, *asked))


def _no_guardrail(identifier: str) -> Response:
    found: Response = runtime._guardrail_not_found(identifier)
    return found
