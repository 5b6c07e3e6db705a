"""Compares the captured traffic of endpoints with a baseline every hour."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger

from .environment import Environment
from .service import Monitor

logger = Logger()


@cache
def monitors() -> dict[str, Monitor]:
    """Returns a monitor for each endpoint; they are created on first use."""
    s3, cloudwatch = boto3.client("s3"), boto3.client("cloudwatch")
    environment = Environment.read()
    return {name: Monitor(s3, cloudwatch, environment.BUCKET, name) for name in environment.ENDPOINTS}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Handler of the function; ``renew`` names an endpoint whose baseline is deleted and created again."""
    if name := event.get("renew"):
        return {name: monitors()[name].renew()}
    done: dict[str, Any] = {}
    failed: list[str] = []
    for name, monitor in monitors().items():
        try:
            done[name] = monitor.look()
        except Exception:
            # A failure of one endpoint does not stop the others.
            logger.exception("%s could not be examined", name)
            failed.append(name)
    logger.info("Traffic examined", extra={"done": done, "failed": failed})
    if failed:
        raise RuntimeError(f"{', '.join(failed)} could not be examined")
    return done
