"""Handler of the function that screens chunks. An ingestion job of a knowledge base invokes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from ..untrusted.assessment import assess
from .environment import Environment
from .service import Screen

logger = Logger()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client that retries throttled requests."""
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))


def blocks(environment: Environment) -> Callable[[str], bool] | None:
    """Returns a function that checks whether the guardrail blocks a text; None without a guardrail."""
    if environment.GUARDRAIL_ID is None or environment.GUARDRAIL_VERSION is None:
        return None
    guardrail = environment.GUARDRAIL_ID, environment.GUARDRAIL_VERSION
    return lambda text: assess(client("bedrock-runtime"), guardrail, text, "INPUT").blocked


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    environment = Environment.read()
    screen = Screen(client("s3"), environment.SOURCE, environment.GROUPS, blocks(environment))
    answer = screen.screened(event)
    logger.info("screened", extra={"source": environment.SOURCE, "files": len(answer["outputFiles"])})
    return answer
