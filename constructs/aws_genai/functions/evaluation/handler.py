"""The steps of an evaluation, which a state machine invokes."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from ..jobs.asking import client, limits
from ..jobs.steps import serve
from .environment import Environment
from .service import Evaluations, Plan

logger = Logger()


@cache
def plan() -> Plan:
    """Returns the configuration from the environment variables."""
    environment = Environment.read()
    content = environment.PLAN
    return Plan(
        name=content["name"],
        bucket=environment.BUCKET,
        limits=limits(content, environment),
        prices={model: (paid[0], paid[1]) for model, paid in content["prices"].items()},
        thresholds=content["thresholds"],
        judge=environment.JUDGE or "",
        metrics=tuple(content["metrics"]),
        role_arn=environment.JUDGE_ROLE or "",
        key_arn=environment.KEY_ARN or "",
        knowledge_base=environment.KNOWLEDGE_BASE or "",
        groups=tuple(content["groups"]),
        search=environment.SEARCH or {},
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    answer = serve(event, Evaluations(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
