"""The steps of an evaluation, called by its state machine."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from ..jobs.asking import client, limits
from ..jobs.steps import serve
from .service import Evaluations, Plan

logger = Logger()


@cache
def plan() -> Plan:
    """What the settings ask for, from the environment."""
    content = json.loads(os.environ["PLAN"])
    return Plan(
        name=content["name"],
        bucket=os.environ["BUCKET"],
        limits=limits(content),
        prices={model: (paid[0], paid[1]) for model, paid in content["prices"].items()},
        thresholds=content["thresholds"],
        judge=os.environ.get("JUDGE", ""),
        metrics=tuple(content["metrics"]),
        role_arn=os.environ.get("JUDGE_ROLE", ""),
        key_arn=os.environ.get("KEY_ARN", ""),
        knowledge_base=os.environ.get("KNOWLEDGE_BASE", ""),
        groups=tuple(content["groups"]),
        search=json.loads(os.environ.get("SEARCH", "{}")),
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    answer = serve(event, Evaluations(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
