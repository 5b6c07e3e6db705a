"""Entry of the function through which a gateway passes each request and each response.

It changes neither. What it cannot record, it does not pass on: without a record, there is no action.
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-interceptors.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import ClientError

from .environment import Environment
from .records import records

logger = Logger()


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that tries again a few times, while the gateway waits."""
    return boto3.client(
        service, config=Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context
    """Record a request or a response, and pass it on as it is."""
    mcp = event["mcp"]
    found = records(mcp, datetime.now(UTC).isoformat(timespec="milliseconds"))
    if found:
        write(Environment.read().AUDIT_LOG, context.log_stream_name, found)
    response = mcp.get("gatewayResponse")
    if response is None:
        passed = {"transformedGatewayRequest": {"body": mcp["gatewayRequest"]["body"]}}
    else:
        passed = {
            "transformedGatewayResponse": {
                "statusCode": response.get("statusCode") or 200,
                "body": response.get("body"),
            }
        }
    return {"interceptorOutputVersion": "1.0", "mcp": passed}


def write(group: str, stream: str, found: Sequence[dict[str, Any]]) -> None:
    """Write records to a log stream, and wait until CloudWatch has accepted them.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

    :raises RuntimeError: if it has rejected one.
    """
    logs, now = client("logs"), int(time.time() * 1000)
    events = [{"timestamp": now, "message": json.dumps(each)} for each in found]
    try:
        answer = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    except logs.exceptions.ResourceNotFoundException:
        _create(logs, group, stream)
        answer = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    if rejected := answer.get("rejectedLogEventsInfo"):
        raise RuntimeError(f"Records were rejected: {rejected}")


def _create(logs: Any, group: str, stream: str) -> None:  # noqa: ANN401 - boto3 has no types
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
