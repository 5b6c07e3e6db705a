"""The environment variables that the history of conversations needs."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The table, and how long what is in it is kept."""

    HISTORY_TABLE: str
    #: Days until a message expires.
    HISTORY_DAYS: int
    #: Turns of a conversation that the model is shown with the next question.
    HISTORY_TURNS: int
    #: Attachments that a conversation has at most. Default: files cannot be attached.
    HISTORY_FILES: int | None = None
