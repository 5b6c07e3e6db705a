"""What the local account refuses of requests to models, in Bedrock's words."""

from __future__ import annotations

import base64
import json
import re
import struct
from datetime import date
from typing import Any

import pytest

from aws_genai.data import load
from local.account import request_rules as rules, validation

MODELS = load("bedrock_models")["models"]
NOVA, CLAUDE, LLAMA = (
    "amazon.nova-lite-v1:0",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "meta.llama3-1-8b-instruct-v1:0",
)
MICRO, TITAN, PLAIN = "amazon.nova-micro-v1:0", "amazon.titan-text-express-v1", "mistral.mistral-7b-instruct-v0:2"
USER = {"role": "user", "content": [{"text": "Hello"}]}
ASSISTANT = {"role": "assistant", "content": [{"text": "Hello"}]}
TOOL = {"toolSpec": {"name": "time", "inputSchema": {"json": {"type": "object"}}}}
USE = {"toolUse": {"toolUseId": "a", "name": "time", "input": {}}}


def result(identifier: str = "a") -> dict[str, Any]:
    return {"toolResult": {"toolUseId": identifier, "content": [{"text": "noon"}]}}


def png(width: int = 10, height: int = 10, size: int = 0) -> str:
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height)
    return base64.b64encode(content + bytes(size)).decode()


def image(content: str, kind: str = "png") -> dict[str, Any]:
    return {"image": {"format": kind, "source": {"bytes": content}}}


def document(name: str = "report", content: bytes = b"text") -> dict[str, Any]:
    source = {"bytes": base64.b64encode(content).decode()}
    return {"document": {"format": "txt", "name": name, "source": source}}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def converse(model: str, **request: Any) -> None:
    """Structure first, as the account does it."""
    body = {"messages": [USER], **request}
    found = validation.call("bedrock-runtime", "POST", f"/model/{model}/converse")
    assert found is not None
    given = validation.check(found, {}, {}, json.dumps(body).encode())
    rules.check_converse(model, MODELS[model], given)


def refusal(model: str, **request: Any) -> str:
    with pytest.raises(validation.InvalidRequestError) as refused:
        converse(model, **request)
    return f"{refused.value.code}: {refused.value}"


