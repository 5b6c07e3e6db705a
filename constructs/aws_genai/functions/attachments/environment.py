"""The environment variables of the function that scans attachments."""

from __future__ import annotations

from dataclasses import dataclass

from ..history.environment import Environment as HistoryEnvironment


@dataclass(frozen=True, kw_only=True)
class Environment(HistoryEnvironment):
    """Those of the history, the bucket, and what evaluates files."""

    BUCKET: str
    GUARDRAIL_ID: str
    GUARDRAIL_VERSION: str
    #: Most bytes of a file, and characters of it that are stored for models.
    MOST_BYTES: int
    MOST_CHARACTERS: int
    #: Whether a file is read only after GuardDuty has found no threat in it.
    MALWARE_PROTECTION: bool = False
