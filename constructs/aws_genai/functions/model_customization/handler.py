"""The steps of a model customization, which a state machine invokes."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from ..jobs.steps import serve
from .environment import Environment
from .service import Customizations, Plan

logger = Logger()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client, which is created on first use. Verifying a data set takes up to ten minutes."""
    config = Config(connect_timeout=5, read_timeout=620, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client(service, config=config)


@cache
def plan() -> Plan:
    """Returns the configuration from the environment variables."""
    environment = Environment.read()
    return Plan(
        bucket=environment.BUCKET,
        data_bucket=environment.DATA_BUCKET,
        admit=environment.ADMIT,
        role_arn=environment.JOB_ROLE,
        key_arn=environment.KEY_ARN,
        **environment.PLAN,
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    answer = serve(event, Customizations(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
