"""A request of API Gateway: who asks, what is asked, and what may be asked; for every function that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate
from botocore.config import Config

from .environment import Environment
from .errors import NOBODY, malformed
from .service import Limits

#: Seconds for a connection.
CONNECT_SECONDS = 2
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "request.schema.json").read_text(encoding="utf-8"))


@cache
def limits() -> Limits:
    """What a request may ask for."""
    own = Environment.read()
    return Limits(
        models=own.MODELS,
        profiles=own.PROFILES or {},
        guardrail_id=own.GUARDRAIL_ID,
        guardrail_version=own.GUARDRAIL_VERSION,
        system_prompt=own.SYSTEM_PROMPT,
    )


@cache
def client(service: str, seconds: int) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client that makes one attempt.

    :param seconds: seconds that it waits for a response.
    """
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=seconds, retries={"total_max_attempts": 1})
    return boto3.client(service, config=config)


def cors(origins: list[str], event: dict[str, Any]) -> dict[str, str]:
    """The headers that let a page of one of the origins read the response.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html
    """
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    allowed = {"Access-Control-Allow-Origin": sent["origin"]} if sent.get("origin") in origins else {}
    return {"Vary": "Origin", "Access-Control-Expose-Headers": "Retry-After", **allowed}


def response(status: int, content: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """A response in the form of API Gateway's Lambda proxy integration."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **headers},
        "body": json.dumps(content),
    }


def claims(event: dict[str, Any]) -> dict[str, Any]:
    """What the user pool says of who asks.

    :raises ChatError: if nobody has signed in.
    """
    try:
        found: dict[str, Any] = event["requestContext"]["authorizer"]["claims"]
        _ = found["sub"]
    except (KeyError, TypeError) as error:
        raise NOBODY() from error
    return found


def body(event: Mapping[str, Any]) -> dict[str, Any]:
    """The validated body of the request.

    :raises ChatError: if it is not JSON, or not a chat request.
    """
    return decoded(event, SCHEMA, "chat request")


def decoded(event: Mapping[str, Any], schema: dict[str, Any], what: str) -> dict[str, Any]:
    """The body of a request, validated by a schema.

    :param what: what it should be, for the message.
    :raises ChatError: if it is not JSON, or something else.
    """
    try:
        content: dict[str, Any] = _decoded(event.get("body") or "")
        validate(event=content, schema=schema)
    except json.JSONDecodeError as error:
        raise malformed(f"The body is not JSON: {error.msg}.") from error
    except UnicodeEncodeError as error:
        raise malformed("The body holds half of a surrogate pair, which is no character.") from error
    except (SchemaValidationError, RecursionError, ValueError) as error:
        raise malformed(f"The body is not a {what}: {getattr(error, 'validation_message', error)}.") from error
    return content


def _decoded(text: str) -> Any:  # noqa: ANN401 - JSON
    """JSON that means the same to everybody who reads it: https://datatracker.ietf.org/doc/html/rfc8259

    :raises ValueError: if it has a number that JSON does not have, or is too long, the same name twice, or text that
        cannot be encoded.
    """
    content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    json.dumps(content, ensure_ascii=False).encode()
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found
