"""What is recorded of a use of a tool: who, what, when and the decision, and neither arguments nor results."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

#: How the text of a result begins if a policy denied the call.
_DENIED = "AuthorizeActionException"


def digest(arguments: Mapping[str, Any]) -> str:
    """Identifies the arguments of a use, which may be personal data."""
    content = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def who(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The user of a request, out of the token that the gateway has verified before.

    :raises ValueError: if there is no token, or nobody in it.
    """
    sent = {str(name).lower(): str(value) for name, value in headers.items()}
    parts = sent.get("authorization", "").removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        raise ValueError("The request has no token")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError) as error:
        # The message of the cause may hold parts of the token.
        raise ValueError("The token cannot be read") from error.with_traceback(None)
    if not isinstance(claims, dict) or not claims.get("sub"):
        raise ValueError("The token names nobody")
    found = {"user": claims["sub"], "client": claims.get("client_id"), "token": claims.get("jti")}
    return {name: str(value) for name, value in found.items() if value}


def records(mcp: Mapping[str, Any], when: str) -> list[dict[str, Any]]:
    """What to record of a request, or of a response to it; empty if it uses no tool.

    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-interceptors-types.html

    :param when: the time, in ISO 8601.
    :raises ValueError: if it uses a tool, and cannot be read.
    """
    request = mcp.get("gatewayRequest") or {}
    uses = [each for each in _messages(request.get("body")) if each.get("method") == "tools/call"]
    if not uses:
        return []
    user = who(request.get("headers") or {})
    response = mcp.get("gatewayResponse")
    answers = {str(each.get("id")): each for each in _messages((response or {}).get("body"))}
    found = []
    for use in uses:
        params = use.get("params")
        if not isinstance(params, dict) or not isinstance(params.get("name"), str):
            raise ValueError("A use of a tool without its name")
        decision = {"decision": _decision(response, answers.get(str(use.get("id"))))} if response else {}
        found.append(
            {
                "time": when,
                "event": "answered" if response else "asked",
                "id": str(use.get("id")),
                **user,
                "tool": params["name"],
                "arguments_sha256": digest(params.get("arguments") or {}),
                **decision,
            }
        )
    return found


def _messages(body: Any) -> Sequence[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The messages of a body: one, or several in a batch."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return []
    return [each for each in (body if isinstance(body, list) else [body]) if isinstance(each, dict)]


def _decision(response: Mapping[str, Any], answer: Mapping[str, Any] | None) -> str:
    if answer is None or int(response.get("statusCode") or 200) != 200 or "result" not in answer:
        return "failed"
    result = answer["result"] if isinstance(answer["result"], dict) else {}
    if not result.get("isError"):
        return "allowed"
    texts = [str(each.get("text", "")) for each in result.get("content") or [] if isinstance(each, dict)]
    return "denied" if any(text.startswith(_DENIED) for text in texts) else "failed"
