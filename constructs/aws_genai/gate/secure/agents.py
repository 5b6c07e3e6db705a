"""Rules for agents: a gateway to tools knows its users, enforces its policies, and tells callers little of errors."""

from __future__ import annotations

from collections.abc import Iterator

from ..emitted import Emitted
from ..rules import Hit, rule

_GATEWAY = "AWS::BedrockAgentCore::Gateway"
_GUIDE = "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide"


@rule(
    "GENAI_GATEWAY_KNOWS_USERS",
    holds="A gateway to tools accepts only callers that IAM or tokens of named clients authorize.",
    why="Without an authorizer, or with one that takes any token of an issuer, strangers use the tools.",
    fix="set AuthorizerType to CUSTOM_JWT with AllowedClients or AllowedAudience, as AgentTools does, or to AWS_IAM.",
    page=f"{_GUIDE}/gateway-inbound-auth.html",
)
def known_users(app: Emitted) -> Iterator[Hit]:
    for gateway in app.of(_GATEWAY):
        kind = gateway.get("AuthorizerType")
        if kind not in ("AWS_IAM", "CUSTOM_JWT"):
            yield Hit(gateway, "Properties.AuthorizerType")
        tokens = gateway.get("AuthorizerConfiguration.CustomJWTAuthorizer") or {}
        if kind == "CUSTOM_JWT" and not (tokens.get("AllowedClients") or tokens.get("AllowedAudience")):
            yield Hit(gateway, "Properties.AuthorizerConfiguration")


@rule(
    "GENAI_GATEWAY_ENFORCES",
    holds="A gateway to tools has a policy engine that enforces its policies.",
    why="Without one, or where it only logs, whoever has a valid token uses every tool.",
    fix="set PolicyEngineConfiguration with the mode ENFORCE, and no policy to LOG_ONLY, as AgentTools does.",
    page=f"{_GUIDE}/policy.html",
)
def enforced(app: Emitted) -> Iterator[Hit]:
    for gateway in app.of(_GATEWAY):
        engine = gateway.get("PolicyEngineConfiguration") or {}
        if not engine.get("Arn") or engine.get("Mode") != "ENFORCE":
            yield Hit(gateway, "Properties.PolicyEngineConfiguration")
    for policy in app.of("AWS::BedrockAgentCore::Policy"):
        if policy.get("EnforcementMode", "ACTIVE") != "ACTIVE":
            yield Hit(policy, "Properties.EnforcementMode")


@rule(
    "GENAI_GATEWAY_TELLS_LITTLE",
    holds="A gateway to tools tells callers no details of errors, and describes tools to those who may use them only.",
    why="Details of errors and a search over all tools show what is behind the gateway to users who may not use it.",
    fix="leave ExceptionLevel and SearchType out, as AgentTools does.",
    page=f"{_GUIDE}/gateway-using-mcp-semantic-search.html",
)
def quiet(app: Emitted) -> Iterator[Hit]:
    for gateway in app.of(_GATEWAY):
        for path in ("ExceptionLevel", "ProtocolConfiguration.Mcp.SearchType"):
            if gateway.get(path):
                yield Hit(gateway, f"Properties.{path}")
