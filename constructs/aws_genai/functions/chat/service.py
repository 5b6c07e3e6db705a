"""A question to a model, through the guardrail: plain functions without AWS Lambda in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from ..untrusted.text import RULE, neutral
from .errors import AWS_ERRORS, GARBLED, TIMEOUT, UNREACHABLE, blocked, malformed, unknown_model
from .knowledge import Passage, grounded


@dataclass(frozen=True)
class Limits:
    """What the settings allow."""

    #: What a question to each model holds beside its text; the first is asked unless another is named.
    models: Mapping[str, Mapping[str, Any]]
    #: The application's own names of models.
    profiles: Mapping[str, str]
    guardrail_id: str
    guardrail_version: str
    system_prompt: str


@dataclass(frozen=True)
class Answer:
    """A model's answer and what it cost in tokens."""

    text: str
    model: str
    stop_reason: str
    input_tokens: int
    output_tokens: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def ask(client: Any, request: Mapping[str, Any], model: str) -> Answer:  # noqa: ANN401 - boto3 has no types
    """Ask the model and return its answer.

    :param client: a ``bedrock-runtime`` client of boto3.
    :param request: what :func:`converse_request` made.
    :raises ChatError: for every way in which there is no answer.
    """
    try:
        response = client.converse(**request)
    except ClientError as error:
        known = AWS_ERRORS.get(error.response.get("Error", {}).get("Code", ""))
        raise (known or GARBLED)() from error
    except (ReadTimeoutError, ConnectTimeoutError) as error:
        raise TIMEOUT() from error
    except BotoCoreError as error:
        raise UNREACHABLE() from error
    return read_answer(response, model)


def chosen(limits: Limits, question: Mapping[str, Any]) -> str:
    """The model that a question is for.

    :raises ChatError: if it is not offered.
    """
    model = str(question.get("model") or next(iter(limits.models)))
    if model not in limits.models:
        raise unknown_model(model, list(limits.models))
    return model


def converse_request(limits: Limits, question: Mapping[str, Any], passages: Sequence[Passage] = ()) -> dict[str, Any]:
    """The arguments of Converse, bounded by the settings.

    Without passages no part is marked as guarded content, so that the guardrail assesses every message whole: earlier
    answers too, which the client hands back and could have forged. A client cannot choose what is assessed.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html

    :raises ChatError: if the model is not allowed, or the conversation does not begin and end with the user.
    """
    model = chosen(limits, question)
    messages = question["messages"]
    roles = [message["role"] for message in messages]
    if roles[0] != "user" or roles[-1] != "user" or any(a == b for a, b in pairwise(roles)):
        raise malformed("Messages alternate between user and assistant, and the first and the last are the user's.")
    shown = [{"role": message["role"], "content": [{"text": neutral(message["text"]) or " "}]} for message in messages]
    system = limits.system_prompt
    if passages:
        shown, system = grounded(messages, passages), f"{system}\n{RULE}"
    own = limits.models[model]
    inference = dict(own["inferenceConfig"])
    for theirs, ours in (("max_tokens", "maxTokens"), ("temperature", "temperature")):
        if theirs in question and ours in inference:
            inference[ours] = min(question[theirs], inference[ours])
    return {
        **own,
        "modelId": limits.profiles.get(model, model),
        "messages": shown,
        "system": [{"text": system}],
        "inferenceConfig": inference,
        "guardrailConfig": {
            "guardrailIdentifier": limits.guardrail_id,
            "guardrailVersion": limits.guardrail_version,
            "trace": "enabled",
        },
    }


def fitting(
    limits: Limits,
    question: Mapping[str, Any],
    passages: Sequence[Passage],
    admits: Callable[[Mapping[str, Any]], bool],
) -> tuple[dict[str, Any], list[Passage]]:
    """The arguments of Converse with as many of the passages as ``admits`` lets through, and those passages.

    The last ones, which fit the question least, are left out first; the only one that is left is shortened.
    """
    kept = list(passages)
    request = converse_request(limits, question, kept)
    while kept and not admits(request):
        last = kept.pop()
        if not kept and len(last.text) > _SHORTEST:
            kept = [replace(last, text=last.text[: len(last.text) // 2])]
        request = converse_request(limits, question, kept)
    return request, kept


#: Characters of a passage below which it is left out and not shortened.
_SHORTEST = 400


def read_answer(response: Mapping[str, Any], model: str) -> Answer:
    """The typed answer in a response of Converse.

    :raises ChatError: if the guardrail intervened, or the response holds no text.
    """
    try:
        text = "".join(part["text"] for part in response["output"]["message"]["content"] if "text" in part)
        stop_reason, usage = str(response["stopReason"]), response["usage"]
        answer = Answer(text, model, stop_reason, int(usage["inputTokens"]), int(usage["outputTokens"]))
    except (KeyError, TypeError, ValueError) as error:
        raise GARBLED() from error
    used = answer.input_tokens + answer.output_tokens
    if stop_reason == "guardrail_intervened":
        raise blocked(_blocked_part(response), text, used)
    if stop_reason == "content_filtered":
        raise blocked("output", "The model's provider withheld the answer.", used)
    if not text:
        raise GARBLED()
    return answer


def _blocked_part(response: Mapping[str, Any]) -> str:
    """Whether the question or the answer was refused: an answer is assessed only once a question has passed."""
    trace = response.get("trace", {}).get("guardrail", {})
    return "output" if trace.get("outputAssessments") else "input"
