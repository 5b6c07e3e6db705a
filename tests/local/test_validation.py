"""Requests to models that Bedrock refuses are refused here, over the wire and in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Local

MODEL = "us.amazon.nova-lite-v1:0"
USER = {"role": "user", "content": [{"text": "Hello"}]}
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CLAUDE_BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
}


@pytest.fixture(scope="module")
def runtime(local: Local) -> Any:
    """A client that sends what botocore itself would refuse."""
    return local.client("bedrock-runtime", parameter_validation=False)


def refused(call: Any, **request: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as error:
        call(**request)
    answer = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"messages": []}, "A conversation must start with a user message."),
        ({"messages": [{**USER, "role": "assistant"}]}, "A conversation must start with a user message."),
        ({"messages": [USER, USER]}, "A conversation must alternate between user and assistant roles."),
        ({"messages": [{"role": "user", "content": [{"text": " "}]}]}, "is blank. Add text to the text field"),
        ({"messages": [{"role": "user"}]}, "1 validation error detected: Value null at 'messages.1.member.content'"),
        ({"messages": [USER], "inferenceConfig": {"temperature": 7.0}}, "'inferenceConfig.temperature' failed"),
        ({"messages": [USER], "inferenceConfig": {"maxTokens": 90_000}}, "exceeds the model limit of 10000"),
        (
            {
                "messages": [USER],
                "guardrailConfig": {"guardrailIdentifier": "absent", "guardrailVersion": "1"},
            },
            "The guardrail identifier or version provided in the request does not exist.",
        ),
    ],
)
def test_conversations(runtime: Any, operation: str, request_: dict[str, Any], told: str) -> None:
    code, message, status = refused(getattr(runtime, operation), modelId=MODEL, **request_)
    assert (code, status) == ("ValidationException", 400)
    assert told in message


@pytest.mark.parametrize(
    ("model", "code", "told"),
    [
        ("absent.model-v1", "ValidationException", "The provided model identifier is invalid."),
        ("cohere.embed-english-v3", "ValidationException", "This action doesn't support the model that you provided."),
        (CLAUDE.partition(".")[2], "ValidationException", "with on-demand throughput isn\u2019t supported"),
        (f"eu.{MODEL.partition('.')[2]}", "ValidationException", "The provided model identifier is invalid."),
        ("ai21.j2-mid-v1", "ResourceNotFoundException", "has reached the end of its life"),
    ],
)
def test_models(runtime: Any, model: str, code: str, told: str) -> None:
    answered, message, _ = refused(runtime.converse, modelId=model, messages=[USER])
    assert answered == code
    assert told in message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "Malformed input request: "),
        ({**CLAUDE_BODY, "foo": 1}, "#: extraneous key [foo] is not permitted"),
        ({**CLAUDE_BODY, "max_tokens": -1}, "#/max_tokens: -1 is not greater or equal to 1"),
        ([], "expected type: JSONObject"),
        ("text", "expected type: JSONObject"),
    ],
)
@pytest.mark.parametrize("operation", ["invoke_model", "invoke_model_with_response_stream"])
def test_bodies(runtime: Any, operation: str, body: Any, told: str) -> None:
    code, message, _ = refused(getattr(runtime, operation), modelId=CLAUDE, body=json.dumps(body))
    assert code == "ValidationException"
    assert told in message


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"contentType": "text/plain"}, "The provided Content Type is invalid or not supported for this model"),
        ({"accept": "image/png"}, "The provided Accept Type is invalid or not supported for this model"),
        ({"body": b"{"}, "Malformed input request: the body is no valid JSON"),
        ({"guardrailIdentifier": "absent", "guardrailVersion": "1"}, "does not exist"),
    ],
)
def test_headers_and_bodies_that_are_no_json(runtime: Any, arguments: dict[str, Any], told: str) -> None:
    request = {"modelId": CLAUDE, "body": json.dumps(CLAUDE_BODY), **arguments}
    code, message, _ = refused(runtime.invoke_model, **request)
    assert code == "ValidationException"
    assert told in message


def test_a_guardrail_is_applied_to_what_has_its_form(local: Local, runtime: Any) -> None:
    bedrock = local.client("bedrock")
    made = bedrock.create_guardrail(name="form", blockedInputMessaging="no", blockedOutputsMessaging="no")
    known = {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "DRAFT"}
    text = [{"text": {"text": "Hello"}}]
    try:
        assert runtime.apply_guardrail(**known, source="INPUT", content=text)["action"] == "NONE"
        for wrong in (
            {"source": "SIDEWAYS", "content": text},
            {"source": "INPUT"},
            {"source": "INPUT", "content": [{}]},
            {"source": "INPUT", "content": text, "guardrailVersion": "7"},
            {"source": "INPUT", "content": text, "guardrailIdentifier": "absent"},
        ):
            code = "ResourceNotFoundException" if known.keys() & wrong.keys() else "ValidationException"
            assert refused(runtime.apply_guardrail, **{**known, **wrong})[0] == code, wrong
    finally:
        bedrock.delete_guardrail(guardrailIdentifier=made["guardrailId"])


def test_what_bedrock_takes_is_answered(local: Local, runtime: Any) -> None:
    local.answers_by("")
    answer = runtime.converse(modelId=MODEL, messages=[USER], inferenceConfig={"maxTokens": 10, "temperature": 0.5})
    assert answer["output"]["message"]["role"] == "assistant"
    assert runtime.invoke_model(modelId=CLAUDE, body=json.dumps(CLAUDE_BODY))["body"].read()


def test_retrieval_is_checked_too(local: Local) -> None:
    client = local.client("bedrock-agent-runtime", parameter_validation=False)
    code, message, _ = refused(client.retrieve, knowledgeBaseId="ABSENT0000")
    assert (code, "retrievalQuery" in message) == ("ValidationException", True)
    too_many = {"vectorSearchConfiguration": {"numberOfResults": 101}}
    code, message, _ = refused(
        client.retrieve,
        knowledgeBaseId="ABSENT0000",
        retrievalQuery={"text": "x"},
        retrievalConfiguration=too_many,
    )
    assert (code, "less than or equal to 100" in message) == ("ValidationException", True)
