"""A client of an Amazon Bedrock AgentCore gateway: the Model Context Protocol over HTTP, one request at a time.

Each request carries the access token of the user, which the gateway verifies: its policies decide on the user, not on
the role of the function.
https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#streamable-http
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-using-mcp-call.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import urllib3

#: Version of the protocol, which the gateway is told to support.
PROTOCOL = "2025-06-18"
#: Seconds until a connection must be there.
_CONNECT = 5.0
#: Largest response that is read, in bytes: twice what AWS Lambda returns.
_MOST_BYTES = 12 * 1024 * 1024
#: Most pages of a list of tools.
_PAGES = 20
#: How the text of a result begins if a policy denied the call, which the protocol regards as a result:
#: https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-authorization-flow.html
_DENIED = "AuthorizeActionException"


class GatewayError(Exception):
    """The gateway did not do what it was asked for."""


class DeniedError(GatewayError):
    """The gateway does not accept the token, or a policy denied the call."""


class FailedError(GatewayError):
    """The tool itself reports an error, whose text it wrote for the model."""


class Gateway:
    """One user's access to the tools behind a gateway.

    :param url: the MCP endpoint.
    :param token: access token of the user. It is sent to this URL only, and never followed to another.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self._session = ""

    def tools(self, seconds: float) -> list[dict[str, Any]]:
        """The tools that the policies allow the user, as the protocol describes them.

        :param seconds: time for each page of the list.
        :raises GatewayError: if there is no list.
        """
        found: list[dict[str, Any]] = []
        cursor: dict[str, Any] = {}
        for _ in range(_PAGES):
            page = self._ask("tools/list", cursor, str(uuid.uuid4()), seconds)
            found += [each for each in page.get("tools", []) if isinstance(each, dict)]
            if not page.get("nextCursor"):
                break
            cursor = {"cursor": page["nextCursor"]}
        return found

    def call(self, name: str, arguments: Mapping[str, Any], id: str, seconds: float) -> str:
        """Use a tool, and return the text of its result.

        :param id: ID of the request, which the audit log records.
        :raises DeniedError: if the user may not use it.
        :raises FailedError: if the tool reports an error.
        :raises GatewayError: for everything else.
        """
        result = self._ask("tools/call", {"name": name, "arguments": dict(arguments)}, id, seconds)
        said = _text(result)
        if result.get("isError"):
            raise DeniedError(said) if said.startswith(_DENIED) else FailedError(said)
        return said

    def _ask(self, method: str, params: Mapping[str, Any], id: str, seconds: float) -> dict[str, Any]:
        """The result of a request. A gateway with sessions gets one first."""
        request = {"jsonrpc": "2.0", "id": id, "method": method, "params": dict(params)}
        status, body, _ = self._post(request, seconds)
        if status in (400, 404) and not self._session and self._begin(seconds):
            status, body, _ = self._post(request, seconds)
        return _result(status, body, id)

    def _begin(self, seconds: float) -> bool:
        """Begin a session; whether the gateway has given one.

        https://modelcontextprotocol.io/specification/2025-06-18/basic/lifecycle
        """
        about = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": {"name": "assistant", "version": "1"}}
        request = {"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": "initialize", "params": about}
        status, _, headers = self._post(request, seconds)
        self._session = headers.get("mcp-session-id", "") if status == 200 else ""
        if not self._session:
            return False
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, seconds)
        return True

    def _post(self, content: Mapping[str, Any], seconds: float) -> tuple[int, bytes, dict[str, str]]:
        headers = {
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": PROTOCOL,
            **({"Mcp-Session-Id": self._session} if self._session else {}),
        }
        try:
            response = _pool().request(
                "POST",
                self._url,
                body=json.dumps(content).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=min(_CONNECT, seconds), read=seconds),
                # A request that changes something must not be sent twice, nor the token elsewhere.
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                body = response.read(_MOST_BYTES + 1)
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            # The message of the cause names the address at most, but no more of the request.
            raise GatewayError(f"no response: {type(error).__name__}") from error
        if len(body) > _MOST_BYTES:
            raise GatewayError("the response is too large")
        return response.status, body, {name.lower(): value for name, value in response.headers.items()}


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=4)


def _result(status: int, body: bytes, id: str) -> dict[str, Any]:
    """The result of the request with this ID."""
    if status in (401, 403):
        raise DeniedError(f"status {status}")
    if status != 200:
        raise GatewayError(f"status {status}")
    for message in _messages(body):
        if message.get("id") != id:
            continue
        if isinstance(message.get("result"), dict):
            result: dict[str, Any] = message["result"]
            return result
        raise GatewayError(f"error {(message.get('error') or {}).get('code')}")
    raise GatewayError("no response to the request")


def _messages(body: bytes) -> Iterator[dict[str, Any]]:
    """The messages of a response: a single one as JSON, or several as server-sent events."""
    text = body.decode("utf-8", "replace")
    parts = [text]
    if not text.lstrip().startswith(("{", "[")):
        events = text.replace("\r\n", "\n").split("\n\n")
        parts = ["".join(_data(event)) for event in events]
    for part in parts:
        try:
            found = json.loads(part)
        except ValueError:
            continue
        yield from (each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict))


def _data(event: str) -> Iterator[str]:
    for line in event.split("\n"):
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


def _text(result: Mapping[str, Any]) -> str:
    """The texts of a result; what is not text is named only."""
    said = []
    for each in result.get("content") or []:
        kind = each.get("type") if isinstance(each, dict) else None
        said.append(str(each["text"]) if kind == "text" and "text" in each else f"[{kind} left out]")
    if not said and "structuredContent" in result:
        return json.dumps(result["structuredContent"], ensure_ascii=False)
    return "\n".join(said)
