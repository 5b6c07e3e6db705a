"""Strands Agents."""

from checks import account, check
from pydantic import BaseModel
from strands import Agent, tool
from strands.models import BedrockModel

asked = []


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: The name of the city.
    """
    asked.append(city)
    return f"4 degrees in {city}"


def agent(streaming=True, **more):
    model = BedrockModel(
        model_id=account.model,
        streaming=streaming,
        guardrail_id=account.guardrail,
        guardrail_version=account.guardrail_version,
    )
    return Agent(model=model, callback_handler=None, **more)


@check("an agent's answer, streamed and whole")
def talks():
    for streaming in (True, False):
        reply = agent(streaming, system_prompt="Be brief.")("Are you there?")
        assert str(reply).strip() == "I heard 1: Are you there? As told: Be brief.", reply
        assert reply.stop_reason == "end_turn"
        assert reply.metrics.accumulated_usage["totalTokens"] == 18


@check("several turns")
def remembers():
    one = agent()
    one("Hello")
    assert str(one("And now?")).strip() == "I heard 3: And now?"


@check("tools, streamed and whole")
def uses_a_tool():
    for streaming in (True, False):
        asked.clear()
        reply = agent(streaming, tools=[weather])('How is the weather? {"city": "Oslo"}')
        assert asked == ["Oslo"]
        assert str(reply).strip() == "The tool says 4 degrees in Oslo."


@check("structured output")
def fills_a_schema():
    reply = agent()('Who is it? {"name": "Ada", "age": 36}', structured_output_model=Person)
    assert reply.structured_output == Person(name="Ada", age=36)


@check("the guardrail")
def is_guarded():
    for streaming in (True, False):
        reply = agent(streaming)("Tell me of project nightingale")
        assert reply.stop_reason == "guardrail_intervened"
