"""The sweeper's entry point in AWS Lambda: on a schedule, or with ``{"wake": "name"}`` to restore an endpoint."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from .hosting import Hosting
from .records import Records
from .service import Rules, Sweeper, WorkingHours, utc_now

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
# An account has several environments, and each its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))

_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8})


class SweepError(Exception):
    """Some endpoints could not be examined; the log says why."""


def rules() -> Rules:
    """The rules, from the environment variable RULES."""
    content = json.loads(os.environ["RULES"])
    hours = content.pop("working_hours", None)
    return Rules(
        **content,
        working_hours=WorkingHours(**{**hours, "days": tuple(hours["days"])}) if hours else None,
        function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
    )


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that waits while it is throttled."""
    return boto3.client(service, config=_CONFIG)


def notify(subject: str, text: str) -> None:
    """Send a notification to the topic."""
    client("sns").publish(TopicArn=os.environ["TOPIC_ARN"], Subject=subject[:100], Message=text)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:  # noqa: ANN401 - Lambda's context
    """Sweep, or wake one endpoint; returns what was done, by endpoint.

    :raises SweepError: if an endpoint could not be examined, so that the alarm on the function's errors fires.
    """
    hosting = Hosting(client("sagemaker"), client("cloudwatch"), client("application-autoscaling"))
    records = Records(client("dynamodb"), os.environ["TABLE"])
    sweeper = Sweeper(rules(), hosting, records, notify, utc_now)
    done = {str(event["wake"]): sweeper.wake(str(event["wake"]))} if "wake" in event else sweeper.sweep()
    metrics.add_metric(name="EndpointsSwept", unit=MetricUnit.Count, value=sum(v == "swept" for v in done.values()))
    metrics.add_metric(name="SweepsFailed", unit=MetricUnit.Count, value=sum(v == "failed" for v in done.values()))
    logger.info("swept", extra={"done": done})
    if failed := [name for name, what in done.items() if what == "failed"]:
        raise SweepError(f"{', '.join(failed)} could not be examined; the log says why")
    return done
