"""An answer of a model, part by part, as events: plain functions without AWS Lambda in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from ..chat.errors import AWS_ERRORS, GARBLED, TIMEOUT, UNREACHABLE, ChatError, blocked

Send = Callable[..., None]


@dataclass
class Streamed:
    """What a stream has told so far."""

    stop_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    #: Whether Bedrock has reported the tokens; until then, what the answer costs is not known.
    reported: bool = False
    #: Whether the guardrail assessed an answer, and so not the question alone.
    output_assessed: bool = False
    text: bool = False

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def stream(
    client: Any,  # noqa: ANN401 - boto3 has no types
    request: Mapping[str, Any],
    send: Send,
    in_time: Callable[[], bool],
) -> Streamed:
    """Ask the model and send each part of its answer as it arrives.

    The guardrail assesses each part before it is sent (``sync``).
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

    :param client: a ``bedrock-runtime`` client of boto3.
    :param request: arguments of Converse.
    :param in_time: returns whether there is time to go on.
    :raises ChatError: for every way in which there is no complete answer.
    """
    told, guardrail = Streamed(), {**request["guardrailConfig"], "streamProcessingMode": "sync"}
    try:
        response = client.converse_stream(**{**request, "guardrailConfig": guardrail})
        for part in response["stream"]:
            _take(part, told, send)
            if not in_time():
                response["stream"].close()
                raise TIMEOUT()
    except (ClientError, BotoCoreError, KeyError, TypeError, ValueError) as error:
        raise _broken(error, told) from error
    _check(told)
    return told


def _broken(error: Exception, told: Streamed) -> ChatError:
    """What an error of the request, or in the stream, means to the caller."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        # Those of events in the stream begin with a small letter.
        kind = AWS_ERRORS.get(f"{code[:1].upper()}{code[1:]}", GARBLED)
    elif isinstance(error, (ReadTimeoutError, ConnectTimeoutError)):
        kind = TIMEOUT
    else:
        kind = UNREACHABLE if isinstance(error, BotoCoreError) else GARBLED
    found = kind()
    if told.text:
        # What was generated is paid for, and how much that is was not reported.
        found.tokens = None
    return found


def _take(part: Mapping[str, Any], told: Streamed, send: Send) -> None:
    if text := part.get("contentBlockDelta", {}).get("delta", {}).get("text"):
        told.text = True
        send("delta", text=text)
    elif "messageStop" in part:
        told.stop_reason = str(part["messageStop"]["stopReason"])
    elif "metadata" in part:
        usage = part["metadata"]["usage"]
        told.input_tokens, told.output_tokens = int(usage["inputTokens"]), int(usage["outputTokens"])
        told.reported = True
        trace = part["metadata"].get("trace", {}).get("guardrail", {})
        told.output_assessed = bool(trace.get("outputAssessments"))


def _check(told: Streamed) -> None:
    """Refuse what is no complete answer."""
    if not told.stop_reason or not told.reported:
        raise GARBLED()
    if told.stop_reason == "guardrail_intervened":
        part = "output" if told.output_assessed else "input"
        raise blocked(part, "The guardrail blocked this.", told.tokens)
    if told.stop_reason == "content_filtered":
        raise blocked("output", "The model's provider withheld the answer.", told.tokens)
    if not told.text:
        raise GARBLED()
