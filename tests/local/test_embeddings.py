"""Every embedding and reranking model of the catalogue answers in its own form, and refuses what Bedrock refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.data.embeddings import SEVERAL, dimension_of
from tests.conftest import ROOT

from .conftest import Local
from .embedding_server import embedding

DATA = ROOT / "constructs" / "aws_genai" / "data"
TITAN = "amazon.titan-embed-text-v2:0"
ASKED, NEAR, FAR = "How much vacation do I get?", "Annual leave is 27 working days.", "The router needs a new cable."
PURPOSE = {"embeddingPurpose": "GENERIC_INDEX"}
FACTS: dict[str, dict[str, Any]] = json.loads((DATA / "bedrock_models.json").read_text(encoding="utf-8"))["models"]
MODELS = [name for name, facts in FACTS.items() if facts["mode"] == "embedding"]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def request_of(model: str, text: str, **more: Any) -> dict[str, Any]:
    """The body that embeds one text."""
    if "nova" in model:
        single = {**PURPOSE, **more, "text": {"truncationMode": "END", "value": text}}
        return {
            "schemaVersion": "nova-multimodal-embed-v1",
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": single,
        }
    if "cohere" in model:
        return {"texts": [text], "input_type": "search_document", **more}
    if "marengo-embed-3" in model:
        return {"inputType": "text", "text": {"inputText": text}}
    if "marengo" in model:
        return {"inputType": "text", "inputText": text}
    return {"inputText": text, **more}


def vector_of(answered: dict[str, Any]) -> list[float]:
    """The first vector of an answer, of whatever family."""
    found = answered.get("embedding") or answered.get("embeddings") or answered.get("data")
    while isinstance(found, list) and isinstance(found[0], dict | list):
        found = found[0]["embedding"] if isinstance(found[0], dict) else found[0]
    assert isinstance(found, list)
    return found


def invoke(local: Local, model: str, body: Any) -> dict[str, Any]:
    regions = FACTS.get(model, {}).get("regions") or [local.account.region]
    region = local.account.region if local.account.region in regions else regions[-1]
    account = replace(local.account, region=region)
    response = account.client("bedrock-runtime").invoke_model(modelId=model, body=json.dumps(body))
    content: dict[str, Any] = json.loads(response["body"].read())
    return content


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / math.sqrt(sum(a * a for a in one) * sum(b * b for b in other))


def callable_as(model: str) -> str:
    """The id by which a model is called: its own, or an inference profile's."""
    facts = FACTS[model]
    return model if facts["in_region"] else next(each for each in facts["inference_profiles"] if each.startswith("us."))


@pytest.fixture(autouse=True)
def without_server(local: Local) -> None:
    local.answers_by("")


@pytest.mark.parametrize("model", MODELS)
def test_each_model_embeds_what_texts_mean(local: Local, model: str) -> None:
    called = callable_as(model)
    asked, near, far = (vector_of(invoke(local, called, request_of(model, text))) for text in (ASKED, NEAR, FAR))
    assert len(asked) == dimension_of(model)
    assert likeness(asked, near) > likeness(asked, far) + 0.1
    assert vector_of(invoke(local, called, request_of(model, ASKED))) == pytest.approx(asked)


@pytest.mark.parametrize(
    ("model", "dimension"), [(model, number) for model, known in SEVERAL.items() for number in known]
)
def test_vectors_are_as_alike_at_every_dimension(local: Local, model: str, dimension: int) -> None:
    name = {"amazon.titan": "dimensions", "cohere.embed": "output_dimension"}.get(model[:12], "embeddingDimension")
    one, other = (
        vector_of(invoke(local, model, request_of(model, text, **{name: dimension}))) for text in (ASKED, NEAR)
    )
    whole = [vector_of(invoke(local, model, request_of(model, text))) for text in (ASKED, NEAR)]
    assert len(one) == dimension
    assert likeness(one, other) == pytest.approx(likeness(*whole), abs=1e-3)
    assert sum(each * each for each in one) == pytest.approx(1, abs=1e-3)