@pytest.mark.parametrize(
    ("model", "request_"),
    [
        (NOVA, {}),
        (NOVA, {"messages": [USER, ASSISTANT, USER]}),
        (NOVA, {"messages": [USER, ASSISTANT]}),
        (CLAUDE, {"messages": [USER, ASSISTANT]}),
        (NOVA, {"inferenceConfig": {"maxTokens": 10_000, "temperature": 0, "topP": 1, "stopSequences": ["a"] * 4}}),
        (NOVA, {"messages": [user({"text": "See"}, image(png()), document("A (1) [x]-y"))]}),
        (NOVA, {"messages": [user({"text": "See"}, *[image(png())] * 20, *(document(f"d{n}") for n in range(5)))]}),
        (NOVA, {"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "time"}}}}),
        (
            NOVA,
            {
                "toolConfig": {"tools": [TOOL]},
                "messages": [USER, {"role": "assistant", "content": [USE]}, user(result()), ASSISTANT, USER],
            },
        ),
        (NOVA, {"system": [{"text": "Be kind"}, {"cachePoint": {"type": "default"}}]}),
        (NOVA, {"additionalModelRequestFields": {"inferenceConfig": {"topK": 20}}}),
        (CLAUDE, {"additionalModelRequestFields": {"top_k": 10, "thinking": {"type": "enabled"}}}),
        (NOVA, {"messages": [user({"guardContent": {"text": {"text": "Check me"}}})]}),
        (LLAMA, {"messages": [user({"text": "See"}, document())]}),
        (TITAN, {}),
    ],
)
def test_what_bedrock_takes_passes(model: str, request_: dict[str, Any]) -> None:
    converse(model, **request_)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "A conversation must start with a user message"),
        ([ASSISTANT], "A conversation must start with a user message"),
        ([ASSISTANT, USER], "A conversation must start with a user message"),
        ([USER, USER], "must alternate between user and assistant roles"),
        ([USER, ASSISTANT, ASSISTANT], "must alternate between user and assistant roles"),
        ([user()], "The content field in the Message object at messages.0 is empty"),
        ([user({"text": ""})], "The text field in the ContentBlock object at messages.0.content.0 is blank"),
        ([user({"text": " \n"})], "The text field in the ContentBlock object at messages.0.content.0 is blank"),
        ([{"role": "tool", "content": [{"text": "x"}]}], "enum value set: [user, assistant"),
        ([{"role": "system", "content": [{"text": "x"}]}], "A conversation must start with a user message"),
        ([USER, {"role": "system", "content": [{"text": "x"}]}, ASSISTANT], "doesn't support the system role"),
        ([{"role": "user"}], "'messages.1.member.content' failed to satisfy constraint: Member must not be null"),
        ([{"content": [{"text": "x"}]}], "'messages.1.member.role' failed to satisfy constraint"),
        ([user({"text": "x", "image": {}})], "exactly one must be set"),
        ([user({})], "exactly one must be set"),
        ([user({"text": 1})], "SerializationException: NUMBER_VALUE can not be converted to a String"),
        ([{"role": "user", "content": "x"}], "SerializationException: STRING_VALUE can not be converted to a list"),
        ([USER, {"role": "assistant", "content": [image(png())]}, USER], "user role only"),
        ([user(USE)], "assistant role only"),
        ([user(document())], "no text block"),
        ([user({"text": "x"}, document("report.pdf"))], "The document file name can only contain"),
        ([user({"text": "x"}, document("two  blanks"))], "more than one consecutive whitespace"),
        ([user({"text": "x"}, document("one"), document("one"))], "names of their own"),
        ([user({"text": "x"}, *(document(f"d{number}") for number in range(6)))], "has 6 documents, and may have 5"),
        ([user({"text": "x"}, document(content=bytes(4_718_593)))], "4718593 bytes"),
        ([user({"text": "x"}, document(content=b""))], "source.bytes' failed to satisfy constraint"),
        ([user({"text": "x"}, *[image(png())] * 21)], "has 21 images, and may have 20"),
        ([user(image(png(size=3_932_160)))], "bytes, and may have 3932160"),
        ([user(image(png(8001, 10)))], "exceed max allowed size: 8000 pixels"),
        ([user(image(base64.b64encode(b"no image").decode()))], "Could not process image"),
        ([user(image(png(), "jpeg"))], "Could not process image"),
        ([user(image(""))], "source.bytes' failed to satisfy constraint"),
        ([user(USE), ASSISTANT], "assistant role only"),
        ([USER, {"role": "assistant", "content": [USE]}, user(result())], "The toolConfig field must be defined"),
        ([user({"text": "word " * 1_600_000})], "Input is too long for requested model."),
    ],
)
def test_conversations_that_bedrock_refuses(messages: list[Any], told: str) -> None:
    assert told in refusal(NOVA, messages=messages)


