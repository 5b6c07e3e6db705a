"""The environment variables of an assistant's function."""

from __future__ import annotations

from dataclasses import dataclass

from ..chat.environment import Environment as ChatEnvironment


@dataclass(frozen=True, kw_only=True)
class Environment(ChatEnvironment):
    """Those of the chat function, and the name of the assistant."""

    ASSISTANT: str
