"""Handler of the intake, which is invoked with batches of changed documents, or to start a crawl."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from ..waking.database import within
from .environment import Environment
from .existing import Existing, asks
from .incoming import Incoming
from .scan import JUDGING, READING
from .service import BusyError, Intake, changes, follow, renewed

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
# An account may have several environments, each with its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client that retries throttled requests."""
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))


def blocks(environment: Environment) -> Callable[[str], bool] | None:
    """Returns a function that checks whether the guardrail blocks a text; None without a guardrail.

    A text that the guardrail would only mask is not blocked.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
    """
    if environment.GUARDRAIL_ID is None:
        return None

    def assess(text: str) -> bool:
        answer = client("bedrock-runtime").apply_guardrail(
            guardrailIdentifier=environment.GUARDRAIL_ID,
            guardrailVersion=environment.GUARDRAIL_VERSION,
            source="INPUT",
            content=[{"text": {"text": text}}],
        )
        told = json.dumps(answer["assessments"], default=str)
        return answer["action"] == "GUARDRAIL_INTERVENED" and '"BLOCKED"' in told

    return assess


#: Milliseconds before the timeout of the function that are reserved for the work after a wait.
_MARGIN_MS = 15_000


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Processes a batch of messages and returns the failed ones, or starts a crawl."""
    environment = Environment.read()
    if "crawl" in event:
        _start(environment, str(event["crawl"]), f"{event['crawl']} {context.aws_request_id}", context)
        metrics.add_metric(name="Crawled", unit=MetricUnit.Count, value=1)
        return {}
    incoming = _incoming(environment)
    intake = Intake(client("s3"), environment.BUCKET, environment.SOURCES, blocks(environment), incoming=incoming)
    existing = _existing(environment, incoming)
    failed, moved = [], []
    for record in event["Records"]:
        try:
            if existing and asks(record["body"]):
                logger.info("existing documents", extra={"found": existing.answer(record["body"])})
                continue
            if existing and renewed(record["body"]):
                existing.ask(list(environment.SOURCES))
            done = [intake.take(change, _seconds(context)) for change in changes(record["body"])]
        except BusyError:
            logger.info("no time is left for a document; the message is received again")
            failed.append(record["messageId"])
            continue
        except Exception:
            # A failure of one document does not stop the others.
            logger.exception("a document could not be screened")
            failed.append(record["messageId"])
            continue
        for each in done:
            metrics.add_metric(name=each.title(), unit=MetricUnit.Count, value=1)
        if renewed(record["body"]) or any(each != "ignored" for each in done):
            moved.append(record["messageId"])
    if moved:
        try:
            _start(environment, environment.DATA_SOURCE, "".join(moved), context)
        except BusyError:
            logger.info("another ingestion job is running, or the database resumes; the batch is received again")
            failed += moved
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _incoming(environment: Environment) -> Incoming:
    if environment.DOCUMENTS_BUCKET is None:
        return Incoming(environment.BUCKET)
    return Incoming(environment.DOCUMENTS_BUCKET, environment.DOCUMENTS_PREFIX or "")


def _existing(environment: Environment, incoming: Incoming) -> Existing | None:
    if environment.QUEUE_URL is None:
        return None
    return Existing(client("s3"), client("sqs"), environment.QUEUE_URL, environment.BUCKET, incoming)


def _seconds(context: Any) -> float:  # noqa: ANN401 - Lambda's context
    """Returns the number of seconds to screen the next document, from the remaining time of the invocation."""
    left = (context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000
    return float(max(min(left, READING + JUDGING), 1))


def _start(environment: Environment, data_source: str, same: str, context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Starts an ingestion job, once for the ``same`` messages, and waits for a paused database while there is time.

    :raises BusyError: if it cannot be started now; Lambda invokes the function again.
    """
    token = hashlib.sha256(same.encode()).hexdigest()
    waits = within((context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000)
    follow(client("bedrock-agent"), environment.KNOWLEDGE_BASE, data_source, token, waits)
