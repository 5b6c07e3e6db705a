"""The entry point of an assistant in AWS Lambda, which streams its answer as server-sent events."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from ..chat.deadline import Deadline, deadline
from ..chat.errors import OTHER_GROUP, TIMEOUT, ChatError
from ..chat.knowledge import Passage, retrieve
from ..chat.metrics import NAMESPACE
from ..chat.observed import Record, count, failed, recorded, refused, tokens, unsupported
from ..chat.price import Price
from ..chat.request import Caller, caller, client, cors, limits
from ..chat.service import chosen, converse_request, fitting
from ..chat.spending import PASSAGES, Spending, counting, most, refusing, reserve, spending
from ..history.environment import Environment as HistoryEnvironment
from ..history.reached import history as table
from ..history.table import (
    BLOCKED,
    CONFIRM,
    CONFIRMED,
    DONE,
    FAILED,
    STOPPED,
    CancelledError,
    History,
    Turn,
    Writing,
)
from ..streaming.runtime import Context
from ..usage_budget.budget import Budget, Reservation
from .answer import StoppedError, Streamed
from .asking import Asked, asked, held
from .completions import COMPLETIONS, MODELS, Completions, models
from .environment import Environment
from .events import Events
from .follow import follow
from .kinds import Asker, tools
from .loop import Limits, Loop

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
metrics.set_default_dimensions(function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "none"))
tracer = Tracer()

#: Seconds that API Gateway waits for the end of a response that streams:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
GATEWAY_SECONDS = 15 * 60
#: Seconds for a retrieval, between two parts of an answer, and until a database that was paused is asked again.
_RETRIEVAL, _BETWEEN, _WAKING = 10, 120, 10
_Event = tuple[str, dict[str, Any]]
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
        answer = Answer(own, event, events, deadline(event, context, GATEWAY_SECONDS))
        try:
            if path.endswith(MODELS):
                asker(own, event)
                events.respond(models(own.ASSISTANT, list(own.MODELS)))
                return
            told = answer.told()
        except ChatError as error:
            refused(error)
            answer.fail(error)
            return
        except Exception as error:
            # The last resort: a client is told whatever happens, and the log the reason.
            failed(error)
            answer.fail(ChatError(500, "internal_error", "Something went wrong on our side."))
            return
        if told is not None:
            tokens(told.input_tokens, told.output_tokens)
            answer.end(told)


class Answer:
    """The answer to one request.

    :param event: the request.
    :param until: when it has to end.
    """

    def __init__(self, own: Environment, event: dict[str, Any], events: Events, until: Deadline) -> None:
        self._own, self._event, self._events, self._until = own, event, events, until
        #: What writes the answer into the history; None if it is not stored, or was refused before.
        self._writing: Writing | None = None
        self._loop: Loop | None = None

    def told(self) -> Streamed | None:
        """Send the answer as events, within the budget of its user.

        The budget is reserved first: a question that is over budget costs nothing, and is refused with an HTTP status.

        :returns: None if the question was answered before, and the same answer was sent.
        :raises ChatError: for every reason for which there is no complete answer.
        """
        own, event = self._own, self._event
        who = asker(own, event)
        sub, history, budget = who.id, stored(), who.counted(counting())
        body = self._events.question(event, own.ASSISTANT)
        kept = HistoryEnvironment.read() if history else None
        request = asked(
            body,
            history,
            sub,
            own.ASSISTANT,
            kept.HISTORY_TURNS if kept else 0,
            kept.HISTORY_FILES if kept else None,
        )
        model = chosen(limits(), request.question)
        # Files are a part of what is reserved.
        first = converse_request(limits(), request.question, request.attached.passages)
        price = Price((own.PRICES or {}).get(model))
        member = who.groups
        passages = PASSAGES if own.KNOWLEDGE_BASE and member else 0
        if history and request.stored:
            begun = self._begun(history, sub, request, model, (budget, first, passages, member, price))
            if isinstance(begun, Turn):
                self._again(history, sub, begun)
                return None
            reserved = begun
        else:
            reserved = reserve(budget, sub, first, passages=passages, groups=member, price=price)
        with spending(budget, reserved, price) as spent:
            self._open(model)
            return self._streamed(request, first, Asker(who.claims, member, _token(event)), price, spent)

    def _begun(
        self,
        history: History,
        sub: str,
        request: Asked,
        model: str,
        cost: tuple[Budget | None, dict[str, Any], int, list[str], Price],
    ) -> Reservation | Turn | None:
        """Store the question and reserve what it may use, both or neither.

        :returns: what is reserved, if anything is counted; or the turn, if this was asked before.
        """
        writes, reserved = list[dict[str, Any]](), None
        budget, first, passages, member, price = cost
        if budget:
            with refusing():
                write, reserved = budget.reserving(sub, most(budget, first, price, passages), member)
            writes.append({"Update": write})
        if decision := request.decision:
            writes.append(history.deciding(sub, decision.turn, decision.digest))
        until = int(time.time() + self._until.left())
        question = request.as_stored(self._own.ASSISTANT, model, _request_id(self._event), until)
        begun: Writing | Turn | None = None
        try:
            begun = history.begin(sub, question, writes)
        except CancelledError as error:
            if budget and reserved and error.index == 0:
                with refusing():
                    raise budget.spent(reserved, error.item) from error
            raise CONFIRMED() from error
        finally:
            if budget and reserved and not isinstance(begun, Writing):
                # The transaction did not take place, and so did not reserve the user's day.
                Spending(budget, reserved.others).cancel()
        if isinstance(begun, Turn):
            return begun
        self._writing = begun
        self._events.record = begun.record.add
        return reserved

    def _open(self, model: str) -> None:
        written = self._writing
        kept = {"id": written.id, "conversation": written.conversation} if written else {}
        self._events.begin()
        self._events.send(
            "meta", assistant=self._own.ASSISTANT, model=model, request_id=_request_id(self._event), **kept
        )

    def _again(self, history: History, sub: str, turn: Turn) -> None:
        """Send an answer that was begun by an earlier request: what there is, and what is being written."""
        self._events.begin()
        self._events.send(
            "meta",
            assistant=self._own.ASSISTANT,
            model=str(turn.details["model"]),
            request_id=_request_id(self._event),
            id=turn.id,
            conversation=turn.conversation,
        )
        follow(history, sub, turn, self._events.send, self._until.left)

    def _streamed(self, request: Asked, first: dict[str, Any], who: Asker, price: Price, spent: Spending) -> Streamed:
        own, events = self._own, self._events
        shown = list(request.attached.passages)
        if own.KNOWLEDGE_BASE and request.decision is None:
            found = _found(own, own.KNOWLEDGE_BASE, request.question, list(who.groups), self._until)
            if not found and not shown:
                unsupported()
                events.send("delta", text=NO_SUPPORT)
                return Streamed(stop_reason="no_support")
            first, shown = fitting(limits(), request.question, [*shown, *found], spent.admits)
        for each in dict.fromkeys(shown):
            events.send("source", document=each.document, uri=each.uri)
        record = Record(chosen(limits(), request.question), self._event)
        self._loop = loop = Loop(
            client=client("bedrock-runtime", _BETWEEN),
            tools=tools(own.TOOLS, who),
            send=record.timed(events.send),
            go_on=self._go_on,
            left=self._until.left,
            admits=spent.admits,
            price=price,
            limits=Limits(**own.LIMITS) if own.LIMITS else Limits(),
            count=count,
            begin=record.begin,
            recorded=record.call,
        )
        spent.asked = True
        try:
            if decision := request.decision:
                loop.resume(first, decision.pending, approved=decision.approved)
            else:
                loop.run(first)
            spent.used = loop.used
        except StoppedError:
            spent.used = loop.stopped()
            loop.told.stop_reason = "stopped"
        return loop.told

    def _go_on(self) -> None:
        if self._writing and self._writing.look():
            raise StoppedError()
        if self._until.left() <= 0:
            raise TIMEOUT()

    def end(self, told: Streamed) -> None:
        """Store and send the end of an answer: it is stored first, so that the next question finds it complete."""
        state = {"confirm": CONFIRM, "stopped": STOPPED}.get(told.stop_reason, DONE)
        last: list[_Event] = [
            ("usage", {"input_tokens": told.input_tokens, "output_tokens": told.output_tokens}),
            ("done", {"stop_reason": told.stop_reason}),
        ]
        pending = self._loop.pending if self._loop and state == CONFIRM else None
        self._end(state, last, (held(pending), pending.digest) if pending else None)

    def fail(self, error: ChatError) -> None:
        """Store and send the end of an answer that failed."""
        retry = {} if error.retry_seconds is None else {"retry_seconds": error.retry_seconds}
        told: dict[str, Any] = {"status": error.status, "code": error.code, "message": error.message, **retry}
        state, last = FAILED, list[_Event]([("error", told)])
        if error.code.endswith("_blocked"):
            blocked = {"code": error.code, "message": error.message}
            state, last = BLOCKED, [("guardrail", blocked), ("done", {"stop_reason": "guardrail_intervened"})]
        if self._events.begun:
            self._end(state, last)
            return
        if self._writing:
            self._end(state, last, send=False)
        again = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
        self._events.refuse(error.status, {"error": {"code": error.code, "message": error.message}}, again)

    def _end(
        self,
        state: str,
        last: list[_Event],
        pending: tuple[dict[str, Any], str] | None = None,
        *,
        send: bool = True,
    ) -> None:
        if self._writing:
            for name, data in last:
                self._writing.record.add(name, data)
            self._writing.end(state, *(pending or ()))
            self._events.record = lambda _event, _data: None
        if send:
            for name, data in last:
                self._events.send(name, **data)


@cache
def stored() -> History | None:
    """Where conversations are stored. None if they are not."""
    if "HISTORY_TABLE" not in os.environ:
        return None
    return table()


def asker(own: Environment, event: dict[str, Any]) -> Caller:
    """Whoever asks.

    :raises ChatError: if nobody has signed in, at another application, or without a group that may ask.
    """
    who = caller(own, event)
    if own.GROUPS is not None and not set(own.GROUPS) & set(who.groups):
        raise OTHER_GROUP()
    return who


def _found(
    own: Environment, knowledge: str, question: Mapping[str, Any], groups: list[str], until: Deadline
) -> list[Passage]:
    if not groups:
        return []
    finder, said = client("bedrock-agent-runtime", _RETRIEVAL), question["messages"][-1]["text"]
    return retrieve(finder, knowledge, said, groups, own.SEARCH or {}, _waits(until))


def _waits(until: Deadline) -> Iterator[float]:
    """The waits for a database that wakes up, while there is time for an answer."""
    while until.left() > 2 * _WAKING + _BETWEEN:
        yield _WAKING


def _token(event: Mapping[str, Any]) -> str:
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return str(sent.get("authorization", "")).removeprefix("Bearer ")


def _request_id(event: Mapping[str, Any]) -> str:
    return str((event.get("requestContext") or {}).get("requestId", ""))
