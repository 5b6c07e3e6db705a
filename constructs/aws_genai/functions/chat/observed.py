"""What is recorded of a request: log, metrics and trace, without what was asked and answered, and without who asked.

The trace has a subsegment for each call of a model with the attributes of OpenTelemetry's conventions for generative
AI. Their names have dots, which keys of X-Ray annotations cannot have: those that traces are searched by are
annotations with underscores, and all of them are metadata under their own names.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html

Messages of exceptions may quote a request, so logs and traces hold the type, the code and the place of an error only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Self, TypeVar

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError

from .errors import ChatError
from .metrics import FAILED, FIRST_TOKEN, INPUT_TOKENS, NAMESPACE, NO_SUPPORT, OUTPUT_TOKENS, refusals

_Result = TypeVar("_Result")

logger = Logger()
metrics = Metrics(namespace=NAMESPACE)
tracer = Tracer()


class _WithoutMessages:
    """Takes messages of exceptions, which the SDK records of every call that fails, before anything is sent.

    :param emitter: the emitter of the X-Ray SDK.
    """

    def __init__(self, emitter: Any) -> None:  # noqa: ANN401 - the X-Ray SDK has no types
        self._emitter = emitter

    def send_entity(self, entity: Any) -> None:  # noqa: ANN401
        _take_messages(entity)
        self._emitter.send_entity(entity)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._emitter, name)


def _take_messages(entity: Any) -> None:  # noqa: ANN401
    found = entity.cause if isinstance(getattr(entity, "cause", None), dict) else {}
    for each in found.get("exceptions", ()):
        each.message = None
    for values in entity.metadata.values():
        for name, value in values.items():
            if isinstance(value, BaseException):
                values[name] = type(value).__name__
    for each in entity.subsegments:
        _take_messages(each)


#: The X-Ray recorder, which has no types.
_recorder: Any = tracer.provider
if not isinstance(_recorder.emitter, _WithoutMessages):
    _recorder.emitter = _WithoutMessages(_recorder.emitter)

#: Characters of a question or an answer in the log, which takes 256 KB in one event.
_MOST_LOGGED = 50_000
#: Milliseconds after which the time of a request is that of another clock.
_OLDEST = 15 * 60 * 1000


class BrokenError(Exception):
    """A request that could not be answered at all; the message is the type of the reason."""


def recorded(handler: Callable[[dict[str, Any], Any], _Result]) -> Callable[[dict[str, Any], Any], _Result]:
    """Tie log and trace of a request to its id, and let no message of an exception out.

    An exception that leaves the handler, such as one of a response that cannot be written, is replaced by one that
    names its type: AWS Lambda logs what leaves it, with everything that was raised before. Decorate the handler with it
    below Powertools' own decorators.
    """

    @wraps(handler)
    def wrapped(event: dict[str, Any], context: Any) -> _Result:  # noqa: ANN401 - Lambda's context
        request_id = str((event.get("requestContext") or {}).get("requestId", ""))
        if request_id:
            # The id that clients are told; Powertools adds the id of the trace.
            logger.append_keys(request_id=request_id)
            tracer.put_annotation("request_id", request_id)
        try:
            return handler(event, context)
        except Exception as error:
            logger.error("broken", extra={"cause": cause(error)})
            raise BrokenError(type(error).__name__) from None

    return wrapped


def refused(error: ChatError) -> None:
    """Record an error response."""
    why = {"cause": cause(error)} if error.status >= 500 else {}
    logger.warning("refused", extra={"code": error.code, "status": error.status, **why})
    for name in refusals(error.code):
        count(name)


def failed(error: BaseException) -> None:
    """Record what nobody foresaw."""
    logger.error("failed", extra={"cause": cause(error)})
    count(FAILED)


def tokens(input_tokens: int, output_tokens: int) -> None:
    """Record the tokens of an answer."""
    count(INPUT_TOKENS, input_tokens)
    count(OUTPUT_TOKENS, output_tokens)


def unsupported() -> None:
    """Record a question to which the documents say nothing."""
    count(NO_SUPPORT)


def count(name: str, value: float = 1) -> None:
    """Add to a metric that counts."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def cause(error: BaseException | None) -> list[dict[str, Any]]:
    """An error and its causes: the type, AWS's code and request id, and where it was raised."""
    found: list[dict[str, Any]] = []
    while error is not None and len(found) < 10:
        one: dict[str, Any] = {"type": type(error).__name__}
        if isinstance(error, ClientError):
            one["code"] = error.response.get("Error", {}).get("Code", "")
            one["operation"] = error.operation_name
            one["aws_request_id"] = error.response.get("ResponseMetadata", {}).get("RequestId", "")
        one["at"] = [
            f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in extract_tb(error.__traceback__)
        ]
        found.append(one)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


