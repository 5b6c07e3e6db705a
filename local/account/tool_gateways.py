"""Gateways to tools: the Model Context Protocol over HTTP, tokens of the user pool, and policies that decide.

On AWS, each gateway has a host of its own; here, it has a path of the account.
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-using-mcp-call.html
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-inbound-auth.html
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import request_scope
from ministack.services import apigateway, cognito, lambda_svc

from . import cedar
from .permissions import role_may

Application = Callable[..., Awaitable[None]]
Model = dict[str, Any]

GATEWAY, TARGET = "AWS::BedrockAgentCore::Gateway", "AWS::BedrockAgentCore::GatewayTarget"
POLICY = "AWS::BedrockAgentCore::Policy"

_PATH = re.compile(
    r"/_aws/bedrock-agentcore/(?P<account>\d{12})/(?P<region>[a-z0-9-]+)/gateways/(?P<id>[0-9a-z-]+)/mcp"
)
#: Version of the protocol where a gateway names none:
#: https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_MCPGatewayConfiguration.html
_DEFAULT_VERSION = "2025-03-26"
#: The text of a denied call.
_DENIED = (
    "AuthorizeActionException - Tool Execution Denied: Tool call not allowed due to policy enforcement "
    "[No policy applies to the request (denied by default).]"
)
_INTERNAL = "An internal error occurred. Please retry later."
#: What a function learns in its context beside the event, while it is invoked.
_client: contextvars.ContextVar[Mapping[str, Any] | None] = contextvars.ContextVar("client context", default=None)


class _RefusedError(Exception):
    """An HTTP status and an error of JSON-RPC."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def install() -> None:
    """Give functions the client context of their invocation, which the emulator leaves out.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        '"client_context": None,',
        '"client_context": type("ClientContext", (), {"custom": _ms_durable["client_context"]["custom"],'
        ' "env": {}, "client": None})() if "client_context" in _ms_durable else None,',
    )
    lambda_runtime.Worker.invoke = _with_context(lambda_runtime.Worker.invoke)


def _with_context(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoking(self: Any, event: Any, request_id: str, **more: Any) -> Any:
        context = _client.get()
        if context is not None:
            more["durable"] = {**(more.get("durable") or {}), "client_context": context}
        return invoke(self, event, request_id, **more)

    return invoking


def address(account: str, region: str, id: str) -> str:
    """The URL of a gateway."""
    return f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/_aws/bedrock-agentcore/{account}/{region}/gateways/{id}/mcp"


def served(app: Application) -> Application:
    """An application that answers requests to gateways itself, and forwards the others."""

    async def serving(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = _PATH.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None:
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), bool(message.get("more_body"))
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, content = await asyncio.to_thread(_answered, found, scope["method"], headers, body)
        raw = b"" if content is None else json.dumps(content).encode()
        told = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
        if status == 401:
            told.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": raw})

    return serving


def _answered(found: re.Match[str], method: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    with request_scope(found["account"], found["region"]):
        request: Any = {}
        try:
            gateway = _gateway(found["id"])
            if method != "POST":
                raise _RefusedError(405, -32600, "Method not allowed")
            claims = _user(gateway, headers)
            request = _request(body)
            return _Request(gateway, claims, headers, request).answered()
        except _RefusedError as error:
            id = request.get("id") if isinstance(request, dict) else None
            return error.status, _error(id, error.code, str(error))


def _error(id: Any, code: int, message: str) -> Model:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}


def _gateway(id: str) -> Model:
    from .resources.base import find

    gateway = find(GATEWAY, id)
    if gateway is None:
        raise _RefusedError(404, -32600, "Gateway not found")
    return gateway


def _request(body: bytes) -> Model:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0" or not isinstance(found.get("method"), str):
        raise _RefusedError(400, -32600, "Invalid request")
    return found


def targets(id: str) -> list[Model]:
    """The targets of a gateway."""
    from .resources.base import instances

    return [each for each in instances(TARGET) if each["GatewayIdentifier"] == id]


def lambda_of(target: Mapping[str, Any]) -> Model:
    """The function of a target, and the schema of its tools."""
    found: Model = ((target.get("TargetConfiguration") or {}).get("Mcp") or {}).get("Lambda") or {}
    return found


def engine_of(gateway: Mapping[str, Any]) -> str:
    """ARN of the policy engine of a gateway; empty if it has none."""
    return str((gateway.get("PolicyEngineConfiguration") or {}).get("Arn", ""))


def authorizer(gateway: Mapping[str, Any]) -> Model:
    """Which tokens a gateway accepts."""
    found: Model = (gateway.get("AuthorizerConfiguration") or {}).get("CustomJWTAuthorizer") or {}
    return found


def statement(policy: Mapping[str, Any]) -> str:
    """The Cedar text of a policy."""
    definition = policy["Definition"]
    return str((definition.get("Cedar") or definition["Policy"])["Statement"])


def tools(gateway: Mapping[str, Any]) -> dict[str, tuple[Model, Model]]:
    """The tools of a gateway, each with its target, by their names."""
    return {
        f"{target['Name']}___{tool['Name']}": (tool, target)
        for target in targets(gateway["GatewayIdentifier"])
        for tool in lambda_of(target)["ToolSchema"]["InlinePayload"]
    }


def schemas(gateway: Mapping[str, Any]) -> dict[str, Model]:
    """The JSON schema of the arguments of each tool."""
    return {name: _json_schema(tool["InputSchema"]) for name, (tool, _) in tools(gateway).items()}


def _json_schema(schema: Mapping[str, Any]) -> Model:
    found: Model = {"type": schema["Type"]}
    if "Description" in schema:
        found["description"] = schema["Description"]
    if "Properties" in schema:
        found["properties"] = {name: _json_schema(each) for name, each in schema["Properties"].items()}
    if "Required" in schema:
        found["required"] = list(schema["Required"])
    if "Items" in schema:
        found["items"] = _json_schema(schema["Items"])
    return found


def _user(gateway: Model, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """The claims of the caller's token, after every check of the gateway's authorizer."""
    if gateway["AuthorizerType"] == "NONE":
        return MappingProxyType({"sub": "anonymous"})
    wanted = authorizer(gateway)
    refused = _RefusedError(401, -32001, "Invalid Bearer token")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    issuer = str(wanted["DiscoveryUrl"]).removesuffix("/.well-known/openid-configuration")
    try:
        first, second, _ = token.split(".")
        header, claims = (json.loads(base64.urlsafe_b64decode(each + "==")) for each in (first, second))
        keys = json.loads(cognito.well_known_jwks(issuer.rpartition("/")[2])[2])["keys"]
        key = next(each for each in keys if each["kid"] == header["kid"])
        expires = int(claims["exp"])
    except (ValueError, KeyError, StopIteration, TypeError):
        raise refused from None
    if scheme != "Bearer" or header.get("alg") != "RS256" or not apigateway._verify_rs256_signature(token, key):
        raise refused
    if claims.get("iss") != issuer or expires <= time.time():
        raise refused
    clients, audience = wanted.get("AllowedClients"), wanted.get("AllowedAudience")
    given = claims.get("aud")
    if clients and claims.get("client_id") not in clients:
        raise refused
    if audience and not set(given if isinstance(given, list) else [given]) & set(audience):
        raise refused
    scopes = wanted.get("AllowedScopes")
    if scopes and not set(str(claims.get("scope", "")).split()) & set(scopes):
        raise _RefusedError(403, -32001, "Insufficient scope")
    found: Mapping[str, Any] = claims
    return found


class _Request:
    """One request of a user to a gateway."""

    def __init__(self, gateway: Model, claims: Mapping[str, Any], headers: Mapping[str, str], request: Model) -> None:
        self.gateway, self.claims, self.headers, self.request = gateway, claims, headers, request
        self.role = str(gateway["RoleArn"])

    def answered(self) -> tuple[int, Any]:
        """The response, after the interceptors."""
        passed = self._intercepted("REQUEST", {})
        if "transformedGatewayResponse" in passed:
            early = passed["transformedGatewayResponse"]
            return int(early.get("statusCode", 200)), early.get("body")
        self.request = (passed.get("transformedGatewayRequest") or {}).get("body") or self.request
        if "id" not in self.request:
            return 202, None
        status, content = 200, self._content()
        passed = self._intercepted("RESPONSE", {"gatewayResponse": {"statusCode": status, "body": content}})
        changed = passed.get("transformedGatewayResponse") or {}
        return int(changed.get("statusCode", status)), changed.get("body", content)

    def _content(self) -> Model:
        id, method = self.request["id"], self.request["method"]
        if method == "initialize":
            return self._result(self._initialized())
        if method == "ping":
            return self._result({})
        if method == "tools/list":
            return self._result({"tools": self._listed()})
        if method == "tools/call":
            return self._called()
        return _error(id, -32601, f"Method not found: {method}")

    def _result(self, result: Model) -> Model:
        return {"jsonrpc": "2.0", "id": self.request["id"], "result": result}

    def _initialized(self) -> Model:
        mcp = (self.gateway.get("ProtocolConfiguration") or {}).get("Mcp") or {}
        versions = mcp.get("SupportedVersions") or [_DEFAULT_VERSION]
        asked = (self.request.get("params") or {}).get("protocolVersion")
        return {
            "protocolVersion": asked if asked in versions else versions[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": {"name": self.gateway["Name"], "version": "1.0.0"},
        }

    def _listed(self) -> list[Model]:
        return [
            {"name": name, "description": tool["Description"], "inputSchema": _json_schema(tool["InputSchema"])}
            for name, (tool, _) in tools(self.gateway).items()
            if self._permitted(name, None)
        ]

    def _permitted(self, tool: str, arguments: Mapping[str, Any] | None) -> bool:
        """What the policy engine decides, or without one, that anything is permitted."""
        from .resources.base import instances

        engine = engine_of(self.gateway)
        if not engine:
            return True
        enforced = self.gateway["PolicyEngineConfiguration"]["Mode"] == "ENFORCE"
        action = "PartiallyAuthorizeActions" if arguments is None else "AuthorizeAction"
        for needed, place in (
            ("GetPolicyEngine", engine),
            (action, engine),
            (action, self.gateway["GatewayArn"]),
        ):
            if not role_may(self.role, f"bedrock-agentcore:{needed}", place):
                return not enforced
        policies = [
            statement(each)
            for each in instances(POLICY)
            if each["PolicyEngineId"] == engine.rpartition("/")[2] and each.get("EnforcementMode", "ACTIVE") == "ACTIVE"
        ]
        decided = cedar.decide(policies, self.claims, self.gateway["GatewayArn"], tool, arguments)
        return decided or not enforced

    def _called(self) -> Model:
        params = self.request.get("params") or {}
        name, arguments = str(params.get("name", "")), params.get("arguments") or {}
        found = tools(self.gateway).get(name)
        if found is None:
            return _error(self.request["id"], -32602, f"Unknown tool: {name}")
        if not self._permitted(name, arguments):
            return self._result({"content": [{"type": "text", "text": _DENIED}], "isError": True})
        _, target = found
        custom = {
            "bedrockAgentCoreMessageVersion": "1.0",
            "bedrockAgentCoreGatewayId": self.gateway["GatewayIdentifier"],
            "bedrockAgentCoreTargetId": target["TargetId"],
            "bedrockAgentCoreMcpMessageId": str(self.request["id"]),
            "bedrockAgentCoreToolName": name,
        }
        token = _client.set({"custom": custom})
        try:
            answer = self._invoked(str(lambda_of(target)["LambdaArn"]), arguments)
        except _RefusedError:
            return self._result({"content": [{"type": "text", "text": _INTERNAL}], "isError": True})
        finally:
            _client.reset(token)
        return self._result({"content": [{"type": "text", "text": json.dumps(answer)}], "isError": False})

    def _intercepted(self, point: str, more: Model) -> Model:
        """What the interceptor of a point returns. Empty if there is none.

        https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-interceptors-types.html
        """
        for each in self.gateway.get("InterceptorConfigurations") or []:
            if point not in each["InterceptionPoints"]:
                continue
            request: Model = {"path": "/mcp", "httpMethod": "POST", "body": self.request}
            if str((each.get("InputConfiguration") or {}).get("PassRequestHeaders")).lower() == "true":
                request["headers"] = {name.title(): value for name, value in self.headers.items()}
            mcp = {"rawGatewayRequest": {"body": json.dumps(self.request)}, "gatewayRequest": request, **more}
            event = {"interceptorInputVersion": "1.0", "mcp": mcp}
            answer = self._invoked(str(each["Interceptor"]["Lambda"]["Arn"]), event)
            if not isinstance(answer, dict) or answer.get("interceptorOutputVersion") != "1.0":
                raise _RefusedError(500, -32603, _INTERNAL)
            found: Model = answer.get("mcp") or {}
            return found
        return {}

    def _invoked(self, function: str, event: Any) -> Any:
        """The answer of a function that the gateway's role may invoke.

        :raises _RefusedError: if it may not, or the function fails.
        """
        record, configuration, _ = lambda_svc._get_func_record_for_ref(function)
        if not role_may(self.role, "lambda:InvokeFunction", function) or record is None or configuration is None:
            raise _RefusedError(500, -32603, _INTERNAL)
        result = lambda_svc._execute_function_with_config_scope(
            lambda_svc._execution_record_for_config(record, configuration), event
        )
        if result.get("error") or result.get("throttle"):
            raise _RefusedError(500, -32603, _INTERNAL)
        body = result.get("body")
        if isinstance(body, (bytes, str)):
            try:
                return json.loads(body)
            except ValueError:
                return body.decode() if isinstance(body, bytes) else body
        return body