def test_an_answer_says_how_many_tokens_were_read(local: Local) -> None:
    body = json.dumps({"inputText": "One two three"})
    response = local.client("bedrock-runtime").invoke_model(modelId=TITAN, body=body)
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    answered = json.loads(response["body"].read())
    assert int(headers["x-amzn-bedrock-input-token-count"]) == answered["inputTextTokenCount"] == 3
    assert answered["embeddingsByType"]["float"] == answered["embedding"]


def test_precision_is_as_asked(local: Local) -> None:
    titan = invoke(
        local, TITAN, {"inputText": "a", "embeddingTypes": ["binary"], "dimensions": 256, "normalize": False}
    )
    assert set(titan["embeddingsByType"]) == {"binary"}
    assert set(titan["embeddingsByType"]["binary"]) == {0, 1}
    kinds = ["float", "int8", "uint8", "binary", "ubinary"]
    for model, size in (("cohere.embed-english-v3", 1024), ("cohere.embed-v4:0", 1536)):
        body = {"texts": ["a", "b"], "input_type": "clustering", "embedding_types": kinds}
        found = invoke(local, model, body)
        assert found["response_type"] == "embeddings_by_type"
        made = found["embeddings"]
        assert {kind: (len(rows), len(rows[0])) for kind, rows in made.items()} == {
            **dict.fromkeys(("float", "int8", "uint8"), (2, size)),
            **dict.fromkeys(("binary", "ubinary"), (2, size // 8)),
        }
        assert -128 <= min(made["int8"][0]) < 0 < max(made["int8"][0]) <= 127
        assert 0 <= min(made["uint8"][0]) < max(made["uint8"][0]) <= 255
        assert min(made["binary"][0]) < 0 <= min(made["ubinary"][0])
    plain = invoke(local, "cohere.embed-english-v3", {"texts": ["a", "b"], "input_type": "search_query"})
    assert plain["response_type"] == "embeddings_floats"
    assert [len(row) for row in plain["embeddings"]] == [1024, 1024]


def test_pictures_are_told_apart(local: Local) -> None:
    model, other = "amazon.titan-embed-image-v1", PIXEL[:-4] + "AAAA"
    one, same, different = (vector_of(invoke(local, model, {"inputImage": each})) for each in (PIXEL, PIXEL, other))
    assert one == same != different
    both = {"inputText": "a cat", "inputImage": PIXEL, "embeddingConfig": {"outputEmbeddingLength": 384}}
    assert len(vector_of(invoke(local, model, both))) == 384
    uri = f"data:image/png;base64,{PIXEL}"
    mixed = [{"content": [{"type": "text", "text": "a cat"}, {"type": "image_url", "image_url": uri}]}]
    found = invoke(local, "cohere.embed-v4:0", {"inputs": mixed, "input_type": "search_document"})
    assert len(vector_of(found)) == 1536


REFUSED: list[tuple[str, Any, str]] = [
    (TITAN, {}, r"required key \[inputText\] not found"),
    (TITAN, {"inputText": ""}, "expected minLength: 1, actual: 0"),
    (TITAN, {"inputText": 5}, "expected type: String, found: Integer"),
    (TITAN, {"inputText": "a", "dimensions": 300}, "#/dimensions: 300 is not a valid enum value"),
    (TITAN, {"inputText": "a", "dimension": 256}, r"extraneous key \[dimension\] is not permitted"),
    (TITAN, {"inputText": "a", "embeddingTypes": ["int8"]}, "int8 is not a valid enum value"),
    (
        TITAN,
        {"inputText": "word " * 9000},
        "Too many input tokens. Max input tokens: 8192, request input token count: 9",
    ),
    ("amazon.titan-embed-text-v1", {"inputText": "a", "dimensions": 256}, r"extraneous key \[dimensions\]"),
    ("amazon.titan-embed-image-v1", {}, "required key"),
    ("amazon.titan-embed-image-v1", {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 512}}, "512"),
    ("cohere.embed-english-v3", {"texts": ["a"]}, r"required key \[input_type\] not found"),
    ("cohere.embed-english-v3", {"texts": ["a"] * 97, "input_type": "clustering"}, "item count: 96, found: 97"),
    ("cohere.embed-english-v3", {"texts": ["a" * 2049], "input_type": "clustering"}, "expected maxLength: 2048"),
    ("cohere.embed-english-v3", {"input_type": "clustering"}, "exactly one of"),
    ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "clustering", "output_dimension": 256}, "extraneous"),
    ("cohere.embed-v4:0", {"texts": ["a"], "input_type": "image"}, "image is not a valid enum value"),
    ("cohere.embed-v4:0", {"texts": ["a"], "input_type": "clustering", "output_dimension": 300}, "300 is not a valid"),
    ("amazon.nova-2-multimodal-embeddings-v1:0", {"taskType": "SINGLE_EMBEDDING"}, "required key"),
    ("amazon.nova-2-multimodal-embeddings-v1:0", {"inputText": "a"}, "key"),
    ("twelvelabs.marengo-embed-3-0-v1:0", {"inputType": "text", "inputText": "a"}, "extraneous key"),
    ("twelvelabs.marengo-embed-2-7-v1:0", {"inputType": "text", "inputText": "a"}, "on-demand throughput"),
    ("cohere.rerank-v3-5:0", {"query": "a", "documents": ["b"]}, r"required key \[api_version\] not found"),
    ("amazon.rerank-v1:0", {"query": "a", "documents": []}, "minimum item count: 1, found: 0"),
]


