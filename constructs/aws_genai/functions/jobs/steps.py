"""The steps of a run that takes longer than the timeout of a function. A state machine waits between the steps.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

#: One part of a run, which the state machine passes from step to step. Values are strings and numbers.
Job = dict[str, Any]
RUNNING, DONE, FAILED = "running", "done", "failed"


class RefusedError(ValueError):
    """A run that cannot succeed, however often it is retried; the message says what to do."""


class TryAgainError(RuntimeError):
    """A transient error: the state machine retries the step."""


class Work(Protocol):
    """The steps of one kind of run; each must be idempotent."""

    def prepare(self, run: str, given: Mapping[str, Any]) -> list[Job]:
        """Returns the jobs of a run."""
        ...

    def start(self, run: str, job: Job) -> Job:
        """Starts a job; its ``state`` determines the next step."""
        ...

    def look(self, run: str, job: Job) -> Job:
        """Checks a job that is running."""
        ...

    def finish(self, run: str, jobs: list[Job]) -> dict[str, Any]:
        """Combines the results of the jobs: ``passed``, and a ``reason`` if it is false."""
        ...


def serve(event: Mapping[str, Any], work: Work) -> dict[str, Any]:
    """Runs the step that the state machine invokes.

    :raises RefusedError: if there is no such step.
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
    """Returns the reason why a step failed, from the cause that Step Functions reports."""
    try:
        return str(json.loads(str(text))["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(text)
