"""LlamaIndex."""

from checks import account, check
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.bedrock import BedrockEmbedding
from llama_index.llms.bedrock_converse import BedrockConverse
from llama_index.retrievers.bedrock import AmazonKnowledgeBasesRetriever
from pydantic import BaseModel

model = BedrockConverse(
    model=account.model,
    guardrail_identifier=account.guardrail,
    guardrail_version=account.guardrail_version,
    trace="enabled",
    max_tokens=100,
    max_retries=1,
)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


def weather(city: str) -> str:
    """The weather in a city."""
    return f"4 degrees in {city}"


@check("chat and completion")
def talks():
    reply = model.chat([ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Hello")])
    assert reply.message.content == "I heard 1: Hello As told: Be brief.", reply
    assert model.complete("Hello").text == "I heard 1: Hello"


@check("stream")
def streams():
    replies = list(model.stream_chat([ChatMessage(role="user", content=account.story)]))
    assert len([each for each in replies if each.delta]) > 2
    assert replies[-1].message.content == f"I heard 1: {account.story}"


@check("tools")
def uses_a_tool():
    tool = FunctionTool.from_defaults(weather)
    reply = model.predict_and_call([tool], 'How is the weather? {"city": "Oslo"}')
    assert str(reply) == "4 degrees in Oslo", reply


@check("structured output")
def fills_a_schema():
    reply = model.as_structured_llm(Person).complete('Who is it? {"name": "Ada", "age": 36}')
    assert reply.raw == Person(name="Ada", age=36)


@check("the guardrail")
def is_guarded():
    reply = model.chat([ChatMessage(role="user", content="Tell me of project nightingale")])
    assert reply.raw["stopReason"] == "guardrail_intervened"


@check("embeddings")
def embeds():
    embedding = BedrockEmbedding(model_name=account.embedding)
    one, near, far = (
        embedding.get_text_embedding(each) for each in ("a small cat", "the little kitten", "quarterly tax returns")
    )
    assert len(one) == 1024
    assert embedding.similarity(one, near) > embedding.similarity(one, far)


@check("retriever")
def retrieves():
    retriever = AmazonKnowledgeBasesRetriever(
        knowledge_base_id=account.knowledge_base,
        retrieval_config={"vectorSearchConfiguration": {"numberOfResults": 3}},
    )
    found = retriever.retrieve("What does the travel policy say of trains?")
    assert "trains are preferred" in found[0].node.get_content()
    assert 0 < found[0].score <= 1
