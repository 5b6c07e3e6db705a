"""What API Gateway answers itself, before, beside and after the function, in the form of the function's own errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GatewayError:
    """A response of API Gateway's own.

    :param kind: its type.
    :param status: of HTTP; None leaves that of each type to which a default applies.
    :param code: for programs.
    :param message: for people; it names no part of the service.
    :param retry_seconds: when asking again is worth it, where that is so.
    """

    kind: str
    status: int | None
    code: str
    message: str
    retry_seconds: int | None = None

    @property
    def properties(self) -> dict[str, Any]:
        """Those of an ``AWS::ApiGateway::GatewayResponse``."""
        body = json.dumps({"error": {"code": self.code, "message": self.message}})
        headers = {"Cache-Control": "no-store", **({"Retry-After": self.retry_seconds} if self.retry_seconds else {})}
        return {
            "response_type": self.kind,
            **({"status_code": str(self.status)} if self.status else {}),
            "response_parameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
            "response_templates": {"application/json": body},
        }


_MALFORMED = "malformed_request"

#: Every type that a call of this API can meet; what is left has the two defaults, which keep the status of each type.
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_ERRORS = (
    GatewayError("BAD_REQUEST_BODY", 400, _MALFORMED, "The body is not a chat request."),
    GatewayError("BAD_REQUEST_PARAMETERS", 400, _MALFORMED, "The request lacks a parameter."),
    GatewayError("UNAUTHORIZED", 401, "unauthorized", "Sign in first."),
    GatewayError("ACCESS_DENIED", 403, "access_denied", "You may not do this."),
    GatewayError("WAF_FILTERED", 403, "filtered", "The request was stopped by the firewall."),
    # API Gateway answers a path or a method that it does not have as if credentials were missing.
    GatewayError("MISSING_AUTHENTICATION_TOKEN", 404, "not_found", "There is nothing at this path by this method."),
    GatewayError("RESOURCE_NOT_FOUND", 404, "not_found", "There is nothing at this path by this method."),
    GatewayError("REQUEST_TOO_LARGE", 413, "request_too_large", "The request is too large; send less."),
    GatewayError("UNSUPPORTED_MEDIA_TYPE", 415, "unsupported_media_type", "Send the body as application/json."),
    GatewayError("THROTTLED", 429, "throttled", "Too many requests; try again in a moment.", 1),
    # A function that already runs as often as it may is a failed integration.
    GatewayError("INTEGRATION_FAILURE", 503, "overloaded", "Too much is asked at a time; try again in a moment.", 1),
    GatewayError("INTEGRATION_TIMEOUT", 504, "model_timeout", "The answer took too long; ask for less."),
    GatewayError("DEFAULT_4XX", None, "refused", "The request was refused."),
    GatewayError("DEFAULT_5XX", None, "failed", "The request failed; try again in a moment.", 1),
)
