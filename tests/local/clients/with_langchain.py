"""LangChain."""

from checks import account, check
from langchain_aws import AmazonKnowledgeBasesRetriever, BedrockEmbeddings, ChatBedrockConverse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

GUARDRAIL = {
    "guardrailIdentifier": account.guardrail,
    "guardrailVersion": account.guardrail_version,
    "trace": "enabled",
}
model = ChatBedrockConverse(model=account.model, guardrail_config=GUARDRAIL, max_tokens=100, temperature=0)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"4 degrees in {city}"


@check("chat, with history, system prompt and usage")
def talks():
    reply = model.invoke(
        [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello."), HumanMessage("And now?")]
    )
    assert reply.text == "I heard 3: And now? As told: Be brief.", reply.text
    assert reply.usage_metadata["input_tokens"] == 11
    assert reply.usage_metadata["output_tokens"] == 7
    assert reply.response_metadata["stopReason"] == "end_turn"


@check("stream")
def streams():
    pieces = list(model.stream(account.story))
    assert len([each for each in pieces if each.text]) > 2
    whole = pieces[0]
    for each in pieces[1:]:
        whole = whole + each
    assert whole.text == f"I heard 1: {account.story}"
    assert whole.usage_metadata["total_tokens"] == 18


@check("tools, streamed too")
def uses_a_tool():
    bound = model.bind_tools([weather])
    question = HumanMessage('How is the weather? {"city": "Oslo"}')
    said = bound.invoke([question])
    (call,) = said.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert bound.invoke([question, said, result]).text == "The tool says 4 degrees in Oslo."
    pieces = list(bound.stream([question]))
    whole = pieces[0]
    for each in pieces[1:]:
        whole = whole + each
    assert [(each["name"], each["args"]) for each in whole.tool_calls] == [("weather", {"city": "Oslo"})]


@check("structured output")
def fills_a_schema():
    found = model.with_structured_output(Person).invoke('Who is it? {"name": "Ada", "age": 36}')
    assert found == Person(name="Ada", age=36)


@check("the guardrail")
def is_guarded():
    reply = model.invoke("Tell me of project nightingale")
    assert reply.response_metadata["stopReason"] == "guardrail_intervened"
    assert "trace" in reply.response_metadata


@check("embeddings")
def embeds():
    embeddings = BedrockEmbeddings(model_id=account.embedding)
    one = embeddings.embed_query("a small cat")
    near, far = embeddings.embed_documents(["the little kitten", "quarterly tax returns"])
    assert len(one) == len(near) == 1024

    def like(other):
        return sum(a * b for a, b in zip(one, other, strict=True))

    assert like(near) > like(far)


@check("retriever")
def retrieves():
    retriever = AmazonKnowledgeBasesRetriever(
        knowledge_base_id=account.knowledge_base,
        retrieval_config={"vectorSearchConfiguration": {"numberOfResults": 3}},
    )
    found = retriever.invoke("What does the travel policy say of trains?")
    assert "trains are preferred" in found[0].page_content
    assert found[0].metadata["location"]["s3Location"]["uri"].endswith(account.document)
