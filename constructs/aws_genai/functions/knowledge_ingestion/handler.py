"""The intake's entry in AWS Lambda: called with batches of what changed in the bucket."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from ..waking.database import within
from .scan import JUDGING, READING
from .service import BusyError, Intake, changes, follow, renewed

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
# An account has several environments, and each its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that waits when it is throttled."""
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))


def blocks(text: str) -> bool:
    """Whether the guardrail blocks a text; what it would mask may come in.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
    """
    answer = client("bedrock-runtime").apply_guardrail(
        guardrailIdentifier=os.environ["GUARDRAIL_ID"],
        guardrailVersion=os.environ["GUARDRAIL_VERSION"],
        source="INPUT",
        content=[{"text": {"text": text}}],
    )
    return answer["action"] == "GUARDRAIL_INTERVENED" and '"BLOCKED"' in json.dumps(answer["assessments"], default=str)


#: Milliseconds of the function's time that are kept for what comes after a wait.
_MARGIN_MS = 15_000


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Take a batch in, the messages that are to come again; or let a source be crawled."""
    if "crawl" in event:
        _start(str(event["crawl"]), f"{event['crawl']} {context.aws_request_id}", context)
        metrics.add_metric(name="Crawled", unit=MetricUnit.Count, value=1)
        return {}
    intake = Intake(
        client("s3"),
        os.environ["BUCKET"],
        json.loads(os.environ["SOURCES"]),
        blocks if "GUARDRAIL_ID" in os.environ else None,
    )
    failed, moved = [], []
    for record in event["Records"]:
        try:
            done = [intake.take(change, _seconds(context)) for change in changes(record["body"])]
        except BusyError:
            logger.info("no time is left for a document; it comes again")
            failed.append(record["messageId"])
            continue
        except Exception:
            # One document that cannot be taken in does not keep the others.
            logger.exception("a document was not taken in")
            failed.append(record["messageId"])
            continue
        for each in done:
            metrics.add_metric(name=each.title(), unit=MetricUnit.Count, value=1)
        if renewed(record["body"]) or any(each != "ignored" for each in done):
            moved.append(record["messageId"])
    if moved:
        try:
            _start(os.environ["DATA_SOURCE"], "".join(moved), context)
        except BusyError:
            logger.info("another ingestion runs, or the store wakes up; the batch comes again")
            failed += moved
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def _seconds(context: Any) -> float:  # noqa: ANN401 - Lambda's context
    """How long looking at the next document may take, which is less once others took theirs."""
    left = (context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000
    return float(max(min(left, READING + JUDGING), 1))


def _start(data_source: str, same: str, context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Start an ingestion, once for what is the ``same``, and wait for a store that sleeps while there is time.

    :raises BusyError: if it cannot be started now; Lambda calls again.
    """
    token = hashlib.sha256(same.encode()).hexdigest()
    waits = within((context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000)
    follow(client("bedrock-agent"), os.environ["KNOWLEDGE_BASE"], data_source, token, waits)