@pytest.mark.parametrize(("model", "body", "told"), REFUSED)
def test_what_a_model_does_not_take_is_refused(local: Local, model: str, body: Any, told: str) -> None:
    with pytest.raises(ClientError, match=told) as caught:
        invoke(local, model, body)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_body_that_is_no_json_is_refused(local: Local) -> None:
    with pytest.raises(ClientError, match="Malformed input request"):
        local.client("bedrock-runtime").invoke_model(modelId=TITAN, body=b"{")


def test_only_invoke_model_embeds(local: Local) -> None:
    runtime = local.client("bedrock-runtime")
    messages = [{"role": "user", "content": [{"text": "Hello"}]}]
    with pytest.raises(ClientError, match="Try again with a supported text or chat model"):
        runtime.converse(modelId=TITAN, messages=messages)
    with pytest.raises(ClientError, match="unsupported for streaming"):
        runtime.invoke_model_with_response_stream(modelId=TITAN, body=json.dumps({"inputText": "a"}))
    assert runtime.converse(modelId="amazon.nova-micro-v1:0", messages=messages)["output"]["message"]["content"]


@pytest.mark.parametrize("model", ["amazon.rerank-v1:0", "cohere.rerank-v3-5:0"])
def test_models_that_rerank_do_so(local: Local, model: str) -> None:
    body = {"query": ASKED, "documents": [FAR, NEAR], **({"api_version": 2} if "cohere" in model else {})}
    found = invoke(local, model, body)["results"]
    assert [each["index"] for each in found] == [1, 0]
    assert 1 >= found[0]["relevance_score"] > found[1]["relevance_score"] >= 0
    assert len(invoke(local, model, {**body, "top_n": 1})["results"]) == 1


def test_a_server_of_vectors_embeds_where_there_is_one(local: Local) -> None:
    with embedding({"cat": [3.0, 4.0]}, other=[4.0, -3.0]) as (url, asked):
        local.answers_by(url)
        one, other = (vector_of(invoke(local, TITAN, {"inputText": text})) for text in ("a cat", "no pet"))
        assert asked == ["a cat", "no pet"]
        assert len(one) == 1024
        assert likeness(one, other) == pytest.approx(0, abs=1e-3)
    local.answers_by(local.model_url)  # this one answers chats only
    assert len(vector_of(invoke(local, TITAN, {"inputText": "a cat"}))) == 1024
