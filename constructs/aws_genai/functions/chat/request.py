"""A request of API Gateway: who asks, what is asked, and what may be asked; for every function that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from aws_lambda_powertools.utilities.validation import SchemaValidationError, validate
from botocore.config import Config

from .environment import Environment
from .errors import NOBODY, OTHER_CLIENT, malformed
from .knowledge import COGNITO_GROUPS, groups_of
from .service import Limits

if TYPE_CHECKING:
    from ..usage_budget.budget import Budget

#: Seconds for a connection.
CONNECT_SECONDS = 2
#: The claim token_use of an access token.
_ACCESS = "access"
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
    """What the access token says of who asks.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html

    :raises ChatError: if nobody has signed in, or with a token of another kind.
    """
    try:
        found: dict[str, Any] = event["requestContext"]["authorizer"]["claims"]
        kind, _ = found["token_use"], found["client_id"]
    except (KeyError, TypeError) as error:
        raise NOBODY() from error
    if kind != _ACCESS:
        raise NOBODY()
    return found


@dataclass(frozen=True)
class Caller:
    """Who asks: a user, or a program with credentials of its own."""

    #: What its budget is counted by: the user's ``sub``, or the id of the program's app client.
    id: str
    #: What it may read and ask.
    groups: list[str]
    #: What the token says.
    claims: Mapping[str, Any]
    #: What a program may use in a ``day`` and a ``month``. None for what a user may.
    allowance: Mapping[str, Mapping[str, int]] | None = None

    def counted(self, budget: Budget | None) -> Budget | None:
        """The counters, with the limits of whoever asks."""
        return budget.limited(**self.allowance) if budget and self.allowance else budget


class Callers(Protocol):
    """What the environment of a function says of who may call."""

    @property
    def CLIENT_IDS(self) -> list[str]: ...  # noqa: N802 - the name of the variable

    @property
    def MACHINES(self) -> dict[str, dict[str, Any]] | None: ...  # noqa: N802 - the name of the variable

    @property
    def GROUPS_CLAIM(self) -> str | None: ...  # noqa: N802 - the name of the variable


def caller(own: Callers, event: dict[str, Any]) -> Caller:
    """Who asks.

    The authorizer accepts the tokens of every app client of the user pool, and the groups of a program are those of the
    settings, whatever its token says.

    :raises ChatError: if nobody has signed in, or at another application.
    """
    found = claims(event)
    client = str(found["client_id"])
    machine = (own.MACHINES or {}).get(client)
    if machine is not None:
        return Caller(client, list(machine.get("groups", ())), found, machine.get("budget"))
    # A token without a user, or one of another application's program, names its client as its subject.
    who = str(found.get("sub") or "")
    if client not in own.CLIENT_IDS or who in ("", client):
        raise OTHER_CLIENT()
    return Caller(who, groups_of(found, own.GROUPS_CLAIM or COGNITO_GROUPS), found)


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
