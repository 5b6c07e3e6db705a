"""The responses that API Gateway generates itself, in the form of the function's own errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GatewayError:
    """A gateway response.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html

    :param kind: its type.
    :param status: its HTTP status. None leaves the status of each type that a default response applies to.
    :param code: error code for programs.
    :param message: message for people; it reveals no part of the service.
    :param retry_seconds: seconds after which to try again. Default: not known.
    """

    kind: str
    status: int | None
    code: str
    message: str
    retry_seconds: int | None = None

    def properties(self, origins: Sequence[str] = ()) -> dict[str, Any]:
        """The properties of an ``AWS::ApiGateway::GatewayResponse``.

        :param origins: origins of web pages that may read the response. A gateway response cannot choose among several;
            it then names the origin of the request, for which only listed origins get past the preflight request.
        """
        body = json.dumps({"error": {"code": self.code, "message": self.message}})
        headers = {"Cache-Control": "'no-store'"}
        if self.retry_seconds:
            headers["Retry-After"] = f"'{self.retry_seconds}'"
        if origins:
            # A request without an origin, or with one that is not allowed, is not that of a page that reads responses.
            headers["Access-Control-Allow-Origin"] = (
                f"'{origins[0]}'" if len(origins) == 1 else "method.request.header.Origin"
            )
            headers |= {"Access-Control-Expose-Headers": "'Retry-After'", "Vary": "'Origin'"}
        return {
            "response_type": self.kind,
            **({"status_code": str(self.status)} if self.status else {}),
            "response_parameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            "response_templates": {"application/json": body},
        }


_MALFORMED = "malformed_request"

#: Every type that a call of this API can get. The two defaults apply to all others and keep their status.
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_ERRORS = (
    GatewayError("BAD_REQUEST_BODY", 400, _MALFORMED, "The body is not a chat request."),
    GatewayError("BAD_REQUEST_PARAMETERS", 400, _MALFORMED, "The request lacks a parameter."),
    GatewayError("UNAUTHORIZED", 401, "unauthorized", "Sign in first."),
    GatewayError("ACCESS_DENIED", 403, "access_denied", "You may not do this."),
    GatewayError("WAF_FILTERED", 403, "filtered", "The request was stopped by the firewall."),
    # API Gateway responds to an unknown path or method as if credentials were missing.
    GatewayError("MISSING_AUTHENTICATION_TOKEN", 404, "not_found", "There is nothing at this path by this method."),
    GatewayError("RESOURCE_NOT_FOUND", 404, "not_found", "There is nothing at this path by this method."),
    GatewayError("REQUEST_TOO_LARGE", 413, "request_too_large", "The request is too large; send less."),
    GatewayError("UNSUPPORTED_MEDIA_TYPE", 415, "unsupported_media_type", "Send the body as application/json."),
    GatewayError("THROTTLED", 429, "throttled", "Too many requests; try again in a moment.", 1),
    # A function that has reached its concurrency is a failed integration.
    GatewayError("INTEGRATION_FAILURE", 503, "overloaded", "Too much is asked at a time; try again in a moment.", 1),
    GatewayError("INTEGRATION_TIMEOUT", 504, "model_timeout", "The answer took too long; ask for less."),
    GatewayError("DEFAULT_4XX", None, "refused", "The request was refused."),
    GatewayError("DEFAULT_5XX", None, "failed", "The request failed; try again in a moment.", 1),
)
