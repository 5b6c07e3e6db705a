"""The environment variables of an assistant of kind code."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class CodeEnvironment(Contract):
    """The code interpreter, and what it may be used for."""

    INTERPRETER_ID: str
    #: Languages that the model may write in.
    LANGUAGES: list[str]
    #: Seconds of a session at most.
    SESSION_SECONDS: int
