"""The entry point in AWS Lambda of what users do with their conversations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from ..chat.deadline import deadline
from ..chat.errors import ChatError, malformed
from ..chat.metrics import NAMESPACE
from ..chat.observed import failed, recorded, refused
from ..chat.request import caller, cors, decoded, response
from ..history.reached import dynamodb, history
from .environment import Environment
from .service import Conversations
from .uploads import Uploads, s3

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))
tracer = Tracer()

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "request.schema.json").read_text(encoding="utf-8"))


@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(log_event=False, clear_state=True)
@recorded
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    """Answer one request of API Gateway; every failure becomes an HTTP error with a code."""
    headers: dict[str, str] = {}
    try:
        own = Environment.read()
        headers = cors(own.ORIGINS, event) if own.ORIGINS else {}
        return response(200, _done(own, event, context), headers)
    except ChatError as error:
        refused(error)
        again = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
        return response(error.status, {"error": {"code": error.code, "message": error.message}}, {**again, **headers})
    except Exception as error:
        # The last resort: a client gets an answer whatever happens, and the log the reason.
        failed(error)
        content = {"error": {"code": "internal_error", "message": "Something went wrong on our side."}}
        return response(500, content, headers)


def _done(own: Environment, event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's own type
    who = caller(own, event)
    until = deadline(event, context)
    uploads = Uploads(s3(), history(), who.id, own) if own.ATTACHMENTS_BUCKET else None
    mine = Conversations(dynamodb(), own.HISTORY_TABLE, history(), who.id, until.left, uploads)
    route = str(event.get("httpMethod", "")), str(event.get("resource", ""))
    if uploads and (attaching := _ATTACHING.get(route)):
        return attaching(uploads, Request(event))
    action = _ACTIONS.get(route)
    if action is None:
        raise ChatError(404, "not_found", "There is nothing at this path.")
    return action(mine, Request(event))


class Request:
    """The parameters of a request."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event

    def path(self, name: str) -> str:
        return str((self._event.get("pathParameters") or {}).get(name, ""))

    @property
    def next(self) -> str | None:
        """Where a page begins."""
        return self._query.get("next")

    @property
    def before(self) -> int | None:
        """The turn before which a page ends."""
        found = self._query.get("before")
        if found is not None and not (found.isascii() and found.isdigit() and 1 <= int(found) <= 10**6):
            raise malformed("before is the number of a turn.")
        return int(found) if found else None

    @property
    def _query(self) -> dict[str, str]:
        return self._event.get("queryStringParameters") or {}

    def body(self, *wanted: str) -> dict[str, Any]:
        """The body, which has all of ``wanted``."""
        found = decoded(self._event, SCHEMA, "request")
        for name in wanted:
            if name not in found:
                raise malformed(f"The body has no {name}.")
        return found


_ACTIONS: dict[tuple[str, str], Callable[[Conversations, Request], dict[str, Any]]] = {
    ("GET", "/conversations"): lambda mine, asked: mine.listed(asked.next),
    ("DELETE", "/conversations"): lambda mine, _: mine.erase(),
    ("GET", "/conversations/{conversation}"): lambda mine, asked: mine.shown(asked.path("conversation"), asked.before),
    ("PATCH", "/conversations/{conversation}"): lambda mine, asked: mine.rename(
        asked.path("conversation"), asked.body("title")["title"]
    ),
    ("DELETE", "/conversations/{conversation}"): lambda mine, asked: mine.delete(asked.path("conversation")),
    ("POST", "/conversations/{conversation}/link"): lambda mine, asked: mine.share(asked.path("conversation")),
    ("DELETE", "/conversations/{conversation}/link"): lambda mine, asked: mine.revoke(asked.path("conversation")),
    ("GET", "/shared/{link}"): lambda mine, asked: mine.shared(asked.path("link"), asked.before),
    ("GET", "/export"): lambda mine, asked: mine.export(asked.next),
    ("GET", "/answers/{answer}"): lambda mine, asked: mine.answer(asked.path("answer")),
    ("POST", "/answers/{answer}/stop"): lambda mine, asked: mine.stop(asked.path("answer")),
    ("PUT", "/answers/{answer}/feedback"): lambda mine, asked: mine.rate(
        asked.path("answer"), asked.body("rating")["rating"], asked.body("rating").get("words")
    ),
}
#: What is done with attachments, where files can be attached.
_ATTACHING: dict[tuple[str, str], Callable[[Uploads, Request], dict[str, Any]]] = {
    ("POST", "/attachments"): lambda files, asked: files.announce(asked.body("name", "type", "size")),
    ("GET", "/attachments/{attachment}"): lambda files, asked: files.shown(asked.path("attachment")),
    ("DELETE", "/attachments/{attachment}"): lambda files, asked: files.delete(asked.path("attachment")),
}
