"""The code of a function that stands in for one with tools: it returns what it was asked, and does nothing else."""

from __future__ import annotations

from typing import Any


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer a use of a tool.

    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html
    """
    target, _, tool = context.client_context.custom["bedrockAgentCoreToolName"].partition("___")
    return {"target": target, "tool": tool, "given": event, "done": f"{tool} was called in the local account"}