class ModelCall:
    """One call of a model, with the attributes of OpenTelemetry's conventions. It is recorded while it is entered.

    :param request: arguments of Converse.
    :param model: id of the model. Default: that of the request, which may be an inference profile.
    :param text: parts of the answer that were sent. Default: they are given when it ends.
    """

    def __init__(self, request: Mapping[str, Any], model: str = "", text: list[str] | None = None) -> None:
        self._request, self._text = request, [] if text is None else text
        self._span: Any = None
        self.attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "aws.bedrock",
            "gen_ai.request.model": model or str(request.get("modelId", "")),
        }

    def __enter__(self) -> Self:
        # None where there is no trace.
        self._span = _recorder.begin_subsegment(f"chat {self.attributes['gen_ai.request.model']}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            # https://opentelemetry.io/docs/specs/semconv/attributes-registry/error/
            self.attributes["error.type"] = error.code if isinstance(error, ChatError) else type(error).__name__
        if self._span is not None:
            self._told(self._span)
            _recorder.end_subsegment()
        if os.environ.get("LOG_CONTENT") == "true":
            asked = _text(self._request["messages"][-1])
            logger.info("content", extra={"question": _cut(asked), "answer": _cut("".join(self._text))})

    def ended(self, stop_reason: str, input_tokens: int, output_tokens: int, text: str = "") -> None:
        """Tell of the end of the response.

        :param text: the answer, unless it was sent in parts.
        """
        self.attributes |= {
            "gen_ai.response.finish_reasons": [stop_reason],
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
        }
        if text:
            self._text = [text]

    def _told(self, span: Any) -> None:  # noqa: ANN401 - the X-Ray SDK has no types
        for name, value in self.attributes.items():
            span.put_metadata(name, value, "gen_ai")
            # A trace has at most 50 annotations, and an answer may take several calls.
            if name in _SEARCHED:
                span.put_annotation(name.replace(".", "_"), value[0] if isinstance(value, list) else value)
        if "error.type" in self.attributes:
            span.add_error_flag()


_SEARCHED = frozenset(
    {
        "gen_ai.request.model",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "error.type",
    }
)


class Record:
    """What is recorded of an answer that streams, which may take several calls of a model.

    :param model: id of the model.
    :param event: the request of API Gateway.
    """

    def __init__(self, model: str, event: Mapping[str, Any]) -> None:
        self._model, self._arrived = model, _arrived(event)
        self._begun = False
        self._text: list[str] = []
        self._entity: Any = None

    def timed(self, send: Callable[..., None]) -> Callable[..., None]:
        """``send``, with the time of the first ``delta`` recorded."""

        def sending(event: str, **data: Any) -> None:  # noqa: ANN401 - JSON
            if event == "delta":
                if not self._begun:
                    self._begun = True
                    waited = max(0.0, time.time() * 1000 - self._arrived)
                    metrics.add_metric(name=FIRST_TOKEN, unit=MetricUnit.Milliseconds, value=round(waited))
                self._text.append(str(data.get("text", "")))
            send(event, **data)

        return sending

    @contextmanager
    def call(self, request: Mapping[str, Any]) -> Iterator[ModelCall]:
        """Record one call of the model.

        :param request: arguments of Converse.
        """
        self._text.clear()
        with ModelCall(request, self._model, self._text) as call:
            self._entity = call._span
            yield call

    def begin(self) -> None:
        """Let a thread record what it calls as part of the call of the model. Call it first in the thread.

        https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-python-subsegments.html
        """
        if self._entity is not None and not tracer.disabled:
            # The first call in a thread begins its context, the second replaces what it is in.
            _recorder.get_trace_entity()
            _recorder.set_trace_entity(self._entity)


def _arrived(event: Mapping[str, Any]) -> float:
    """When a request arrived at API Gateway, in milliseconds since the epoch; now, if the event does not tell.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
    """
    now, arrived = time.time() * 1000, (event.get("requestContext") or {}).get("requestTimeEpoch")
    return float(arrived) if isinstance(arrived, int | float) and 0 <= now - arrived <= _OLDEST else now


def _text(message: Mapping[str, Any]) -> str:
    """All text in a message of Converse."""
    parts = (
        each.get("text") or each.get("guardContent", {}).get("text", {}).get("text", "") for each in message["content"]
    )
    return "\n".join(str(each) for each in parts)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_LOGGED else f"{text[:_MOST_LOGGED]}... ({len(text)} characters)"
