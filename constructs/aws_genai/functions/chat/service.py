"""A question to a model, through the guardrail: plain functions without AWS Lambda in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from .errors import AWS_ERRORS, GARBLED, TIMEOUT, UNREACHABLE, blocked, malformed, unknown_model


@dataclass(frozen=True)
class Limits:
    """What the settings allow."""

    models: tuple[str, ...]
    max_tokens: int
    temperature: float
    no_temperature: frozenset[str]
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


def ask(client: Any, limits: Limits, question: Mapping[str, Any]) -> Answer:  # noqa: ANN401 - boto3 has no types
    """Ask the model and return its answer.

    :param client: a ``bedrock-runtime`` client of boto3.
    :param question: a body that satisfies ``request.schema.json``.
    :raises ChatError: for every way in which there is no answer.
    """
    request = converse_request(limits, question)
    try:
        response = client.converse(**request)
    except ClientError as error:
        known = AWS_ERRORS.get(error.response.get("Error", {}).get("Code", ""))
        raise known or GARBLED from error
    except (ReadTimeoutError, ConnectTimeoutError) as error:
        raise TIMEOUT from error
    except BotoCoreError as error:
        raise UNREACHABLE from error
    return read_answer(response, request["modelId"])


def converse_request(limits: Limits, question: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of Converse, bounded by the settings.

    No part is marked as guarded content, so that the guardrail assesses every message whole: earlier answers too,
    which the client hands back and could have forged. A client cannot choose what is assessed.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html

    :raises ChatError: if the model is not allowed, or the conversation does not begin and end with the user.
    """
    model = question.get("model", limits.models[0])
    if model not in limits.models:
        raise unknown_model(model, list(limits.models))
    messages = question["messages"]
    roles = [message["role"] for message in messages]
    if roles[0] != "user" or roles[-1] != "user" or any(a == b for a, b in pairwise(roles)):
        raise malformed("Messages alternate between user and assistant, and the first and the last are the user's.")
    inference: dict[str, Any] = {"maxTokens": min(question.get("max_tokens", limits.max_tokens), limits.max_tokens)}
    if model not in limits.no_temperature:
        inference["temperature"] = min(question.get("temperature", limits.temperature), limits.temperature)
    return {
        "modelId": model,
        "messages": [{"role": message["role"], "content": [{"text": message["text"]}]} for message in messages],
        "system": [{"text": limits.system_prompt}],
        "inferenceConfig": inference,
        "guardrailConfig": {
            "guardrailIdentifier": limits.guardrail_id,
            "guardrailVersion": limits.guardrail_version,
            "trace": "enabled",
        },
    }


def read_answer(response: Mapping[str, Any], model: str) -> Answer:
    """The typed answer in a response of Converse.

    :raises ChatError: if the guardrail intervened, or the response holds no text.
    """
    try:
        text = "".join(part["text"] for part in response["output"]["message"]["content"] if "text" in part)
        stop_reason, usage = str(response["stopReason"]), response["usage"]
        answer = Answer(text, model, stop_reason, int(usage["inputTokens"]), int(usage["outputTokens"]))
    except (KeyError, TypeError, ValueError) as error:
        raise GARBLED from error
    if stop_reason == "guardrail_intervened":
        raise blocked(_blocked_part(response), text)
    if stop_reason == "content_filtered":
        raise blocked("output", "The model's provider withheld the answer.")
    if not text:
        raise GARBLED
    return answer


def _blocked_part(response: Mapping[str, Any]) -> str:
    """Whether the question or the answer was refused: an answer is assessed only once a question has passed."""
    trace = response.get("trace", {}).get("guardrail", {})
    return "output" if trace.get("outputAssessments") else "input"
