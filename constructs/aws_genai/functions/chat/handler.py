"""The chat endpoint's entry point in AWS Lambda."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from .deadline import Deadline, deadline
from .environment import Environment
from .errors import NO_TIME, ChatError
from .knowledge import Passage, retrieve
from .metrics import NAMESPACE
from .observed import ModelCall, failed, recorded, refused, tokens, unsupported
from .price import Price
from .request import CONNECT_SECONDS as _CONNECT, body, caller, client, cors, limits, response
from .service import Answer, ask, chosen, converse_request, fitting
from .spending import CONNECT_SECONDS, PASSAGES, READ_SECONDS, counting, reserve, spending

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
# An account has several environments, and each its own function.
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))
tracer = Tracer()

#: Seconds for each retrieval.
_RETRIEVAL = 4
#: Seconds after which a knowledge base whose database was paused is asked once more.
_WAKING_SECONDS = 10
#: Minimum number of seconds for the model: with less, it would be paid for an answer that nobody waits for.
_LEAST_MODEL = 4


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
        answer, passages = answered(own, event, deadline(event, context))
    except ChatError as error:
        refused(error)
        again = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
        return response(error.status, {"error": {"code": error.code, "message": error.message}}, {**again, **headers})
    except Exception as error:
        # The last resort: a client gets an answer whatever happens, and the log the reason.
        failed(error)
        content = {"error": {"code": "internal_error", "message": "Something went wrong on our side."}}
        return response(500, content, headers)
    tokens(answer.input_tokens, answer.output_tokens)
    sources = [{"document": each.document, "uri": each.uri} for each in dict.fromkeys(passages)]
    return response(200, {**answer.as_dict(), **({"sources": sources} if own.KNOWLEDGE_BASE else {})}, headers)


def answered(own: Environment, event: dict[str, Any], until: Deadline) -> tuple[Answer, list[Passage]]:
    """The answer to one request, within the budget of its user, and the passages that the model was shown.

    The budget is reserved first: a question that is over budget costs nothing.

    :raises ChatError: for every way in which there is no answer.
    """
    who = caller(own, event)
    question, budget, knowledge = body(event), who.counted(counting()), own.KNOWLEDGE_BASE or ""
    model, request = chosen(limits(), question), converse_request(limits(), question)
    groups, price = who.groups if knowledge else [], Price((own.PRICES or {}).get(model))
    # Settling uses the connection of the reservation, and a second retrieval that of the first.
    reserving, settling = (CONNECT_SECONDS + READ_SECONDS, READ_SECONDS) if budget else (0, 0)
    after = _CONNECT + _LEAST_MODEL + settling
    _enough(until, reserving + after)
    reserved = reserve(budget, who.id, request, passages=PASSAGES if groups else 0, groups=who.groups, price=price)
    with spending(budget, reserved, price) as spent:
        passages = list[Passage]()
        if groups:
            _enough(until, _CONNECT + _RETRIEVAL + after)
            asked = question["messages"][-1]["text"]
            finder, waits = client("bedrock-agent-runtime", _RETRIEVAL), _waits(until, _RETRIEVAL + after)
            passages = retrieve(finder, knowledge, asked, groups, own.SEARCH or {}, waits)
            request, passages = fitting(limits(), question, passages, spent.admits)
        if knowledge and not passages:
            unsupported()
        # In steps of two seconds, so that few clients are made.
        _enough(until, after)
        models = client("bedrock-runtime", int(until.left() - _CONNECT - settling) // 2 * 2)
        spent.asked = True
        with ModelCall(request, model) as call:
            answer = ask(models, request, model)
            call.ended(answer.stop_reason, answer.input_tokens, answer.output_tokens, answer.text)
        spent.used = price.of(answer.input_tokens, answer.output_tokens)
    return answer, passages


def _enough(until: Deadline, seconds: float) -> None:
    """Begin nothing that nobody would wait for the end of.

    :raises ChatError: if there are fewer seconds left.
    """
    if until.left() < seconds:
        raise NO_TIME()


def _waits(until: Deadline, after: float) -> Iterator[float]:
    """The one wait for a database that wakes up, if there is time for it and ``after`` seconds more."""
    if until.left() >= _WAKING_SECONDS + after:
        yield _WAKING_SECONDS
