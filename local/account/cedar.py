"""Policies of AgentCore in Cedar: what they may refer to, and how they decide.

https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-schema-constraints.html
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/policy-authorization-flow.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cedarpy

#: Cedar's types for those of a tool's schema.
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "String"},
    "integer": {"type": "Long"},
    "boolean": {"type": "Boolean"},
    "number": {"type": "Extension", "name": "decimal"},
}


class PolicyError(ValueError):
    """A policy that AgentCore does not accept."""


@dataclass(frozen=True)
class Acting:
    """A gateway as policies see it.

    :param arn: its ARN.
    :param tools: the JSON schema of the arguments of each tool, by its name with that of its target.
    """

    arn: str
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check(statement: str, gateways: Sequence[Acting]) -> None:
    """Reject a policy that does not fit the gateways that use its engine.

    :raises PolicyError: with the reason.
    """
    scope = _scope(statement)
    actions, resource = scope["action"], scope["resource"]
    if resource["op"] == "All":
        raise PolicyError("The resource must be a gateway, or the type AgentCore::Gateway")
    named = str((resource.get("entity") or {}).get("id", "")) if resource["op"] == "==" else ""
    if actions["op"] != "All" and not named:
        raise PolicyError("A policy that names actions must name the ARN of a gateway")
    gateway = next((each for each in gateways if each.arn == named), None)
    if named and gateway is None:
        raise PolicyError(f"No gateway {named} uses the policy engine")
    tools = {name: schema for each in ([gateway] if gateway else gateways) for name, schema in each.tools.items()}
    result = cedarpy.validate_policies(statement, _schema(tools))
    if not result.validation_passed:
        raise PolicyError("; ".join(str(each.error) for each in result.errors))


def _scope(statement: str) -> Mapping[str, Any]:
    try:
        policies = json.loads(cedarpy.policies_to_json_str(statement))["staticPolicies"]
    except ValueError as error:
        raise PolicyError(f"The policy cannot be read: {error}") from error
    if len(policies) != 1:
        raise PolicyError("A policy is one statement")
    found: Mapping[str, Any] = next(iter(policies.values()))
    return found


def _schema(tools: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema that AgentCore derives from the tools of a gateway."""
    actions: dict[str, Any] = {"Mcp": {}, "CallTool": {"memberOf": [{"id": "Mcp"}]}}
    for name, schema in tools.items():
        target = name.partition("___")[0]
        actions.setdefault(target, {"memberOf": [{"id": "CallTool"}]})
        actions[name] = {
            "memberOf": [{"id": "CallTool"}, {"id": target}],
            "appliesTo": {
                "principalTypes": ["OAuthUser"],
                "resourceTypes": ["Gateway"],
                "context": {"type": "Record", "attributes": {"input": _type(schema)}},
            },
        }
    user = {"shape": {"type": "Record", "attributes": {"id": {"type": "String"}}}, "tags": {"type": "String"}}
    types = {"OAuthUser": user, "Gateway": {"shape": {"type": "Record", "attributes": {}}}}
    return {"AgentCore": {"entityTypes": types, "actions": actions}}


def _type(schema: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(schema.get("type"))
    if kind == "object":
        required = schema.get("required") or ()
        attributes = {
            name: {**_type(each), "required": name in required}
            for name, each in (schema.get("properties") or {}).items()
        }
        return {"type": "Record", "attributes": attributes}
    if kind == "array":
        return {"type": "Set", "element": _type(schema.get("items") or {"type": "string"})}
    return dict(_TYPES[kind])


def decide(
    policies: Sequence[str],
    claims: Mapping[str, Any],
    gateway_arn: str,
    tool: str,
    arguments: Mapping[str, Any] | None = None,
) -> bool:
    """Whether the policies permit a use of a tool.

    :param claims: claims of the user's token.
    :param arguments: None to ask whether any use may be permitted, as for a list of tools.
    """
    principal = {"type": "AgentCore::OAuthUser", "id": str(claims["sub"])}
    entities = [
        {"uid": principal, "attrs": {"id": str(claims["sub"])}, "parents": [], "tags": tags(claims)},
        *_actions(tool),
    ]
    request: dict[str, Any] = {
        "principal": f"AgentCore::OAuthUser::{json.dumps(principal['id'])}",
        "action": f"AgentCore::Action::{json.dumps(tool)}",
        "resource": f"AgentCore::Gateway::{json.dumps(gateway_arn)}",
    }
    text = "\n".join(policies)
    if arguments is None:
        return bool(cedarpy.is_authorized_partial(request, text, entities).decision != cedarpy.Decision.Deny)
    request["context"] = {"input": _values(arguments)}
    return bool(cedarpy.is_authorized(request, text, entities).decision == cedarpy.Decision.Allow)


def tags(claims: Mapping[str, Any]) -> dict[str, str]:
    """The claims of a token as tags of the user: texts as they are, everything else as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in claims.items()
    }


def _actions(tool: str) -> list[dict[str, Any]]:
    kind = "AgentCore::Action"
    parents = [{"type": kind, "id": each} for each in ("CallTool", tool.partition("___")[0])]
    call = {"uid": parents[0], "attrs": {}, "parents": [{"type": kind, "id": "Mcp"}]}
    return [{"uid": {"type": kind, "id": tool}, "attrs": {}, "parents": parents}, call]


def _values(value: Any) -> Any:
    """Arguments as Cedar has them: numbers with a fraction are decimals, null does not exist."""
    if isinstance(value, Mapping):
        return {name: _values(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_values(each) for each in value if each is not None]
    if isinstance(value, float):
        return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}}
    return value
