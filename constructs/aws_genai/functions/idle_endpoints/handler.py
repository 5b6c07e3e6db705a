"""Handler of the sweeper. It is invoked every hour, or with ``{"wake": "name"}`` to restore an endpoint."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from .environment import Environment, Rules
from .hosting import Hosting
from .records import Records
from .service import Sweeper, utc_now

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
# An account may have several environments, each with its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))

_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8})


class SweepError(Exception):
    """Some endpoints could not be examined; the log says why."""


@cache
def environment() -> Environment:
    """Returns the environment variables, which are read on first use."""
    return Environment.read()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client that retries throttled requests."""
    return boto3.client(service, config=_CONFIG)


def notify(subject: str, text: str) -> None:
    """Sends a notification."""
    client("sns").publish(TopicArn=environment().TOPIC_ARN, Subject=subject[:100], Message=text)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:  # noqa: ANN401 - Lambda's context
    """Sweeps all endpoints, or wakes one; returns the result by endpoint.

    :raises SweepError: if an endpoint could not be examined, which raises the alarm for the function's errors.
    """
    hosting = Hosting(client("sagemaker"), client("cloudwatch"), client("application-autoscaling"))
    records = Records(client("dynamodb"), environment().TABLE)
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    sweeper = Sweeper(Rules.parse(environment().RULES), hosting, records, notify, utc_now, function)
    done = {str(event["wake"]): sweeper.wake(str(event["wake"]))} if "wake" in event else sweeper.sweep()
    metrics.add_metric(name="EndpointsSwept", unit=MetricUnit.Count, value=sum(v == "swept" for v in done.values()))
    metrics.add_metric(name="SweepsFailed", unit=MetricUnit.Count, value=sum(v == "failed" for v in done.values()))
    logger.info("swept", extra={"done": done})
    if failed := [name for name, what in done.items() if what == "failed"]:
        raise SweepError(f"{', '.join(failed)} could not be examined; the log says why")
    return done
