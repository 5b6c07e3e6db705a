"""The environment variables of an assistant's function."""

from __future__ import annotations

from dataclasses import dataclass

from ..chat.environment import Environment as ChatEnvironment


@dataclass(frozen=True, kw_only=True)
class Environment(ChatEnvironment):
    """Those of the chat function, and what makes the assistant. Kinds with tools add their own variables."""

    ASSISTANT: str
    #: Module of the tools in ``kinds``. Default: no tools.
    TOOLS: str | None = None
    #: Limits of one answer that uses tools, as :class:`.loop.Limits` has them.
    LIMITS: dict[str, int] | None = None
    #: Whether questions and answers are logged. Default: no.
    LOG_CONTENT: bool | None = None
    #: Groups of users that may ask. Default: everybody who signs in.
    GROUPS: list[str] | None = None
