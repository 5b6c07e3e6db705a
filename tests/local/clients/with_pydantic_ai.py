"""Pydantic AI."""

import asyncio

from checks import account, check
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.bedrock import BedrockConverseModel, BedrockModelSettings

settings = BedrockModelSettings(
    bedrock_guardrail_config={
        "guardrailIdentifier": account.guardrail,
        "guardrailVersion": account.guardrail_version,
        "trace": "enabled",
    },
    max_tokens=100,
)
asked = []


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def agent(**more):
    return Agent(BedrockConverseModel(account.model), model_settings=settings, **more)


@check("an agent's answer and its usage")
def talks():
    reply = agent(instructions="Be brief.").run_sync("Are you there?")
    assert reply.output == "I heard 1: Are you there? As told: Be brief.", reply.output
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (11, 7)


@check("stream")
def streams():
    async def read():
        async with agent().run_stream(account.story) as reply:
            return [each async for each in reply.stream_text(delta=True, debounce_by=None)]

    pieces = asyncio.run(read())
    assert len(pieces) > 2
    assert "".join(pieces) == f"I heard 1: {account.story}"


@check("tools")
def uses_a_tool():
    one = agent()

    @one.tool_plain
    def weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"4 degrees in {city}"

    assert one.run_sync('How is the weather? {"city": "Oslo"}').output == "The tool says 4 degrees in Oslo."
    assert asked == ["Oslo"]


@check("structured output")
def fills_a_schema():
    found = agent(output_type=Person).run_sync('Who is it? {"name": "Ada", "age": 36}').output
    assert found == Person(name="Ada", age=36)


@check("the guardrail")
def is_guarded():
    reply = agent().run_sync("Tell me of project nightingale")
    assert reply.response.finish_reason == "content_filter"
