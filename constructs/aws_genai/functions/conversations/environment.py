"""The environment variables of the function that shows and changes conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..history.environment import Environment as HistoryEnvironment


@dataclass(frozen=True, kw_only=True)
class Environment(HistoryEnvironment):
    """Those of the history, and what is checked of a caller."""

    #: IDs of the app clients whose tokens are accepted. Default: every client of the user pool.
    CLIENT_IDS: list[str]
    #: Programs by the id of their app client.
    MACHINES: dict[str, dict[str, Any]] | None = None
    #: Claim of the access token that holds the groups of a user. Default: cognito:groups.
    GROUPS_CLAIM: str | None = None
    #: Origins of web pages that may read responses.
    ORIGINS: list[str] | None = None
