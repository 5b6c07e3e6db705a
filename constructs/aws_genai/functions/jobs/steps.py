"""The steps of work that takes longer than a function runs: a state machine waits between them.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

#: One part of a run: what the state machine carries from step to step; texts and numbers only.
Job = dict[str, Any]
RUNNING, DONE, FAILED = "running", "done", "failed"


class RefusedError(ValueError):
    """Work that cannot be done however often it is tried; the message says what to do."""


class TryAgainError(RuntimeError):
    """What passes by itself: the state machine tries the step again."""


class Work(Protocol):
    """What one kind of run does; each step may be called twice."""

    def prepare(self, run: str, given: Mapping[str, Any]) -> list[Job]:
        """Look at what is asked for, and say which jobs it takes."""
        ...

    def start(self, run: str, job: Job) -> Job:
        """Start a job; its ``state`` says how it goes on."""
        ...

    def look(self, run: str, job: Job) -> Job:
        """Look after a job that runs."""
        ...

    def finish(self, run: str, jobs: list[Job]) -> dict[str, Any]:
        """Put together what the jobs made: ``passed``, and a ``reason`` if not."""
        ...


def serve(event: Mapping[str, Any], work: Work) -> dict[str, Any]:
    """Do the step that a state machine asks for.

    :raises RefusedError: if it is no step.
    """
    step, run = str(event["step"]), str(event["run"])
    match step:
        case "prepare":
            return {"jobs": work.prepare(run, event.get("given") or {})}
        case "start":
            return work.start(run, dict(event["job"]))
        case "look":
            return work.look(run, dict(event["job"]))
        case "finish":
            return work.finish(run, [dict(each) for each in event["jobs"]])
        case other:
            raise RefusedError(f"{other} is not a step")


def cause(text: object) -> str:
    """Why a step failed, of what Step Functions tells."""
    try:
        return str(json.loads(str(text))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(text)
