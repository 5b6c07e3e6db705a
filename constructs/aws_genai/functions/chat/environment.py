"""The environment variables of the chat function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """Models, guardrail and what the function checks of a caller. A usage budget adds its own variables."""

    #: Parameters of a Converse request to each model, apart from its messages. The first model is the default.
    MODELS: dict[str, dict[str, Any]]
    SYSTEM_PROMPT: str
    GUARDRAIL_ID: str
    GUARDRAIL_VERSION: str
    #: IDs of the app clients at which users sign in, whose tokens are accepted.
    CLIENT_IDS: list[str]
    #: Programs by the id of their app client, each with its groups, and its budget where it is not that of a user:
    #: ``{"groups": ["hr"], "budget": {"requests": 10, "tokens": 1000, "blocks": 5}}``.
    MACHINES: dict[str, dict[str, Any]] | None = None
    #: ARN of the application inference profile of each model.
    PROFILES: dict[str, str] | None = None
    #: ID of the knowledge base.
    KNOWLEDGE_BASE: str | None = None
    #: Configuration of the search in it.
    SEARCH: dict[str, Any] | None = None
    #: Claim of the access token that holds the groups of a user. Default: cognito:groups.
    GROUPS_CLAIM: str | None = None
    #: Origins of web pages that may read responses.
    ORIGINS: list[str] | None = None
    #: US dollars for a million input tokens and a million output tokens of each model, where money is counted.
    PRICES: dict[str, tuple[float, float]] | None = None
