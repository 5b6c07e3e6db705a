"""Models of the account as their callers meet them: token by token, with tools, with schemas, and when they fail."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError

from local import models

from .conftest import Local, verb
from .streams import WORDS, Server, streaming

NOVA = "us.amazon.nova-lite-v1:0"
TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": {"type": "object"}}}}]}
SCRIPT = """
pace: {first_token_seconds: 0.2, tokens_per_second: 10}
rules:
  - when: {tool_result: get_weather}
    answer: "It is {tool_result}."
  - when: {contains: weather, offers: get_weather}
    answer: Let me look.
    call: {tool: get_weather, input: {city: Paris}}
  - when: {contains: throttled}
    answer: one two three four
    fail: {as: throttling, after_chunks: 2}
  - when: {contains: late}
    answer: one two three four
    fail: {as: timeout, after_chunks: 2}
  - when: {contains: secret}
    answer: "What is called Project Nightingale is known to nobody, and this goes on for a good while after it so that something of it could go out before the whole answer has been made, were it not held back."
    pace: {tokens_per_second: 200}
  - when: {contains: addresses}
    answer: "Write to ada@example.com, who answers on most days before noon, or where she is away for longer to the other one, grace@example.com, who reads what comes in twice a day, and on Fridays only once in the morning."
    pace: {tokens_per_second: 200}
  - when: {contains: person}
    json: {name: Ada, age: 36}
  - when: {contains: patience}
    fail: hang
