"""The entry point in AWS Lambda of the function that scans attachments, which a queue invokes."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from ..chat.observed import cause
from ..history.reached import history
from ..knowledge_ingestion.scan import JUDGING, READING
from ..untrusted.assessment import assess
from .environment import Environment
from .service import Scan, arrived

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))

#: Milliseconds before the timeout of the function that are left for what follows a scan.
_MARGIN_MS = 30_000


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that retries throttled requests."""
    return boto3.client(service, config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Scan the files that a batch of messages tells of, and return the messages that failed."""
    own = Environment.read()
    guardrail = own.GUARDRAIL_ID, own.GUARDRAIL_VERSION

    def blocks(text: str) -> bool:
        return assess(client("bedrock-runtime"), guardrail, text, "INPUT").blocked

    scan = Scan(
        client("s3"),
        history(),
        own.BUCKET,
        blocks,
        most_bytes=own.MOST_BYTES,
        most_characters=own.MOST_CHARACTERS,
    )
    failed = []
    for record in event["Records"]:
        try:
            if upload := arrived(record["body"], malware_protection=own.MALWARE_PROTECTION):
                seconds = (context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000
                state = scan.take(upload, max(1.0, min(READING + JUDGING, seconds)))
                metrics.add_metric(name=f"Attachments{state.title()}", unit=MetricUnit.Count, value=1)
        except Exception as error:
            # A failure of one file does not stop the others.
            logger.error("an attachment could not be scanned", extra={"cause": cause(error)})
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
