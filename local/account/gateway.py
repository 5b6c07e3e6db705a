"""Answers for API Gateway where a function is full, slow, broken or sent too much, as a REST API's own responses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core.iam_evaluator import AuthError
from ministack.core.sigv4 import foreign_authorization_failure
from ministack.services import apigateway_v1

Answer = tuple[int, dict[str, Any], bytes]

#: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MOST_BYTES = 10 * 1024 * 1024
#: What a synchronous call of a function takes and gives: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_PAYLOAD_BYTES = 6 * 1024 * 1024
#: How long an integration is waited for that does not say, in milliseconds.
_WAITED = 29_000
_SERVER_ERROR = "Internal server error"


class _FailedError(Exception):
    """An integration that failed, and the response of the API that tells it."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.response_type)
        self.error = error


def _bad_gateway() -> _FailedError:
    """A function that failed or answered what is no response: 502, whose type has no name but DEFAULT_5XX.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    error = apigateway_v1._gw_error("DEFAULT_5XX", _SERVER_ERROR)
    error.status = 502
    return _FailedError(error)


def install() -> None:
    """Put the API's own responses in place of what the function or the emulator said."""
    apigateway_v1._execute_in_scope = _sized(apigateway_v1._execute_in_scope)
    apigateway_v1._invoke_lambda_proxy_v1 = _waited(apigateway_v1._invoke_lambda_proxy_v1)
    apigateway_v1._lambda_proxy_response = _response(apigateway_v1._lambda_proxy_response)
    apigateway_v1._gateway_error_response = _with_status(apigateway_v1._gateway_error_response)
    app._enforce_execute_api = _of_methods(app._enforce_execute_api)


def _sized(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """More than API Gateway takes is refused before anything is looked at."""

    async def executed(request: dict[str, Any], api_id: str, stage_name: str, *args: Any) -> Any:
        body, stage = args[3], apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
        if stage and body and len(body) > MOST_BYTES:
            request["stage"] = stage
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        return await execute(request, api_id, stage_name, *args)

    return executed


def _waited(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A function is waited for as long as its integration says; one that takes longer runs on unheard."""

    async def waiting(integration: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        body = args[7]
        if body and len(body) > MOST_PAYLOAD_BYTES:
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        call = asyncio.ensure_future(invoke(integration, *args, **kwargs))
        seconds = float(integration.get("timeoutInMillis") or _WAITED) / 1000
        done, _ = await asyncio.wait({call}, timeout=seconds)
        if not done:
            call.add_done_callback(lambda late: late.cancelled() or late.exception())
            return apigateway_v1._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        try:
            return call.result()
        except _FailedError as failed:
            return failed.error

    return waiting


def _response(shape: Callable[[Any], tuple[Any, Any]]) -> Callable[[Any], tuple[Any, Any]]:
    """What a function gave, if it is a response: a status, headers and a text."""

    def shaped(result: dict[str, Any]) -> tuple[Any, Any]:
        if result.get("throttle"):
            raise _FailedError(apigateway_v1._gw_error("INTEGRATION_FAILURE", _SERVER_ERROR))
        if result.get("error") or not _is_response(result.get("body")):
            raise _bad_gateway()
        return shape(result)

    return shaped


def _is_response(payload: Any) -> bool:
    if isinstance(payload, (bytes, str)):
        try:
            payload = json.loads(payload)
        except ValueError:
            return False
    if not isinstance(payload, dict):
        return False
    status, headers = payload.get("statusCode"), payload.get("headers")
    if isinstance(status, bool) or not str(status).isdecimal() or not 100 <= int(str(status)) <= 599:
        return False
    if not isinstance(payload.get("body", ""), (str, type(None))) or not isinstance(headers, (dict, type(None))):
        return False
    return len(json.dumps(payload)) <= MOST_PAYLOAD_BYTES


def _with_status(respond: Callable[..., Answer]) -> Callable[..., Answer]:
    """An error may have a status of its own, where the API sets none for its type."""

    def responded(error: Any, request: dict[str, Any]) -> Answer:
        status, headers, body = respond(error, request)
        return (getattr(error, "status", status) if status == 500 else status), headers, body

    return responded


def _of_methods(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """A path that a REST API does not have has no policy to ask: the API itself says that it is not there.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    def enforced(
        api_id: str, stage: str, method: str, path: str, headers: dict[str, Any], query: dict[str, Any], **options: Any
    ) -> Any:
        known = apigateway_v1.method_authorization_type(api_id, stage, method, path)
        if known or apigateway_v1.find_api_scope(api_id) is None or "/@connections/" in path:
            return enforce(api_id, stage, method, path, headers, query, **options)
        # An Authorization header is read as a signature where no method says otherwise.
        told = headers.get("authorization", "")
        refused = foreign_authorization_failure(headers) if told and not told.startswith("AWS4-") else None
        if refused:
            return apigateway_v1.authentication_error_response(api_id, stage, AuthError(*refused), headers, query)
        return None

    return enforced
