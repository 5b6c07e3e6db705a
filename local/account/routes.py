"""Which requests reach the emulator: its tools and mock responses are closed, and exceptions are listed with reasons.

Everything else needs a signature (``authentication``) and a permission.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Application = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """Requests, and why they need no signature or get no response.

    :param path: a regular expression for the whole path.
    :param methods: HTTP methods. Empty for all.
    """

    path: str
    reason: str
    methods: tuple[str, ...] = ()

    def matches(self, method: str, path: str) -> bool:
        """Whether a request matches."""
        return (not self.methods or method in self.methods) and bool(re.fullmatch(self.path, path))


_TOKEN = r"[^/]+"  # noqa: S105 - a part of a path

#: Requests that everyone may send, as on AWS.
OPEN = (
    Route(r"/_ministack/health", "says that the account runs, and nothing of what is in it", ("GET", "HEAD")),
    Route(rf"/_ministack/cfn-response/{_TOKEN}", "the address of an answer to CloudFormation, which holds a secret"),
    Route(rf"/_ministack/cfn-signal/{_TOKEN}", "the address of a wait condition, which holds a secret"),
    Route(rf"/{_TOKEN}/\.well-known/(jwks\.json|openid-configuration)", "public keys of a user pool", ("GET",)),
    Route(r"/oauth2/(authorize|userInfo|userinfo)", "sign-in of a user pool; asks for a password or a token"),
    Route(
        r"/oauth2/(token|login)|/login", "sign-in of a user pool; asks for a password, a secret or a code", ("POST",)
    ),
    Route(r"/logout", "ends a sign-in", ("GET",)),
    Route(r"/_aws/execute-api/.+|/restapis/[^/]+/[^/]+/_user_request_(/.*)?", "an API, whose authorizer decides"),
    Route(
        r"/_aws/bedrock-agentcore/[0-9]{12}/[^/]+/gateways/[^/]+/mcp", "a gateway to tools, whose authorizer decides"
    ),
    Route(r"/_aws/lambda-url/.+", "a function's own address, whose policy decides"),
)

#: Requests that no one may send.
CLOSED = (
    Route(r"/(_ministack|_localstack)(/.*)?", "a tool of the emulator"),
    Route(r"/health", "a tool of the emulator"),
    Route(r"/_alb/.*", "load balancers are not part of this account"),
    Route(r"(?i:/latest|/latest/.*|/v2/credentials.*|/v[34]/[a-z0-9_-]{8,}(/.*)?)", "credentials of machines"),
    Route(
        r"(?i:(/openai)?/v1/(chat/completions|responses|completions|embeddings|models)(/.*)?)",
        "OpenAI's form of requests is not offered here; call Converse or InvokeModel",
    ),
    Route(r"/v2/?|/v2/_catalog|/v2/(?!email).*/(blobs|manifests)/.*|/v2/(?!email).*/tags/list", "a registry of images"),
    Route(r"(?i:/saml2/.*)", "sign-in by SAML"),
    Route(r"/(clitoken|webtoken)/.*", "tokens of Airflow", ("GET",)),
)

#: Hosts without WebSocket support: the emulator accepts connections whose key it cannot verify.
_API = re.compile(r"^[a-f0-9]{8}\.execute-api\.")


def guarded(app: Application) -> Application:
    """An application that responds to closed requests itself, and forwards the others."""

    async def guarding(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and not _is_api(scope):
            if (await receive()).get("type") == "websocket.connect":
                await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            path = scope["path"]
            route = closed(scope["method"], path, _headers(scope), parse_qs(scope.get("query_string", b"").decode()))
            if route is not None:
                await _refuse(receive, send, scope["method"], path, route)
                return
        await app(scope, receive, send)

    return guarding


def closed(
    method: str, path: str, headers: Mapping[str, str] | None = None, query: Mapping[str, Any] | None = None
) -> Route | None:
    """Why a request gets no response. None if it is forwarded."""
    headers, query = headers or {}, query or {}
    if is_open(method, path) or _is_api_host(headers.get("host", "")):
        return None
    found = next((each for each in CLOSED if each.matches(method, path)), None)
    if found is not None:
        return found
    if path.startswith("/v20180820/") and "X-Amz-Signature" in query:
        return Route("", "S3's control plane takes no presigned address")
    return None


def is_open(method: str, path: str) -> bool:
    """Whether everyone may send this request."""
    return any(each.matches(method, path) for each in OPEN)


def _is_api(scope: dict[str, Any]) -> bool:
    return scope["path"].startswith("/_aws/execute-api/") or _is_api_host(_headers(scope).get("host", ""))


def _is_api_host(host: str) -> bool:
    return bool(_API.match(host))


def _headers(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", [])}


async def _refuse(receive: Any, send: Any, method: str, path: str, route: Route) -> None:
    # A response before the end of the request would close a connection that the client uses again.
    while (await receive()).get("more_body"):
        pass
    message = f"The local account does not answer {method} {path}: {route.reason}."
    body = json.dumps({"__type": "UnknownOperationException", "message": message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-errortype", b"UnknownOperationException"),
        (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
    ]
    await send({"type": "http.response.start", "status": 404, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
