"""The handler that AWS Secrets Manager calls for each step of a rotation."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from .accepted import Accepted, RotationError
from .distribution import Distribution
from .environment import Environment
from .service import Rotation

logger = Logger()

_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8})


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that waits while it is throttled."""
    return boto3.client(service, config=_CONFIG)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Run one step.

    :raises RotationError: if it cannot end now; Secrets Manager tries again, and the alarm on errors fires.
    """
    environment = Environment.read()
    step = event["Step"]
    rotation = Rotation(
        client("secretsmanager"),
        event["SecretId"],
        event["ClientRequestToken"],
        accepted=Accepted(client("wafv2"), environment.ACCEPTED),
        distribution=Distribution(client("cloudfront"), environment.DISTRIBUTION, environment.HEADER),
        sleep=time.sleep,
    )
    done: object = None
    if step != "finishSecret" and rotation.done():
        logger.info("The version is current already", extra={"step": step})
        return
    if step == "createSecret":
        rotation.create()
    elif step == "setSecret":
        rotation.set(environment.PROPAGATION_SECONDS)
    elif step == "testSecret":
        rotation.test(lambda: context.get_remaining_time_in_millis() / 1000)
    elif step == "finishSecret":
        done = rotation.finish()
        if not done:
            logger.warning("The old value is accepted until the next rotation: the distribution changed meanwhile")
    else:
        raise RotationError(f"Secrets Manager has no step {step}")
    logger.info("Step done", extra={"step": step, "old_removed": done})
