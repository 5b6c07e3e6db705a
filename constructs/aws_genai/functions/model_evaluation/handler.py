"""The step of a fine-tuning pipeline that scores the model."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from .environment import Environment
from .service import Evaluations

logger = Logger()


@cache
def evaluations() -> Evaluations:
    """Returns the evaluations of the function's bucket, which are created on first use."""
    return Evaluations(boto3.client("s3"), Environment.read().BUCKET)


def handler(event: dict[str, Any], _context: Any) -> dict[str, str | float]:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    found = evaluations().evaluate(event["data_set"], event["run"], event["answers"], event["predictions"])
    logger.info("Model evaluated", extra={"run": event["run"], **found})
    return found