@pytest.mark.parametrize(
    ("model", "request_", "told"),
    [
        (NOVA, {"inferenceConfig": {"maxTokens": 0}}, "Value '0' at 'inferenceConfig.maxTokens' failed to satisfy"),
        (NOVA, {"inferenceConfig": {"maxTokens": 10_001}}, "exceeds the model limit of 10000"),
        (NOVA, {"inferenceConfig": {"temperature": 1.1}}, "Member must have value less than or equal to 1"),
        (NOVA, {"inferenceConfig": {"temperature": -0.1}}, "Member must have value greater than or equal to 0"),
        (NOVA, {"inferenceConfig": {"topP": 2}}, "'inferenceConfig.topP' failed"),
        (NOVA, {"inferenceConfig": {"maxTokens": "many"}}, "SerializationException"),
        (NOVA, {"inferenceConfig": {"maxTokens": True}}, "SerializationException"),
        (NOVA, {"inferenceConfig": {"maxTokens": 1.5}}, "SerializationException"),
        (NOVA, {"inferenceConfig": {"temperature": -1, "topP": -1}}, "2 validation errors detected"),
        (NOVA, {"inferenceConfig": {"stopSequences": ["a"] * 5}}, "5 are more than the 4"),
        (NOVA, {"inferenceConfig": {"stopSequences": [""]}}, "length greater than or equal to 1"),
        (CLAUDE, {"inferenceConfig": {"stopSequences": [" "]}}, "must contain non-whitespace"),
        (CLAUDE, {"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}, "cannot both be specified"),
        (LLAMA, {"inferenceConfig": {"stopSequences": ["a"]}}, "doesn't support the stopSequences field"),
        (
            "anthropic.claude-opus-4-7",
            {"inferenceConfig": {"temperature": 0.5}},
            "doesn't support the temperature field",
        ),
        ("anthropic.claude-opus-4-7", {"inferenceConfig": {"topP": 0.5}}, "doesn't support the topP field"),
        ("anthropic.claude-opus-4-7", {"messages": [USER, ASSISTANT]}, "does not support assistant message prefill"),
        (LLAMA, {"messages": [USER, ASSISTANT]}, "does not support assistant message prefill"),
        (MICRO, {"messages": [user({"text": "x"}, image(png()))]}, "doesn't support the messages.0.content.1.image"),
        (MICRO, {"messages": [user({"text": "x"}, document())]}, "This model doesn't support documents"),
        (LLAMA, {"messages": [user(image(png()))]}, "doesn't support the messages.0.content.0.image field"),
        (LLAMA, {"system": [{"cachePoint": {"type": "default"}}]}, "doesn't support the system.0.cachePoint field"),
        (TITAN, {"system": [{"text": "Be kind"}]}, "This model doesn't support system messages"),
        (PLAIN, {"system": [{"text": "Be kind"}]}, "This model doesn't support system messages"),
        (PLAIN, {"toolConfig": {"tools": [TOOL]}}, "This model doesn't support tool use"),
        (NOVA, {"system": [{"text": " "}]}, "SystemContentBlock object at system.0 is blank"),
        (NOVA, {"system": [{"text": ""}]}, "'system.1.member.text' failed to satisfy constraint"),
        (LLAMA, {"toolConfig": {"tools": [TOOL], "toolChoice": {"any": {}}}}, "toolConfig.toolChoice.any field"),
        (NOVA, {"toolConfig": {"tools": []}}, "'toolConfig.tools' failed to satisfy constraint"),
        (NOVA, {"toolConfig": {"tools": [TOOL, TOOL]}}, "two tools of one name"),
        (NOVA, {"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "x"}}}}, "none of toolConfig.tools"),
        (NOVA, {"toolConfig": {"tools": [{"toolSpec": {"name": "a b", "inputSchema": {"json": {}}}}]}}, "pattern"),
        (
            NOVA,
            {"toolConfig": {"tools": [{"toolSpec": {"name": "a", "inputSchema": {"json": {}}}}]}},
            "json.type must be",
        ),
        (NOVA, {"additionalModelRequestFields": {"foo": 1}}, "extraneous key [foo] is not permitted"),
        (CLAUDE, {"additionalModelRequestFields": {"foo": 1}}, "foo: Extra inputs are not permitted"),
        (CLAUDE, {"additionalModelRequestFields": {"top_k": 501}}, "top_k"),
        ("cohere.embed-english-v3", {}, "This action doesn't support the model that you provided"),
        ("amazon.nova-canvas-v1:0", {}, "This action doesn't support the model that you provided"),
        ("cohere.rerank-v3-5:0", {}, "This action doesn't support the model that you provided"),
    ],
)
def test_what_a_model_does_not_take(model: str, request_: dict[str, Any], told: str) -> None:
    assert told in refusal(model, **request_)


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ([USER, {"role": "assistant", "content": [USE]}, USER], "Expected toolResult blocks at messages.2.content"),
        ([USER, {"role": "assistant", "content": [USE]}, user(result("b"))], "for the following Ids: a"),
        ([user(result())], "The number of toolResult blocks at messages.0.content exceeds"),
        (
            [USER, {"role": "assistant", "content": [USE]}, user(result(), result("b"))],
            "The number of toolResult blocks at messages.2.content exceeds",
        ),
        ([USER, {"role": "assistant", "content": [USE, USE]}, user(result())], "contain duplicate Ids"),
    ],
)
def test_every_use_of_a_tool_is_answered_once(turns: list[Any], told: str) -> None:
    assert told in refusal(NOVA, messages=turns, toolConfig={"tools": [TOOL]})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"GIF89a" + struct.pack("<HH", 3, 4), ("gif", 3, 4)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 6, 5) + bytes(4), ("jpeg", 5, 6)),
        (b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + b"\x06\0\0\x07\0\0", ("webp", 7, 8)),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + (8 | 9 << 14).to_bytes(4, "little"), ("webp", 9, 10)),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0" + bytes(6) + struct.pack("<HH", 11, 12), ("webp", 11, 12)),
        (b"%PDF", None),
    ],
)
def test_images_are_read_of_every_kind(content: bytes, found: Any) -> None:
    assert rules._kind_and_pixels(content) == found


