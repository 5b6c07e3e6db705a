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
    #: Bucket of attachments, and the ARN of the key that encrypts it. Default: files cannot be attached.
    ATTACHMENTS_BUCKET: str | None = None
    ATTACHMENTS_KEY: str | None = None
    #: Most bytes of a file, most files that a user announces in a day, and the types of files.
    ATTACHMENTS_BYTES: int = 0
    ATTACHMENTS_PER_DAY: int = 0
    ATTACHMENTS_TYPES: list[str] | None = None
