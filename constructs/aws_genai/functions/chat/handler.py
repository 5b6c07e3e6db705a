"""The chat endpoint's entry point in AWS Lambda."""

from __future__ import annotations

import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate
from botocore.config import Config

from .errors import NOBODY, ChatError, malformed
from .knowledge import Passage, groups_of, retrieve
from .service import Answer, Limits, ask, chosen, converse_request
from .spending import counting, spending

logger = Logger()
metrics = Metrics(namespace="AwsGenAi")
# An account has several environments, and each its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))
tracer = Tracer()

#: Metrics of refusals by their code; any other is counted as Refused.
_METRICS = {
    "input_blocked": "Blocked",
    "output_blocked": "Blocked",
    "locked_out": "LockedOut",
    "requests_spent": "BudgetSpent",
    "tokens_spent": "BudgetSpent",
}
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "request.schema.json").read_text(encoding="utf-8"))


@cache
def limits() -> Limits:
    """What the settings allow, from the environment."""
    return Limits(
        models=json.loads(os.environ["MODELS"]),
        profiles=json.loads(os.environ.get("PROFILES", "{}")),
        guardrail_id=os.environ["GUARDRAIL_ID"],
        guardrail_version=os.environ["GUARDRAIL_VERSION"],
        system_prompt=os.environ["SYSTEM_PROMPT"],
    )


#: Documents that sleep are tried again once, after so many seconds; then the model has as many to answer.
_WAKING_SECONDS = 10


@cache
def client(service: str, seconds: int | None = None) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that gives up before API Gateway does, after 29 seconds.

    :param seconds: what is left of them. Default: as many as one try of everything else leaves.
    """
    wait = seconds or (22 if service == "bedrock-runtime" else 4)
    return boto3.client(service, config=Config(connect_timeout=2, read_timeout=wait, retries={"total_max_attempts": 1}))


@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer one request of API Gateway; every failure becomes an HTTP error with a code."""
    try:
        answer, passages = answered(event)
    except ChatError as error:
        logger.warning("refused", extra={"code": error.code, "status": error.status}, exc_info=error.status >= 500)
        metrics.add_metric(name=_METRICS.get(error.code, "Refused"), unit=MetricUnit.Count, value=1)
        return response(error.status, {"error": {"code": error.code, "message": error.message}}, error.retry_seconds)
    except Exception:
        # The last resort: a client gets an answer whatever happens, and the log the reason.
        logger.exception("failed")
        metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=1)
        return response(500, {"error": {"code": "internal_error", "message": "Something went wrong on our side."}})
    metrics.add_metric(name="InputTokens", unit=MetricUnit.Count, value=answer.input_tokens)
    metrics.add_metric(name="OutputTokens", unit=MetricUnit.Count, value=answer.output_tokens)
    sources = [{"document": each.document, "uri": each.uri} for each in dict.fromkeys(passages)]
    return response(200, {**answer.as_dict(), **({"sources": sources} if knowledge_base() else {})})


def answered(event: dict[str, Any]) -> tuple[Answer, list[Passage]]:
    """The answer to one request, within the budget of who asks, and what it was given to answer from.

    :raises ChatError: for every way in which there is none.
    """
    question, passages, began = body(event), list[Passage](), time.monotonic()
    model = chosen(limits(), question)
    if knowledge := knowledge_base():
        groups = groups_of(claims(event))
        search = json.loads(os.environ.get("SEARCH", "{}"))
        asked = question["messages"][-1]["text"]
        finder, waits = client("bedrock-agent-runtime"), (_WAKING_SECONDS,)
        passages = retrieve(finder, knowledge, asked, groups, search, waits)
    hurried = time.monotonic() - began >= _WAKING_SECONDS
    models = client("bedrock-runtime", _WAKING_SECONDS) if hurried else client("bedrock-runtime")
    request, budget = converse_request(limits(), question, passages), counting()
    if budget is None:
        return ask(models, request, model), passages
    with spending(budget, str(claims(event)["sub"]), request) as spent:
        answer = ask(models, request, model)
        spent(answer.input_tokens + answer.output_tokens)
    return answer, passages


def knowledge_base() -> str:
    """The id of the knowledge base that questions are answered from; empty where there is none."""
    return os.environ.get("KNOWLEDGE_BASE", "")


def claims(event: dict[str, Any]) -> dict[str, Any]:
    """What the user pool says of who asks.

    :raises ChatError: if nobody has signed in.
    """
    try:
        found: dict[str, Any] = event["requestContext"]["authorizer"]["claims"]
        _ = found["sub"]
    except (KeyError, TypeError) as error:
        raise NOBODY from error
    return found


def body(event: dict[str, Any]) -> dict[str, Any]:
    """The validated body of the request.

    :raises ChatError: if it is not JSON, or not a chat request.
    """
    try:
        content: dict[str, Any] = json.loads(event.get("body") or "")
        validate(event=content, schema=SCHEMA)
    except json.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg}.") from error
    except (SchemaValidationError, RecursionError) as error:
        raise malformed(f"The body is not a chat request: {getattr(error, 'validation_message', error)}.") from error
    return content


def response(status: int, content: dict[str, Any], retry_seconds: int | None = None) -> dict[str, Any]:
    """A response in the form of API Gateway's Lambda proxy integration."""
    again = {} if retry_seconds is None else {"Retry-After": str(retry_seconds)}
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **again},
        "body": json.dumps(content),
    }
