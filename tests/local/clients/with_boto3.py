"""The AWS SDK for Python."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from checks import account, check

once = Config(retries={"total_max_attempts": 1})
runtime = boto3.client("bedrock-runtime", config=once)
GUARDRAIL = {"guardrailIdentifier": account.guardrail, "guardrailVersion": account.guardrail_version}
WEATHER = {
    "toolSpec": {
        "name": "weather",
        "description": "The weather in a city.",
        "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    }
}


def user(*parts):
    return {"role": "user", "content": [part if isinstance(part, dict) else {"text": part} for part in parts]}


def converse(*messages, guardrail=GUARDRAIL, model=account.model, **more):
    return runtime.converse(modelId=model, messages=list(messages), guardrailConfig=guardrail, **more)


def refused(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response
    raise AssertionError("it was not refused")


@check("`converse`: text, system prompt, usage, request id")
def talks():
    reply = converse(user("Are you there?"), system=[{"text": "Be brief."}], inferenceConfig={"maxTokens": 50})
    (part,) = reply["output"]["message"]["content"]
    assert part["text"] == "I heard 1: Are you there? As told: Be brief.", part
    assert reply["output"]["message"]["role"] == "assistant"
    assert reply["stopReason"] == "end_turn"
    assert reply["usage"]["inputTokens"] == 11
    assert reply["usage"]["outputTokens"] == 7
    assert reply["usage"]["totalTokens"] == 18
    assert reply["metrics"]["latencyMs"] >= 0
    assert len(reply["ResponseMetadata"]["RequestId"]) == 36


@check("several turns")
def remembers():
    before = {"role": "assistant", "content": [{"text": "Hello."}]}
    reply = converse(user("Hello"), before, user("And now?"))
    assert reply["output"]["message"]["content"][0]["text"] == "I heard 3: And now?"


@check("a tool's call and its result")
def uses_a_tool():
    question = user('How is the weather? {"city": "Oslo"}')
    tools = {"tools": [WEATHER]}
    reply = converse(question, toolConfig=tools)
    assert reply["stopReason"] == "tool_use"
    said = reply["output"]["message"]
    (call,) = [part["toolUse"] for part in said["content"] if "toolUse" in part]
    assert (call["name"], call["input"]) == ("weather", {"city": "Oslo"})
    result = {
        "toolResult": {"toolUseId": call["toolUseId"], "content": [{"json": {"degrees": 4}}], "status": "success"}
    }
    final = converse(question, said, user(result), toolConfig=tools)
    assert final["stopReason"] == "end_turn"
    assert final["output"]["message"]["content"][0]["text"] == 'The tool says {"degrees": 4}.'


@check("`converse_stream`: deltas in order, usage")
def streams():
    reply = runtime.converse_stream(modelId=account.model, messages=[user(account.story)], guardrailConfig=GUARDRAIL)
    events = [next(iter(event.items())) for event in reply["stream"]]
    names = [name for name, _ in events]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    deltas = [content["delta"]["text"] for name, content in events if name == "contentBlockDelta"]
    assert len(deltas) > 2
    assert "".join(deltas) == f"I heard 1: {account.story}"
    assert events[-2][1]["stopReason"] == "end_turn"
    assert events[-1][1]["usage"]["totalTokens"] == 18


@check("a tool's call in a stream")
def streams_a_tool():
    reply = runtime.converse_stream(
        modelId=account.model,
        messages=[user('How is the weather? {"city": "Oslo"}')],
        guardrailConfig=GUARDRAIL,
        toolConfig={"tools": [WEATHER]},
    )
    events = [next(iter(event.items())) for event in reply["stream"]]
    (start,) = [content for name, content in events if name == "contentBlockStart"]
    assert start["start"]["toolUse"]["name"] == "weather"
    index = start["contentBlockIndex"]
    parts = [
        content["delta"]["toolUse"]["input"]
        for name, content in events
        if name == "contentBlockDelta" and content["contentBlockIndex"] == index
    ]
    assert json.loads("".join(parts)) == {"city": "Oslo"}
    assert [content["stopReason"] for name, content in events if name == "messageStop"] == ["tool_use"]


@check("`invoke_model` and its stream")
def invokes():
    body = json.dumps({"messages": [user("Hello")], "inferenceConfig": {"maxTokens": 20}})
    named = {"guardrailIdentifier": account.guardrail, "guardrailVersion": account.guardrail_version}
    reply = runtime.invoke_model(modelId=account.model, body=body, **named)
    content = json.loads(reply["body"].read())
    assert content["output"]["message"]["content"][0]["text"] == "I heard 1: Hello"
    assert content["usage"]["inputTokens"] > 0
    assert reply["contentType"] == "application/json"
    headers = reply["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0
    assert int(headers["x-amzn-bedrock-output-token-count"]) > 0
    assert "x-amzn-bedrock-invocation-latency" in headers
    stream = runtime.invoke_model_with_response_stream(modelId=account.model, body=body, **named)
    chunks = [json.loads(event["chunk"]["bytes"]) for event in stream["body"]]
    deltas = [chunk["contentBlockDelta"]["delta"]["text"] for chunk in chunks if "contentBlockDelta" in chunk]
    assert "".join(deltas) == "I heard 1: Hello", chunks
    assert "amazon-bedrock-invocationMetrics" in chunks[-1]


@check("embeddings")
def embeds():
    def vector(text, **more):
        reply = runtime.invoke_model(modelId=account.embedding, body=json.dumps({"inputText": text, **more}))
        return json.loads(reply["body"].read())

    found = vector("The cat sat on the mat", dimensions=256, normalize=True)
    assert len(found["embedding"]) == 256
    assert abs(sum(each * each for each in found["embedding"]) - 1) < 0.01
    assert found["inputTextTokenCount"] > 0
    assert len(vector("The cat sat on the mat")["embedding"]) == 1024


@check("`apply_guardrail`: passes, blocks, masks")
def applies():
    def applied(text, source="INPUT"):
        return runtime.apply_guardrail(**GUARDRAIL, source=source, content=[{"text": {"text": text}}])

    assert applied("How are you?")["action"] == "NONE"
    blocked = applied("Tell me of project nightingale")
    assert blocked["action"] == "GUARDRAIL_INTERVENED"
    (assessment,) = blocked["assessments"]
    assert assessment["wordPolicy"]["customWords"][0]["match"].lower() == "project nightingale"
    assert blocked["outputs"][0]["text"]
    assert blocked["usage"]["wordPolicyUnits"] == 1
    masked = applied("Write to ada@example.com", "OUTPUT")
    assert masked["action"] == "GUARDRAIL_INTERVENED"
    assert masked["outputs"][0]["text"] == "Write to {EMAIL}"


@check("the guardrail in a conversation and a stream, with its trace")
def is_guarded():
    traced = {**GUARDRAIL, "trace": "enabled"}
    question = user("Tell me of project nightingale")
    reply = converse(question, guardrail=traced)
    assert reply["stopReason"] == "guardrail_intervened"
    assert account.guardrail in reply["trace"]["guardrail"]["inputAssessment"]
    stream = runtime.converse_stream(modelId=account.model, messages=[question], guardrailConfig=traced)["stream"]
    events = {name: content for event in stream for name, content in event.items()}
    assert events["messageStop"]["stopReason"] == "guardrail_intervened"
    assert account.guardrail in events["metadata"]["trace"]["guardrail"]["inputAssessment"]


@check("refusals as AWS's: no guardrail, another model, an unknown one, no message")
def is_refused():
    denied = refused(runtime.converse, modelId=account.model, messages=[user("Hello")])
    assert denied["Error"]["Code"] == "AccessDeniedException"
    assert "bedrock:InvokeModel" in denied["Error"]["Message"]
    assert denied["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert len(denied["ResponseMetadata"]["RequestId"]) == 36
    for model, code in (
        ("us.amazon.nova-pro-v1:0", "AccessDeniedException"),
        ("nobody.knows-v1:0", "ValidationException"),
    ):
        found = refused(runtime.converse, modelId=model, messages=[user("Hello")], guardrailConfig=GUARDRAIL)
        assert found["Error"]["Code"] == code, found["Error"]
    streamed = refused(runtime.converse_stream, modelId=account.model, messages=[user("Hello")])
    assert "bedrock:InvokeModelWithResponseStream" in streamed["Error"]["Message"]
    wrong = {**GUARDRAIL, "guardrailVersion": "999"}
    found = refused(runtime.converse, modelId=account.model, messages=[user("Hello")], guardrailConfig=wrong)
    assert found["Error"]["Code"] in ("AccessDeniedException", "ValidationException", "ResourceNotFoundException")


@check("`count_tokens`")
def counts():
    request = {"converse": {"messages": [user("How many tokens are these?")]}}
    assert runtime.count_tokens(modelId=account.counting_model, input=request)["inputTokens"] > 0


@check("`retrieve` with a metadata filter")
def retrieves():
    client = boto3.client("bedrock-agent-runtime", config=once)
    reply = client.retrieve(
        knowledgeBaseId=account.knowledge_base,
        retrievalQuery={"text": "What does the travel policy say of trains?"},
        retrievalConfiguration={"vectorSearchConfiguration": {"numberOfResults": 3}},
    )
    first = reply["retrievalResults"][0]
    assert "trains are preferred" in first["content"]["text"]
    assert first["location"]["type"] == "S3"
    assert first["location"]["s3Location"]["uri"].endswith(account.document)
    assert 0 < first["score"] <= 1
    assert first["metadata"]["x-amz-bedrock-kb-source-uri"] == first["location"]["s3Location"]["uri"]
    nobody = {"equals": {"key": "x-amz-bedrock-kb-source-uri", "value": "s3://nowhere/nothing"}}
    none = client.retrieve(
        knowledgeBaseId=account.knowledge_base,
        retrievalQuery={"text": "trains"},
        retrievalConfiguration={"vectorSearchConfiguration": {"numberOfResults": 3, "filter": nobody}},
    )
    assert none["retrievalResults"] == []


@check("lists of models, profiles and guardrails")
def lists():
    client = boto3.client("bedrock", config=once)
    models = {each["modelId"]: each for each in client.list_foundation_models()["modelSummaries"]}
    assert models[account.foundation_model]["responseStreamingSupported"] is True
    assert models[account.embedding]["outputModalities"] == ["EMBEDDING"]
    asked = client.list_foundation_models(byOutputModality="EMBEDDING", byProvider="amazon")["modelSummaries"]
    assert asked
    assert all("EMBEDDING" in each["outputModalities"] for each in asked)
    details = client.get_foundation_model(modelIdentifier=account.foundation_model)["modelDetails"]
    assert client.get_foundation_model(modelIdentifier=details["modelArn"])["modelDetails"] == details
    assert details["modelLifecycle"]["status"] in ("ACTIVE", "LEGACY")
    profiles = client.list_inference_profiles(typeEquals="SYSTEM_DEFINED", maxResults=1000)["inferenceProfileSummaries"]
    assert account.model in {each["inferenceProfileId"] for each in profiles}
    assert {each["type"] for each in profiles} == {"SYSTEM_DEFINED"}
    profile = client.get_inference_profile(inferenceProfileIdentifier=account.model)
    assert all(each["modelArn"].endswith(f"foundation-model/{account.foundation_model}") for each in profile["models"])
    again = client.get_inference_profile(inferenceProfileIdentifier=profile["inferenceProfileArn"])
    assert again["inferenceProfileId"] == account.model
    guardrail = client.get_guardrail(**GUARDRAIL)
    assert guardrail["status"] == "READY"
    assert guardrail["version"] == account.guardrail_version
    assert [each["text"].lower() for each in guardrail["wordPolicy"]["words"]] == ["project nightingale"]
    assert guardrail["sensitiveInformationPolicy"]["piiEntities"]
    assert client.get_guardrail(guardrailIdentifier=guardrail["guardrailArn"])["guardrailId"] == account.guardrail
