"""The entry point of an assistant in AWS Lambda, which streams its answer as server-sent events."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from ..chat.deadline import Deadline, deadline
from ..chat.errors import OTHER_CLIENT, TIMEOUT, ChatError
from ..chat.knowledge import COGNITO_GROUPS, Passage, groups_of, retrieve
from ..chat.metrics import NAMESPACE
from ..chat.observed import Record, count, failed, recorded, refused, tokens, unsupported
from ..chat.request import claims, client, cors, limits
from ..chat.service import chosen, converse_request, fitting
from ..chat.spending import PASSAGES, Spending, counting, spending
from ..streaming.runtime import Context
from .answer import Streamed
from .completions import COMPLETIONS, MODELS, Completions, models
from .environment import Environment
from .events import Events
from .kinds import Asker, tools
from .loop import Limits, Loop
from .price import Price

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))
tracer = Tracer()

#: Seconds that API Gateway waits for the end of a response that streams:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
GATEWAY_SECONDS = 15 * 60
#: Seconds for a retrieval, between two parts of an answer, and until a database that was paused is asked again.
_RETRIEVAL, _BETWEEN, _WAKING = 10, 120, 10
#: What is answered when nothing that the user may read fits the question. It costs no tokens.
NO_SUPPORT = "I found nothing about this in the documents that you may read."


@metrics.log_metrics
@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context(log_event=False, clear_state=True)
@recorded
def handler(event: dict[str, Any], context: Context) -> None:
    """Answer one request of API Gateway; every failure becomes an HTTP error or, once events were sent, an event."""
    own = Environment.read()
    path = str(event.get("resource", ""))
    form = Completions if path.endswith((COMPLETIONS, MODELS)) else Events
    with form(context.stream, cors(own.ORIGINS, event) if own.ORIGINS else {}) as events:
        try:
            if path.endswith(MODELS):
                _asker(own, event)
                events.respond(models(own.ASSISTANT, list(own.MODELS)))
                return
            told = answered(own, event, events, deadline(event, context, GATEWAY_SECONDS))
        except ChatError as error:
            refused(error)
            _fail(events, error)
            return
        except Exception as error:
            # The last resort: a client is told whatever happens, and the log the reason.
            failed(error)
            _fail(events, ChatError(500, "internal_error", "Something went wrong on our side."))
            return
        tokens(told.input_tokens, told.output_tokens)
        events.send("usage", input_tokens=told.input_tokens, output_tokens=told.output_tokens)
        events.send("done", stop_reason=told.stop_reason)


def _fail(events: Events, error: ChatError) -> None:
    if not events.begun:
        again = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
        events.refuse(error.status, {"error": {"code": error.code, "message": error.message}}, again)
        return
    if error.code.endswith("_blocked"):
        events.send("guardrail", code=error.code, message=error.message)
        events.send("done", stop_reason="guardrail_intervened")
        return
    retry = {} if error.retry_seconds is None else {"retry_seconds": error.retry_seconds}
    events.send("error", status=error.status, code=error.code, message=error.message, **retry)


def answered(own: Environment, event: dict[str, Any], events: Events, until: Deadline) -> Streamed:
    """Send the answer to one request as events, within the budget of its user.

    The budget is reserved first: a question that is over budget costs nothing, and is refused with an HTTP status.

    :raises ChatError: for every way in which there is no complete answer.
    """
    who = _asker(own, event)
    question, knowledge = events.question(event, own.ASSISTANT), own.KNOWLEDGE_BASE or ""
    model, request = chosen(limits(), question), converse_request(limits(), question)
    groups = groups_of(who, own.GROUPS_CLAIM or COGNITO_GROUPS) if knowledge else []
    with spending(counting(), str(who["sub"]), request, PASSAGES if groups else 0) as spent:
        events.begin()
        events.send("meta", assistant=own.ASSISTANT, model=model, request_id=_request_id(event))
        if knowledge:
            passages = _found(own, knowledge, question, groups, until)
            if not passages:
                unsupported()
                events.send("delta", text=NO_SUPPORT)
                return Streamed(stop_reason="no_support")
            request, passages = fitting(limits(), question, passages, spent.admits)
            for each in dict.fromkeys(passages):
                events.send("source", document=each.document, uri=each.uri)
        loop = _loop(own, event, who, model, events, until, spent)
        spent.asked = True
        told = loop.run(request)
        spent.used = told.tokens
        return told


def _asker(own: Environment, event: dict[str, Any]) -> dict[str, Any]:
    """The claims of whoever asks.

    :raises ChatError: if nobody has signed in, or at another application.
    """
    who = claims(event)
    if own.CLIENT_IDS is not None and who.get("aud") not in own.CLIENT_IDS:
        # The authorizer accepts the tokens of every app client of the user pool.
        raise OTHER_CLIENT()
    return who


def _found(
    own: Environment, knowledge: str, question: Mapping[str, Any], groups: list[str], until: Deadline
) -> list[Passage]:
    if not groups:
        return []
    finder, asked = client("bedrock-agent-runtime", _RETRIEVAL), question["messages"][-1]["text"]
    return retrieve(finder, knowledge, asked, groups, own.SEARCH or {}, _waits(until))


def _waits(until: Deadline) -> Iterator[float]:
    """The waits for a database that wakes up, while there is time for an answer."""
    while until.left() > 2 * _WAKING + _BETWEEN:
        yield _WAKING


def _loop(
    own: Environment,
    event: Mapping[str, Any],
    who: Mapping[str, Any],
    model: str,
    events: Events,
    until: Deadline,
    spent: Spending,
) -> Loop:
    """The loop of one answer, with the tools of the assistant's kind."""

    def go_on() -> None:
        if until.left() <= 0:
            raise TIMEOUT()

    asker = Asker(who, groups_of(who, own.GROUPS_CLAIM or COGNITO_GROUPS), _token(event))
    limits = Limits(**own.LIMITS) if own.LIMITS else Limits()
    record = Record(model, event)
    return Loop(
        client=client("bedrock-runtime", _BETWEEN),
        tools=tools(own.TOOLS, asker),
        send=record.timed(events.send),
        go_on=go_on,
        left=until.left,
        admits=spent.admits,
        price=Price((own.PRICES or {}).get(model)),
        limits=limits,
        count=count,
        begin=record.begin,
        recorded=record.call,
    )


def _token(event: Mapping[str, Any]) -> str:
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return str(sent.get("authorization", "")).removeprefix("Bearer ")


def _request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId", ""))
