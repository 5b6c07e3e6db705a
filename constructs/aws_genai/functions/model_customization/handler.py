"""The steps of a customization, called by its state machine."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from ..jobs.steps import serve
from .service import Customizations, Plan

logger = Logger()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client, made on first use; admitting a data set takes ten minutes at the most."""
    config = Config(connect_timeout=5, read_timeout=620, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client(service, config=config)


@cache
def plan() -> Plan:
    """What the settings ask for, from the environment."""
    return Plan(
        bucket=os.environ["BUCKET"],
        data_bucket=os.environ["DATA_BUCKET"],
        admit=os.environ["ADMIT"],
        role_arn=os.environ["JOB_ROLE"],
        key_arn=os.environ["KEY_ARN"],
        **json.loads(os.environ["PLAN"]),
    )


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    answer = serve(event, Customizations(plan(), client))
    logger.info("step", extra={"step": event["step"], "run": event["run"]})
    return answer
