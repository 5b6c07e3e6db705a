"""LiteLLM."""

import json
import os

# It does not know AWS_ENDPOINT_URL.
os.environ["AWS_BEDROCK_RUNTIME_ENDPOINT"] = os.environ["AWS_ENDPOINT_URL"]

import litellm
from checks import account, check

litellm.telemetry = False
litellm.suppress_debug_info = True
MODEL = f"bedrock/converse/{account.model}"
GUARDRAIL = {
    "guardrailIdentifier": account.guardrail,
    "guardrailVersion": account.guardrail_version,
    "trace": "enabled",
}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def user(text):
    return {"role": "user", "content": text}


def complete(*messages, **more):
    return litellm.completion(model=MODEL, messages=list(messages), guardrailConfig=GUARDRAIL, num_retries=0, **more)


@check(
    "completion, with `AWS_BEDROCK_RUNTIME_ENDPOINT` for `AWS_ENDPOINT_URL`, which it does not know, system prompt and usage"
)
def talks():
    reply = complete({"role": "system", "content": "Be brief."}, user("Are you there?"), max_tokens=100)
    assert reply.choices[0].message.content == "I heard 1: Are you there? As told: Be brief."
    assert reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 7)


@check("stream")
def streams():
    pieces = [each.choices[0].delta.content for each in complete(user(account.story), stream=True)]
    pieces = [each for each in pieces if each]
    assert len(pieces) > 2
    assert "".join(pieces) == f"I heard 1: {account.story}"


@check("tools, streamed too")
def uses_a_tool():
    question = user('How is the weather? {"city": "Oslo"}')
    reply = complete(question, tools=[WEATHER])
    assert reply.choices[0].finish_reason == "tool_calls"
    said = reply.choices[0].message
    (call,) = said.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
    result = {"role": "tool", "tool_call_id": call.id, "content": "4 degrees"}
    final = complete(question, said.model_dump(), result, tools=[WEATHER])
    assert final.choices[0].message.content == "The tool says 4 degrees."
    chunks = [each.choices[0].delta for each in complete(question, tools=[WEATHER], stream=True)]
    calls = [each.tool_calls[0].function for each in chunks if each.tool_calls]
    assert calls[0].name == "weather"
    assert json.loads("".join(each.arguments or "" for each in calls)) == {"city": "Oslo"}


@check("the guardrail")
def is_guarded():
    reply = complete(user("Tell me of project nightingale"))
    assert reply.choices[0].finish_reason == "content_filter"


@check("embeddings")
def embeds():
    reply = litellm.embedding(model=f"bedrock/{account.embedding}", input=["a small cat", "the little kitten"])
    assert [len(each["embedding"]) for each in reply.data] == [1024, 1024]


@check("its own errors for refusals")
def is_refused():
    try:
        litellm.completion(model=MODEL, messages=[user("Hello")], num_retries=0)
    except litellm.APIError as error:
        assert "bedrock:InvokeModel" in str(error), error
    except Exception as error:
        assert "bedrock:InvokeModel" in str(error), error
        assert type(error).__module__.startswith("litellm"), type(error)
    else:
        raise AssertionError("it was not refused")
