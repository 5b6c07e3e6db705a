"""Screens chunks, called by a knowledge base's ingestion."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from ..untrusted.assessment import assess
from .service import Screen

logger = Logger()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that waits when it is throttled."""
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))


def blocks(text: str) -> bool:
    """Whether the guardrail blocks a text; what it would mask may come in."""
    guardrail = os.environ["GUARDRAIL_ID"], os.environ["GUARDRAIL_VERSION"]
    return assess(client("bedrock-runtime"), guardrail, text, "INPUT").blocked


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    assessed = blocks if "GUARDRAIL_ID" in os.environ else None
    screen = Screen(client("s3"), os.environ["SOURCE"], json.loads(os.environ["GROUPS"]), assessed)
    answer = screen.screened(event)
    logger.info("screened", extra={"source": os.environ["SOURCE"], "files": len(answer["outputFiles"])})
    return answer
