"""The steps of a batch, called by its state machine."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from ..jobs.asking import client, limits
from ..jobs.steps import serve
from .service import Batches, Plan

logger = Logger()


@cache
def plan() -> Plan:
    """What the settings ask for, from the environment."""
    content = json.loads(os.environ["PLAN"])
    return Plan(
        name=content["name"],
        bucket=os.environ["BUCKET"],
        model=content["model"],
        limits=limits(content),
        role_arn=os.environ["JOB_ROLE"],
        key_arn=os.environ["KEY_ARN"],
        most_failed_percent=content["most_failed_percent"],
        batch_price=tuple(content["batch_price"]),
        price=tuple(content["price"]),
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    answer = serve(event, Batches(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