otherwise: {answer: one two three four five}
"""


def messages(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


@pytest.fixture
def scripted(local: Local, tmp_path: Path) -> Iterator[None]:
    file = tmp_path / "script.yaml"
    file.write_text(SCRIPT)
    local.home.write(local.home.model, {"script": str(file), "timeout_seconds": 30})
    yield
    local.answers_by(local.model_url)


@pytest.fixture
def streams(local: Local) -> Iterator[Server]:
    with streaming() as server:
        local.home.write(local.home.model, {"url": server.url, "timeout_seconds": 20})
        yield server
        local.answers_by(local.model_url)


@pytest.fixture
def runtime(local: Local) -> Any:
    return local.client("bedrock-runtime")


def events(stream: Any) -> list[tuple[float, str, Any]]:
    return [(time.monotonic(), *next(iter(each.items()))) for each in stream]


def text_of(seen: list[tuple[float, str, Any]]) -> str:
    return "".join(content["delta"].get("text", "") for _, kind, content in seen if kind == "contentBlockDelta")


@pytest.mark.parametrize("source", ["scripted", "streams"])
def test_an_answer_arrives_in_pieces_as_it_is_made(runtime: Any, request: pytest.FixtureRequest, source: str) -> None:
    request.getfixturevalue(source)
    seen = events(runtime.converse_stream(modelId=NOVA, messages=messages("count"))["stream"])
    assert [kind for _, kind, _ in seen] == [
        "messageStart",
        *["contentBlockDelta"] * 5,
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert text_of(seen) == "".join(WORDS)
    # The server makes a word each tenth of a second or more: nothing waits for the last.
    times = [at for at, kind, _ in seen if kind == "contentBlockDelta"]
    assert times[-1] - times[0] > 0.3
    assert sum(later - sooner > 0.02 for sooner, later in pairwise(times)) >= 3
    assert seen[-2][2] == {"stopReason": "end_turn"}
    assert seen[-1][2]["usage"]["outputTokens"] == 5
    assert seen[-1][2]["metrics"]["latencyMs"] > 300


@pytest.mark.parametrize("source", ["scripted", "streams"])
def test_a_tool_goes_there_and_back(runtime: Any, request: pytest.FixtureRequest, source: str) -> None:
    request.getfixturevalue(source)
    asked = messages("weather")
    answer = runtime.converse(modelId=NOVA, messages=asked, toolConfig=TOOLS)
    assert answer["stopReason"] == "tool_use"
    said = answer["output"]["message"]
    use = said["content"][-1]["toolUse"]
    assert (use["name"], use["input"]) == ("get_weather", {"city": "Paris"})
    result = {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"json": {"degrees": 21}}]}}
    again = runtime.converse(
        modelId=NOVA, messages=[*asked, said, {"role": "user", "content": [result]}], toolConfig=TOOLS
    )
    assert again["stopReason"] == "end_turn"
    if source == "scripted":
        assert again["output"]["message"]["content"] == [{"text": 'It is {"degrees": 21}.'}]
    seen = events(runtime.converse_stream(modelId=NOVA, messages=asked, toolConfig=TOOLS)["stream"])
    (start,) = [content for _, kind, content in seen if kind == "contentBlockStart"]
    index = start["contentBlockIndex"]
    assert start["start"]["toolUse"]["name"] == "get_weather"
    parts = [
        content["delta"]["toolUse"]["input"]
        for _, kind, content in seen
        if kind == "contentBlockDelta" and content["contentBlockIndex"] == index
    ]
    assert len(parts) > 1
    assert json.loads("".join(parts)) == {"city": "Paris"}
    assert seen[-2][2] == {"stopReason": "tool_use"}


def test_a_call_that_is_no_json_is_malformed(runtime: Any, streams: Server) -> None:
    seen = events(runtime.converse_stream(modelId=NOVA, messages=messages("malformed"), toolConfig=TOOLS)["stream"])
    assert seen[-2][2] == {"stopReason": "malformed_tool_use"}


@pytest.mark.parametrize(
    ("question", "code"), [("throttled", "throttlingException"), ("late", "modelStreamErrorException")]
)
def test_a_stream_that_fails_in_the_middle(runtime: Any, scripted: None, question: str, code: str) -> None:
    seen = []
    with pytest.raises(EventStreamError) as failed:
        for each in runtime.converse_stream(modelId=NOVA, messages=messages(question))["stream"]:
            seen.append((0.0, *next(iter(each.items()))))
    assert failed.value.response["Error"]["Code"] == code
    assert text_of(seen) == "one two"


def test_a_stream_that_fails_at_once_is_an_error(local: Local, runtime: Any, streams: Server) -> None:
    with pytest.raises(ClientError) as failed:
        runtime.converse_stream(modelId=NOVA, messages=messages("far too long"))
    assert failed.value.response["Error"]["Code"] == "ValidationException"
    assert "Input is too long for requested model." in str(failed.value)
    noted = json.loads((local.home.folder / "model-errors.jsonl").read_text().splitlines()[-1])
    assert noted["code"] == "ValidationException"
    assert "request exceeds the context" in noted["message"]


def test_a_servers_stream_that_breaks_off(runtime: Any, streams: Server) -> None:
    with pytest.raises(EventStreamError, match=r"modelStreamErrorException.*broke its answer off"):
        events(runtime.converse_stream(modelId=NOVA, messages=messages("break off"))["stream"])


def test_json_by_a_schema(runtime: Any, scripted: None) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    form = {"type": "json_schema", "structure": {"jsonSchema": {"name": "person", "schema": json.dumps(schema)}}}
    answer = runtime.converse(modelId=NOVA, messages=messages("a person"), outputConfig={"textFormat": form})
    assert json.loads(answer["output"]["message"]["content"][0]["text"]) == {"name": "Ada", "age": 36}


def test_a_schema_reaches_the_server(runtime: Any, streams: Server) -> None:
    form = {"type": "json_schema", "structure": {"jsonSchema": {"name": "person", "schema": '{"type": "object"}'}}}
    runtime.converse(modelId=NOVA, messages=messages("hi"), outputConfig={"textFormat": form})
    asked = streams.requests[-1]["response_format"]
    assert asked["json_schema"] == {"strict": True, "name": "person", "schema": {"type": "object"}}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_guardrail_reads_along(local: Local, runtime: Any, scripted: None, mode: str) -> None:
    name = local.resource("models", "AWS::Bedrock::Guardrail")
    config = {
        "guardrailIdentifier": name,
        "guardrailVersion": "DRAFT",
        "streamProcessingMode": mode,
        "trace": "enabled",
    }
    seen = events(
        runtime.converse_stream(modelId=NOVA, messages=messages("the secret"), guardrailConfig=config)["stream"]
    )
    assert seen[-2][2] == {"stopReason": "guardrail_intervened"}
    assert seen[-1][2]["trace"]["guardrail"]["outputAssessments"]
    said = text_of(seen)
    assert ("nightingale" in said.lower()) == (mode == "async")
    assert "held back" not in said


def test_a_stream_is_masked_as_a_whole_answer_is(local: Local, runtime: Any, scripted: None) -> None:
    bedrock = local.client("bedrock")
    made = bedrock.create_guardrail(
        name="masks-addresses",
        blockedInputMessaging="no",
        blockedOutputsMessaging="no",
        sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
    )
    asked = {
        "modelId": NOVA,
        "messages": messages("addresses"),
        "guardrailConfig": {"guardrailIdentifier": made["guardrailId"], "guardrailVersion": "DRAFT"},
    }
    try:
        seen = events(runtime.converse_stream(**asked)["stream"])
        whole = runtime.converse(**asked)["output"]["message"]["content"][0]["text"]
    finally:
        bedrock.delete_guardrail(guardrailIdentifier=made["guardrailId"])
    assert whole.count("{EMAIL}") == 2
    assert text_of(seen) == whole
    assert len([kind for _, kind, _ in seen if kind == "contentBlockDelta"]) > 1


@pytest.mark.parametrize(("operation", "question"), [("converse-stream", "endless"), ("converse", "think")])
def test_a_caller_who_leaves_ends_the_generation(local: Local, streams: Server, operation: str, question: str) -> None:
    url = f"{local.account.url}/model/{NOVA}/{operation}"
    request = AWSRequest("POST", url, data=json.dumps({"messages": messages(question)}))
    SigV4Auth(Credentials(local.account.account, "local"), "bedrock", local.account.region).add_auth(request)
    # A socket that is closed while the answer is being made.
    response = (
        urllib3.PoolManager().request(
            "POST",
            url,
            body=request.body,
            headers=dict(request.headers),
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(read=1.5),
        )
        if operation == "converse-stream"
        else None
    )
    if response is not None:
        assert response.read1()
        response.close()
    else:
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            urllib3.request("POST", url, body=request.body, headers=dict(request.headers), retries=False, timeout=1.5)
    assert streams.left.wait(10)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        lines = (local.home.folder / "model-errors.jsonl").read_text().splitlines()
        if json.loads(lines[-1])["code"] == "CallerGone":
            return
        time.sleep(0.05)
    raise AssertionError(lines[-1])


#: A body of each family, and where its answer stands.
BODIES: dict[str, tuple[dict[str, Any], Callable[[Any], Any], Callable[[Any], str]]] = {
    "amazon.nova-micro-v1:0": (
        {"schemaVersion": "messages-v1", "messages": messages("count")},
        lambda body: body["output"]["message"]["content"][0]["text"],
        lambda chunk: chunk.get("contentBlockDelta", {}).get("delta", {}).get("text", ""),
    ),
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": (
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "count"}],
        },
        lambda body: body["content"][0]["text"],
        lambda chunk: chunk.get("delta", {}).get("text", ""),
    ),
    "meta.llama3-8b-instruct-v1:0": (
        {"prompt": "count"},
        lambda body: body["generation"],
        lambda chunk: chunk["generation"],
    ),
    "mistral.mistral-7b-instruct-v0:2": (
        {"prompt": "<s>[INST] count [/INST]"},
        lambda body: body["outputs"][0]["text"],
        lambda chunk: chunk["outputs"][0]["text"],
    ),
    "openai.gpt-oss-20b-1:0": (
        {"messages": [{"role": "user", "content": "count"}]},
        lambda body: body["choices"][0]["message"]["content"],
        lambda chunk: chunk["choices"][0]["delta"].get("content", ""),
    ),
}


@pytest.mark.parametrize("model", BODIES)
def test_each_family_is_invoked_in_its_own_form(runtime: Any, scripted: None, model: str) -> None:
    body, whole, piece = BODIES[model]
    answer = json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    assert whole(answer) == "one two three four five"
    stream = runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]
    chunks = [(time.monotonic(), json.loads(each["chunk"]["bytes"])) for each in stream]
    assert "".join(piece(chunk) for _, chunk in chunks) == "one two three four five"
    assert chunks[-1][0] - chunks[0][0] > 0.2
    assert chunks[-1][1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 5
    with pytest.raises(ClientError, match=r"required key \[\w+\] not found"):
        runtime.invoke_model(modelId=model, body='{"question": "of another family"}')


def test_claude_calls_tools_in_its_own_form(runtime: Any, scripted: None) -> None:
    request: dict[str, Any] = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "weather"}]}],
        "tools": [{"name": "get_weather", "input_schema": {"type": "object"}}],
    }
    model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"

    def invoke() -> Any:
        return json.loads(runtime.invoke_model(modelId=model, body=json.dumps(request))["body"].read())

    answer = invoke()
    assert (answer["stop_reason"], [each["type"] for each in answer["content"]]) == ("tool_use", ["text", "tool_use"])
    use = answer["content"][1]
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "sunny"}
    request["messages"] += [{"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    assert invoke()["content"][0]["text"] == "It is sunny."


def test_a_guardrail_reads_what_is_invoked(local: Local, runtime: Any, scripted: None) -> None:
    guardrail = {
        "guardrailIdentifier": local.resource("models", "AWS::Bedrock::Guardrail"),
        "guardrailVersion": "DRAFT",
    }
    model, body = "amazon.nova-micro-v1:0", {"messages": messages("What is project nightingale?")}
    answer = json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body), **guardrail)["body"].read())
    assert answer["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert "one two" not in json.dumps(answer)
    body = {"messages": messages("count")}
    answer = json.loads(runtime.invoke_model(modelId=model, body=json.dumps(body), **guardrail)["body"].read())
    assert answer["amazon-bedrock-guardrailAction"] == "NONE"


def test_a_script_or_name_that_cannot_be_used_is_refused_before_anything_changes(local: Local, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("rules: [{answr: hi}]")
    before = local.home.model.read_text()
    for given, told in (
        (["--model", f"script:{file}"], f"{file}: rules[0]: answr is not known here. Did you mean answer?"),
        (["--model", "smollm"], "Did you mean smollm2?"),
        (["--model-timeout", "long"], "MODEL_TIMEOUT=long is no number of seconds"),
    ):
        refused = verb(local.home, "up", *given)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr
    assert local.home.model.read_text() == before


@pytest.mark.skipif(not models.installed(), reason="make setup-model installs it")
def test_a_small_model_answers_and_ends(local: Local, runtime: Any) -> None:
    content = models.chosen("", "smollm2", "120")
    local.home.write(local.home.model, content)
    try:
        models.wait(local.home, content)
        pid = models.server(local.home)["pid"]
        assert "smollm2: http://127.0.0.1:" in verb(local.home, "status").stdout
        asked = {
            "modelId": NOVA,
            "messages": messages("What is the capital of France?"),
            "inferenceConfig": {"maxTokens": 30, "temperature": 0},
        }
        seen = events(runtime.converse_stream(**asked)["stream"])
        assert len([kind for _, kind, _ in seen if kind == "contentBlockDelta"]) > 3
        assert seen[-1][2]["usage"]["inputTokens"] > 5
        long = messages("The canteen opens at noon. " * 2000 + "When does the canteen open?")
        with pytest.raises(ClientError, match="Input is too long for requested model"):
            runtime.converse(modelId=NOVA, messages=long)
    finally:
        local.answers_by(local.model_url)
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
