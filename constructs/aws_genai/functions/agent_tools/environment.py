"""The environment variables of an agent's tools."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """Where the tools are, and which of them are offered."""

    #: URL of the MCP endpoint of the gateway.
    GATEWAY_URL: str
    #: Whether the user confirms each use, by the name of the tool in the gateway.
    AGENT_TOOLS: dict[str, bool]