CLAUDE_BODY = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hi"}],
}
NOVA_BODY = {"messages": [USER]}
LLAMA_BODY, TITAN_BODY = {"prompt": "Hi"}, {"inputText": "Hi"}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, CLAUDE_BODY),
        (CLAUDE, {**CLAUDE_BODY, "system": "Be kind", "temperature": 1, "top_k": 5, "stop_sequences": ["x"]}),
        (NOVA, {**NOVA_BODY, "schemaVersion": "messages-v1", "inferenceConfig": {"maxTokens": 10, "topK": 3}}),
        (LLAMA, {**LLAMA_BODY, "max_gen_len": 512, "temperature": 0.5, "top_p": 0.9}),
        (TITAN, {**TITAN_BODY, "textGenerationConfig": {"maxTokenCount": 10, "stopSequences": ["User:"]}}),
        (PLAIN, {"prompt": "Hi", "max_tokens": 10, "top_k": 50}),
        ("amazon.titan-embed-text-v2:0", {"anything": "is another module's"}),
        ("deepseek.v3-v1:0", {"messages": [], "anything": "whose page says less"}),
    ],
)
def test_bodies_that_a_family_takes_pass(model: str, body: dict[str, Any]) -> None:
    rules.check_body(model, MODELS[model], body)


@pytest.mark.parametrize(
    ("model", "body", "told"),
    [
        (CLAUDE, {}, "required key [anthropic_version] not found"),
        (
            CLAUDE,
            {**CLAUDE_BODY, "foo": 1},
            "Malformed input request: #: extraneous key [foo] is not permitted, please",
        ),
        (CLAUDE, {**CLAUDE_BODY, "max_tokens": 0}, "#/max_tokens: 0 is not greater or equal to 1"),
        (CLAUDE, {**CLAUDE_BODY, "max_tokens": 64_001}, "#/max_tokens: 64001 is not less or equal to 64000"),
        (CLAUDE, {**CLAUDE_BODY, "max_tokens": "9"}, "#/max_tokens: expected type: Integer, found: String"),
        (CLAUDE, {**CLAUDE_BODY, "temperature": 1.5}, "#/temperature: 1.5 is not less or equal to 1"),
        (CLAUDE, {**CLAUDE_BODY, "temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        (CLAUDE, {**CLAUDE_BODY, "messages": []}, "#/messages: expected minimum item count: 1, found: 0"),
        (CLAUDE, {**CLAUDE_BODY, "messages": [ASSISTANT]}, 'first message must use the "user" role'),
        (CLAUDE, {**CLAUDE_BODY, "messages": [USER, USER]}, "roles must alternate"),
        (CLAUDE, {**CLAUDE_BODY, "messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        (CLAUDE, {**CLAUDE_BODY, "messages": [{"role": "user", "content": " "}]}, "non-whitespace text"),
        ("anthropic.claude-opus-4-7", {**CLAUDE_BODY, "temperature": 1}, "`temperature` is deprecated"),
        (NOVA, {}, "required key [messages] not found"),
        (NOVA, {**NOVA_BODY, "max_tokens": 5}, "extraneous key [max_tokens] is not permitted"),
        (NOVA, {**NOVA_BODY, "inferenceConfig": {"maxTokens": 10_001}}, "is not less or equal to 10000"),
        (NOVA, {**NOVA_BODY, "inferenceConfig": {"beams": 1}}, "#/inferenceConfig: extraneous key [beams]"),
        (LLAMA, {"messages": [USER]}, "2 schema violations found"),
        (LLAMA, {**LLAMA_BODY, "max_gen_len": 4_097}, "#/max_gen_len: 4097 is not less or equal to 4096"),
        (TITAN, {"prompt": "Hi"}, "required key [inputText] not found"),
        (PLAIN, {"prompt": "Hi", "stop": ["a"] * 11}, "expected maximum item count: 10, found: 11"),
        (LLAMA, {"prompt": "word " * 700_000}, "Input is too long for requested model."),
    ],
)
def test_bodies_that_a_family_refuses(model: str, body: dict[str, Any], told: str) -> None:
    with pytest.raises(validation.InvalidRequestError) as refused:
        rules.check_body(model, MODELS[model], body)
    assert told in str(refused.value)


DAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("identifier", "region", "told"),
    [
        (NOVA, "us-east-1", ""),
        (f"us.{NOVA}", "us-east-1", ""),
        (f"us.{NOVA}", "eu-west-1", "The provided model identifier is invalid."),
        (f"eu.{NOVA}", "eu-west-1", ""),
        (CLAUDE, "us-east-1", "with on-demand throughput isn\u2019t supported"),
        (f"us.{CLAUDE}", "us-east-1", ""),
        (CLAUDE, "mx-central-1", "The provided model identifier is invalid."),
        ("ai21.j2-mid-v1", "us-east-1", "This model version has reached the end of its life."),
    ],
)
def test_a_model_answers_where_it_is_and_while_it_lives(identifier: str, region: str, told: str) -> None:
    model = next(name for name, facts in MODELS.items() if identifier in (name, *facts.get("inference_profiles", ())))
    if not told:
        rules.check_callable(identifier, model, MODELS[model], region, DAY)
        return
    with pytest.raises(validation.InvalidRequestError, match=r".") as refused:
        rules.check_callable(identifier, model, MODELS[model], region, DAY)
    assert told in str(refused.value)


def test_tokens_are_counted_by_a_models_own_id() -> None:
    facts = MODELS[CLAUDE]
    rules.check_callable(CLAUDE, CLAUDE, facts, "us-east-1", DAY, counting=True)
    with pytest.raises(validation.InvalidRequestError, match="identifier is invalid"):
        rules.check_callable(CLAUDE, CLAUDE, facts, "mx-central-1", DAY, counting=True)


def test_every_model_that_chats_takes_a_plain_question() -> None:
    for model, facts in MODELS.items():
        if facts["mode"] == "chat":
            rules.check_converse(model, facts, {"messages": [USER]})
        else:
            with pytest.raises(validation.InvalidRequestError):
                rules.check_converse(model, facts, {"messages": [USER]})


@pytest.mark.parametrize("service", ["bedrock-runtime", "bedrock-agent-runtime", "cognito-idp"])
def test_every_operation_has_a_route_of_its_own(service: str) -> None:
    if service == "cognito-idp":
        assert validation.named(service, "InitiateAuth").name == "InitiateAuth"
        return
    for _, _, model, _ in validation._routes(service):
        path = model.http["requestUri"].partition("?")[0]
        for label in ("x", "arn:aws:bedrock:us-east-1:000000000000:thing/x"):
            concrete = "".join(label if part.startswith("{") else part for part in _parts(path))
            found = validation.call(service, model.http["method"], concrete)
            assert found is not None
            assert found.name == model.name


def _parts(path: str) -> list[str]:
    return re.split(r"(\{[^}]+\})", path)
