"""API Gateway's own responses for functions that are throttled, slow or failing, and for requests that are too large.

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
#: Request and response limit of a synchronous invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_PAYLOAD_BYTES = 6 * 1024 * 1024
#: Default timeout of an integration, in milliseconds.
_WAITED = 29_000
_SERVER_ERROR = "Internal server error"


class _FailedError(Exception):
    """A failed integration, and the API's gateway response for it."""

    def __init__(self, error: Any) -> None:
        super().__init__(error.response_type)
        self.error = error


def bad_gateway() -> _FailedError:
    """A function that failed or returned an invalid response: 502, a response type without a name but DEFAULT_5XX.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    error = apigateway_v1._gw_error("DEFAULT_5XX", _SERVER_ERROR)
    error.status = 502
    return _FailedError(error)


def install() -> None:
    """Replace the responses of the function or the emulator by those of the API."""
    apigateway_v1._execute_in_scope = _sized(apigateway_v1._execute_in_scope)
    apigateway_v1._invoke_lambda_proxy_v1 = _waited(apigateway_v1._invoke_lambda_proxy_v1)
    apigateway_v1._lambda_proxy_response = _response(apigateway_v1._lambda_proxy_response)
    apigateway_v1._gateway_error_response = _with_status(apigateway_v1._gateway_error_response)
    app._enforce_execute_api = _of_methods(app._enforce_execute_api)


def _sized(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Reject requests beyond the limits of API Gateway before anything is read."""

    async def executed(request: dict[str, Any], api_id: str, stage_name: str, *args: Any) -> Any:
        body, stage = args[3], apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
        if stage and body and len(body) > MOST_BYTES:
            request["stage"] = stage
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        return await execute(request, api_id, stage_name, *args)

    return executed


def _waited(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Apply the integration's timeout to a function. If it takes longer, it continues, but its result is ignored."""

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
    """The result of a function, if it is a valid response: a status, headers and a text."""

    def shaped(result: dict[str, Any]) -> tuple[Any, Any]:
        if result.get("throttle"):
            raise _FailedError(apigateway_v1._gw_error("INTEGRATION_FAILURE", _SERVER_ERROR))
        if result.get("error") or not _is_response(result.get("body")):
            raise bad_gateway()
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
    """A gateway response may have a status of its own, if the API sets none for its type."""

    def responded(error: Any, request: dict[str, Any]) -> Answer:
        status, headers, body = respond(error, request)
        return (getattr(error, "status", status) if status == 500 else status), headers, body

    return responded


def _of_methods(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """A path that a REST API does not have needs no authorization: the API itself returns the error.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """

    def enforced(
        api_id: str, stage: str, method: str, path: str, headers: dict[str, Any], query: dict[str, Any], **options: Any
    ) -> Any:
        known = apigateway_v1.method_authorization_type(api_id, stage, method, path)
        if known or apigateway_v1.find_api_scope(api_id) is None or "/@connections/" in path:
            return enforce(api_id, stage, method, path, headers, query, **options)
        # An Authorization header is read as a signature if no method defines otherwise.
        told = headers.get("authorization", "")
        refused = foreign_authorization_failure(headers) if told and not told.startswith("AWS4-") else None
        if refused:
            return apigateway_v1.authentication_error_response(api_id, stage, AuthError(*refused), headers, query)
        return None

    return enforced
