"""The steps of batch inference, which a state machine invokes."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from ..jobs.asking import client, limits
from ..jobs.steps import serve
from .environment import Environment
from .service import Batches, Plan

logger = Logger()


@cache
def plan() -> Plan:
    """Returns the configuration from the environment variables."""
    environment = Environment.read()
    content = environment.PLAN
    return Plan(
        name=content["name"],
        bucket=environment.BUCKET,
        model=content["model"],
        limits=limits(content, environment),
        role_arn=environment.JOB_ROLE,
        key_arn=environment.KEY_ARN,
        most_failed_percent=content["most_failed_percent"],
        batch_price=tuple(content["batch_price"]),
        price=tuple(content["price"]),
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    answer = serve(event, Batches(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
