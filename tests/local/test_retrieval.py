"""Documents of every format are found by questions in other words, and as Retrieve's parameters say."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from local.documents.files import FOLDER, docx, made

from .conftest import Local

QUESTIONS = yaml.safe_load((Path(__file__).parent / "retrieval_questions.yaml").read_text(encoding="utf-8"))
DEMONSTRATION = yaml.safe_load((FOLDER / "questions.yaml").read_text(encoding="utf-8"))
TITAN = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
RERANKER = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"
ALLOWED = [
    "s3:GetObject",
    "s3:ListBucket",
    "s3vectors:PutVectors",
    "s3vectors:QueryVectors",
    "bedrock:InvokeModel",
    "bedrock:Rerank",
]


def documents() -> dict[str, bytes]:
    """The handbook, without the poisoned document."""
    files = [file for file in sorted(FOLDER.glob("*/*")) if file.parent.name in ("policies", "salaries")]
    found = {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}
    del found[DEMONSTRATION["poisoned"]]
    return found


@dataclass
class Base:
    """A knowledge base over a bucket of its own."""

    local: Local
    bucket: str
    id: str
    source: str
    role: str
    index: str

    def put(self, key: str, body: bytes, **metadata: Any) -> None:
        s3 = self.local.client("s3")
        s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        if metadata:
            sidecar = json.dumps({"metadataAttributes": metadata}).encode()
            s3.put_object(Bucket=self.bucket, Key=f"{key}.metadata.json", Body=sidecar)

    def remove(self, key: str) -> None:
        for each in (key, f"{key}.metadata.json"):
            self.local.client("s3").delete_object(Bucket=self.bucket, Key=each)

    def ingest(self, **ingestion: Any) -> dict[str, Any]:
        agent, place = self.local.client("bedrock-agent"), {"knowledgeBaseId": self.id, "dataSourceId": self.source}
        if ingestion:
            known = agent.get_data_source(**place)["dataSource"]
            kept = {name: known[name] for name in ("name", "dataSourceConfiguration")}
            agent.update_data_source(**place, **kept, vectorIngestionConfiguration=ingestion)
        job = agent.start_ingestion_job(**place)["ingestionJob"]["ingestionJobId"]
        done = agent.get_ingestion_job(**place, ingestionJobId=job)["ingestionJob"]
        return {**done["statistics"], "status": done["status"], "reasons": done.get("failureReasons", [])}

    def retrieve(self, question: str, **search: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.local.client("bedrock-agent-runtime", parameter_validation=False).retrieve(
            knowledgeBaseId=self.id,
            retrievalQuery={"text": question},
            retrievalConfiguration={"vectorSearchConfiguration": search},
        )["retrievalResults"]
        return found

    def keys(self, question: str, **search: Any) -> list[str]:
        found = self.retrieve(question, **search)
        return [each["location"]["s3Location"]["uri"].removeprefix(f"s3://{self.bucket}/") for each in found]


def make(local: Local, name: str, storage: Mapping[str, Any] | None = None) -> Base:
    """A knowledge base whose role may do what it needs."""
    s3, iam, agent, vectors = (local.client(each) for each in ("s3", "iam", "bedrock-agent", "s3vectors"))
    bucket = f"{name}-documents"
    s3.create_bucket(Bucket=bucket)
    trusted = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trusted]}))["Role"]["Arn"]
    allow(local, name, ALLOWED)
    vector_bucket = vectors.create_vector_bucket(vectorBucketName=f"{name}-vectors")["vectorBucketArn"]
    hidden = {"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]}
    index = vectors.create_index(
        vectorBucketArn=vector_bucket,
        indexName="chunks",
        dataType="float32",
        dimension=1024,
        distanceMetric="cosine",
        metadataConfiguration=hidden,
    )["indexArn"]
    base = agent.create_knowledge_base(
        name=name,
        roleArn=role,
        knowledgeBaseConfiguration={
            "type": "VECTOR",
            "vectorKnowledgeBaseConfiguration": {"embeddingModelArn": TITAN},
        },
        storageConfiguration=storage or {"type": "S3_VECTORS", "s3VectorsConfiguration": {"indexArn": index}},
    )["knowledgeBase"]["knowledgeBaseId"]
    place = {"bucketArn": f"arn:aws:s3:::{bucket}"}
    source = agent.create_data_source(
        knowledgeBaseId=base, name=name, dataSourceConfiguration={"type": "S3", "s3Configuration": place}
    )["dataSource"]["dataSourceId"]
    return Base(local, bucket, base, source, name, index)


def allow(local: Local, role: str, actions: list[str]) -> None:
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    local.client("iam").put_role_policy(
        RoleName=role, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )


def end(base: Base) -> None:
    agent, s3, vectors = (base.local.client(each) for each in ("bedrock-agent", "s3", "s3vectors"))
    agent.delete_data_source(knowledgeBaseId=base.id, dataSourceId=base.source)
    agent.delete_knowledge_base(knowledgeBaseId=base.id)
    vectors.delete_index(indexArn=base.index)
    vectors.delete_vector_bucket(vectorBucketName=f"{base.role}-vectors")
    for each in s3.list_objects_v2(Bucket=base.bucket).get("Contents", []):
        s3.delete_object(Bucket=base.bucket, Key=each["Key"])
    s3.delete_bucket(Bucket=base.bucket)
    base.local.client("iam").delete_role_policy(RoleName=base.role, PolicyName="all")
    base.local.client("iam").delete_role(RoleName=base.role)


@pytest.fixture(scope="module")
def handbook(local: Local) -> Iterator[Base]:
    """The project's own documents in a knowledge base."""
    local.answers_by("")
    base = make(local, "handbook")
    for key, content in documents().items():
        base.put(key, content, source=key.partition("/")[0])
    told = base.ingest()
    assert (told["status"], told["reasons"]) == ("COMPLETE", [])
    assert told["numberOfNewDocumentsIndexed"] == len(documents()) == 40
    yield base
    end(base)


@pytest.fixture
def empty(local: Local) -> Iterator[Callable[..., Base]]:
    """Makes knowledge bases without documents."""
    local.answers_by("")
    bases: list[Base] = []

    def make_one(storage: Mapping[str, Any] | None = None) -> Base:
        bases.append(make(local, f"tried{len(bases)}", storage))
        return bases[-1]

    yield make_one
    for each in bases:
        end(each)


def test_the_files_are_what_their_text_makes() -> None:
    assert {name: (FOLDER / name).read_bytes() for name in made()} == made()


@pytest.mark.parametrize(("questions", "asked", "wanted"), [("first", 60, 51), ("second", 40, 34)])
def test_questions_in_other_words_find_their_document(handbook: Base, questions: str, asked: int, wanted: int) -> None:
    pairs = [(question, key) for key, own in QUESTIONS[questions].items() for question in own]
    assert len(pairs) == asked
    missed = [(question, key) for question, key in pairs if key not in handbook.keys(question)]
    assert asked - len(missed) >= wanted, missed


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("vacation", "policies/annual-leave.md"),
        ("hotel", "policies/accommodation-ceilings.xlsx"),
        ("passwords", "policies/credentials.md"),
    ],
)
def test_one_word_finds_what_is_called_otherwise(handbook: Base, question: str, key: str) -> None:
    assert key in handbook.keys(question)


def test_the_demonstration_finds_what_it_promises(handbook: Base) -> None:
    assert len(DEMONSTRATION["questions"]) == 10
    for each in DEMONSTRATION["questions"]:
        wanted = each.get("sources", [])
        assert not wanted or set(wanted) & set(handbook.keys(each["ask"])), each["ask"]
        for document in wanted:
            shown = "\n".join(found["content"]["text"] for found in handbook.retrieve(each["ask"]))
            assert all(mentioned in shown for mentioned in each["mentions"]), (document, each["mentions"])


def test_what_is_found_is_small_and_says_where_it_comes_from(handbook: Base) -> None:
    found = handbook.retrieve("How much vacation do I get?")
    assert len(found) == 5
    assert all(len(each["content"]["text"]) < 2_500 for each in found)
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1
    for each in found:
        assert each["location"]["type"] == "S3"
        metadata = each["metadata"]
        assert metadata["x-amz-bedrock-kb-source-uri"] == each["location"]["s3Location"]["uri"]
        assert metadata["x-amz-bedrock-kb-data-source-id"] == handbook.source
        assert metadata["source"] in ("policies", "salaries")
    assert len({each["metadata"]["x-amz-bedrock-kb-chunk-id"] for each in found}) == 5


def test_a_search_takes_milliseconds(handbook: Base) -> None:
    handbook.keys("warm")
    started = time.monotonic()
    for number in range(20):
        handbook.keys(f"How do I book a train, {number}?")
    assert (time.monotonic() - started) / 20 < 0.2


def test_the_index_holds_the_vectors_and_can_be_asked(handbook: Base) -> None:
    vectors, runtime = handbook.local.client("s3vectors"), handbook.local.client("bedrock-runtime")
    listed = vectors.list_vectors(indexArn=handbook.index, returnMetadata=True)["vectors"]
    found = {each["metadata"]["x-amz-bedrock-kb-source-uri"] for each in listed}
    assert found == {f"s3://{handbook.bucket}/{key}" for key in documents()}
    body = json.dumps({"inputText": "The length of a password and the second factor for signing in"})
    answered = json.loads(runtime.invoke_model(modelId=TITAN, body=body)["body"].read())
    nearest = vectors.query_vectors(
        indexArn=handbook.index,
        topK=3,
        queryVector={"float32": answered["embedding"]},
        filter={"source": "policies"},
        returnMetadata=True,
        returnDistance=True,
    )["vectors"]
    assert any("credentials.md" in each["metadata"]["x-amz-bedrock-kb-source-uri"] for each in nearest)
    assert nearest[0]["distance"] <= nearest[1]["distance"] <= nearest[2]["distance"]


# Ingestion.


def test_an_ingestion_follows_the_bucket(empty: Callable[..., Base]) -> None:
    base = empty()
    base.put("a.md", b"Bicycles are repaired in the basement.", kind="note")
    base.put("b.txt", b"The library opens at nine.")
    base.put("c.pdf", b"%PDF-1.4 this is cut off")
    base.put("d.exe", b"MZ")
    told = base.ingest()
    assert (told["numberOfDocumentsScanned"], told["numberOfNewDocumentsIndexed"]) == (4, 2)
    assert (told["numberOfDocumentsFailed"], told["numberOfMetadataDocumentsScanned"]) == (2, 1)
    assert [("c.pdf" in reason, "d.exe" in reason) for reason in told["reasons"]] == [(True, False), (False, True)]
    again = base.ingest()
    assert again["numberOfNewDocumentsIndexed"] == again["numberOfModifiedDocumentsIndexed"] == 0
    base.put("b.txt", b"The library opens at ten.")
    base.put("a.md", b"Bicycles are repaired in the basement.", kind="notice")
    base.remove("c.pdf")
    changed = base.ingest()
    assert (changed["numberOfModifiedDocumentsIndexed"], changed["numberOfDocumentsFailed"]) == (2, 1)
    assert base.retrieve("bicycles")[0]["metadata"]["kind"] == "notice"
    base.remove("b.txt")
    assert base.ingest()["numberOfDocumentsDeleted"] == 1
    assert base.keys("When does the library open?") == ["a.md"]
    listed = base.local.client("s3vectors").list_vectors(indexArn=base.index)["vectors"]
    assert len(listed) == 1


def test_documents_are_listed_with_how_they_fared(empty: Callable[..., Base]) -> None:
    base = empty()
    base.put("good.txt", b"Good.")
    base.put("bad.pdf", b"no pdf")
    base.ingest()
    agent, place = base.local.client("bedrock-agent"), {"knowledgeBaseId": base.id, "dataSourceId": base.source}
    listed = agent.list_knowledge_base_documents(**place)["documentDetails"]
    assert {each["identifier"]["s3"]["uri"].rpartition("/")[2]: each["status"] for each in listed} == {
        "good.txt": "INDEXED",
        "bad.pdf": "FAILED",
    }
    named = [{"dataSourceType": "S3", "s3": {"uri": f"s3://{base.bucket}/{key}"}} for key in ("good.txt", "none.txt")]
    asked = agent.get_knowledge_base_documents(**place, documentIdentifiers=named)["documentDetails"]
    assert [each["status"] for each in asked] == ["INDEXED", "NOT_FOUND"]


def test_a_document_that_is_handed_over_is_found(empty: Callable[..., Base]) -> None:
    base = empty()
    agent, place = base.local.client("bedrock-agent"), {"knowledgeBaseId": base.id, "dataSourceId": base.source}
    content = {
        "dataSourceType": "CUSTOM",
        "custom": {
            "customDocumentIdentifier": {"id": "note-1"},
            "sourceType": "IN_LINE",
            "inlineContent": {"type": "TEXT", "textContent": {"data": "The greenhouse is heated in winter."}},
        },
    }
    told = {
        "type": "IN_LINE_ATTRIBUTE",
        "inlineAttributes": [{"key": "year", "value": {"type": "NUMBER", "numberValue": 7}}],
    }
    agent.ingest_knowledge_base_documents(**place, documents=[{"content": content, "metadata": told}])
    (found,) = base.retrieve("Is the greenhouse warm?", filter={"equals": {"key": "year", "value": 7}})
    assert found["location"] == {"type": "CUSTOM", "customDocumentLocation": {"id": "note-1"}}
    agent.delete_knowledge_base_documents(
        **place, documentIdentifiers=[{"dataSourceType": "CUSTOM", "custom": {"id": "note-1"}}]
    )
    assert base.retrieve("Is the greenhouse warm?") == []


def test_what_readers_do_not_see_is_not_found(empty: Callable[..., Base]) -> None:
    base = empty()
    base.put("page.html", b'<p>Lifts are serviced.</p><p style="display:none">Zebras sleep standing.</p>')
    base.put("table.docx", docx(["Rooms", [["Room", "Seats"], ["Auditorium", "ninety"]]]))
    base.ingest()
    assert not any("Zebras" in each["content"]["text"] for each in base.retrieve("zebras"))
    assert "ninety" in base.retrieve("How many seats has the auditorium?")[0]["content"]["text"]


WORDS = [f"word{number}" for number in range(400)]
LONG = ". ".join(" ".join(WORDS[start : start + 10]) for start in range(0, 400, 10)).encode()


@pytest.mark.parametrize(
    ("chunking", "least", "most"),
    [
        ({"chunkingStrategy": "NONE"}, 1, 1),
        (
            {
                "chunkingStrategy": "FIXED_SIZE",
                "fixedSizeChunkingConfiguration": {"maxTokens": 100, "overlapPercentage": 20},
            },
            10,
            40,
        ),
        (
            {
                "chunkingStrategy": "FIXED_SIZE",
                "fixedSizeChunkingConfiguration": {"maxTokens": 8000, "overlapPercentage": 1},
            },
            1,
            1,
        ),
        (
            {
                "chunkingStrategy": "SEMANTIC",
                "semanticChunkingConfiguration": {
                    "maxTokens": 100,
                    "bufferSize": 1,
                    "breakpointPercentileThreshold": 90,
                },
            },
            4,
            60,
        ),
    ],
)
def test_documents_are_cut_as_the_source_says(
    empty: Callable[..., Base], chunking: dict[str, Any], least: int, most: int
) -> None:
    base = empty()
    base.put("long.txt", LONG)
    base.ingest(chunkingConfiguration=chunking)
    found = [each["content"]["text"] for each in base.retrieve("word1 word399", numberOfResults=100)]
    assert least <= len(found) <= most
    text = " ".join(found)
    assert all(f"{word}" in text for word in WORDS)


def test_small_parts_are_found_and_large_ones_shown(empty: Callable[..., Base]) -> None:
    base = empty()
    base.put("long.txt", LONG)
    levels = [{"maxTokens": 400}, {"maxTokens": 50}]
    how = {"levelConfigurations": levels, "overlapTokens": 10}
    base.ingest(chunkingConfiguration={"chunkingStrategy": "HIERARCHICAL", "hierarchicalChunkingConfiguration": how})
    found = [each["content"]["text"] for each in base.retrieve("word7", numberOfResults=100)]
    assert len(found) == len(set(found)) < 10
    assert len(base.local.client("s3vectors").list_vectors(indexArn=base.index)["vectors"]) > 2 * len(found)


def test_the_role_of_the_base_needs_what_it_does(empty: Callable[..., Base]) -> None:
    base = empty()
    base.put("a.txt", b"Text.")
    for missing in ("s3:GetObject", "s3:ListBucket", "bedrock:InvokeModel", "s3vectors:PutVectors"):
        allow(base.local, base.role, [each for each in ALLOWED if each != missing])
        told = base.ingest()
        assert told["status"] == "FAILED"
        assert missing in told["reasons"][0]
    allow(base.local, base.role, ALLOWED)
    assert base.ingest()["status"] == "COMPLETE"
    for missing in ("bedrock:InvokeModel", "s3vectors:QueryVectors"):
        allow(base.local, base.role, [each for each in ALLOWED if each != missing])
        with pytest.raises(ClientError, match=f"AccessDenied.*{missing}"):
            base.retrieve("text")


# Search.


@pytest.fixture(scope="module")
def animals(local: Local) -> Iterator[Base]:
    """Four documents with metadata of every type, in a store that takes every comparison."""
    local.answers_by("")
    collection = {
        "collectionArn": f"arn:aws:aoss:us-east-1:{local.account.account}:collection/animals",
        "vectorIndexName": "chunks",
        "fieldMapping": {"vectorField": "v", "textField": "t", "metadataField": "m"},
    }
    base = make(local, "animals", {"type": "OPENSEARCH_SERVERLESS", "opensearchServerlessConfiguration": collection})
    base.put("cat.txt", b"The cat sleeps on the sofa.", animal="cat", year=1990, tame=True, tags=["pet", "small"])
    base.put("camel.txt", b"The camel walks through sand.", animal="camel", year=2001, tame=True, tags=["large"])
    base.put("wolf.txt", b"The wolf runs in the forest.", animal="wolf", year=2010.5, tame=False)
    base.put("stone.txt", b"A stone lies on the ground.")
    base.ingest()
    yield base
    end(base)


CASES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "equals": ({"equals": {"key": "animal", "value": "cat"}}, {"cat"}),
    "true is no 1": ({"equals": {"key": "tame", "value": 1}}, set()),
    "equals true": ({"equals": {"key": "tame", "value": True}}, {"cat", "camel"}),
    "notEquals": ({"notEquals": {"key": "animal", "value": "cat"}}, {"camel", "wolf", "stone"}),
    "greaterThan": ({"greaterThan": {"key": "year", "value": 2001}}, {"wolf"}),
    "greaterThanOrEquals": ({"greaterThanOrEquals": {"key": "year", "value": 2001}}, {"camel", "wolf"}),
    "lessThan": ({"lessThan": {"key": "year", "value": 2001}}, {"cat"}),
    "lessThanOrEquals": ({"lessThanOrEquals": {"key": "year", "value": 2001}}, {"cat", "camel"}),
    "in": ({"in": {"key": "animal", "value": ["cat", "wolf"]}}, {"cat", "wolf"}),
    "notIn": ({"notIn": {"key": "animal", "value": ["cat", "wolf"]}}, {"camel", "stone"}),
    "startsWith": ({"startsWith": {"key": "animal", "value": "ca"}}, {"cat", "camel"}),
    "listContains": ({"listContains": {"key": "tags", "value": "large"}}, {"camel"}),
    "stringContains": ({"stringContains": {"key": "animal", "value": "o"}}, {"wolf"}),
    "stringContains of a list": ({"stringContains": {"key": "tags", "value": "mal"}}, {"cat"}),
    "andAll": (
        {"andAll": [{"equals": {"key": "tame", "value": True}}, {"lessThan": {"key": "year", "value": 2000}}]},
        {"cat"},
    ),
    "orAll": (
        {"orAll": [{"equals": {"key": "animal", "value": "wolf"}}, {"listContains": {"key": "tags", "value": "pet"}}]},
        {"cat", "wolf"},
    ),
    "what Bedrock adds": ({"stringContains": {"key": "x-amz-bedrock-kb-source-uri", "value": "/cat."}}, {"cat"}),
}


@pytest.mark.parametrize("case", CASES)
def test_filters_let_through_what_they_say(animals: Base, case: str) -> None:
    given, wanted = CASES[case]
    assert {key.removesuffix(".txt") for key in animals.keys("animal", filter=given)} == wanted


@pytest.mark.parametrize(
    "given",
    [
        {"greaterThan": {"key": "year", "value": "2001"}},
        {"in": {"key": "animal", "value": "cat"}},
        {"startsWith": {"key": "animal", "value": 1}},
        {"equals": {"key": "animal", "value": ["cat"]}},
        {"equals": {"key": "k" * 101, "value": "cat"}},
    ],
)
def test_filters_that_cannot_be_are_refused(animals: Base, given: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        animals.keys("animal", filter=given)


@pytest.mark.parametrize("name", ["startsWith", "stringContains"])
def test_vectors_in_s3_take_fewer_comparisons(handbook: Base, name: str) -> None:
    with pytest.raises(ClientError, match=f"{name} is not supported by the vector store S3_VECTORS"):
        handbook.keys("text", filter={name: {"key": "source", "value": "pol"}})


def test_words_are_searched_where_the_store_can(animals: Base, handbook: Base) -> None:
    assert animals.keys("camel", overrideSearchType="HYBRID")[0] == "camel.txt"
    assert animals.keys("camel", overrideSearchType="SEMANTIC")[0] == "camel.txt"
    hybrid, semantic = (
        animals.retrieve("camel", overrideSearchType=each)[0]["score"] for each in ("HYBRID", "SEMANTIC")
    )
    assert hybrid != semantic
    with pytest.raises(ClientError, match="HYBRID search type is not supported for search operation on index chunks"):
        handbook.keys("text", overrideSearchType="HYBRID")


def test_results_are_as_many_as_asked_for(handbook: Base) -> None:
    assert len(handbook.retrieve("work", numberOfResults=1)) == 1
    assert len(handbook.retrieve("work", numberOfResults=100)) > 35
    for number in (0, 101):
        with pytest.raises(ClientError, match="numberOfResults"):
            handbook.retrieve("work", numberOfResults=number)


def test_a_question_has_a_length(handbook: Base) -> None:
    for question in ("", "a" * 20_001):
        with pytest.raises(ClientError, match="ValidationException"):
            handbook.retrieve(question)


def test_a_base_that_is_not_there_is_told(handbook: Base) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        handbook.local.client("bedrock-agent-runtime").retrieve(
            knowledgeBaseId="ABSENT0000", retrievalQuery={"text": "x"}
        )


def reranking(arn: str, number: int = 3) -> dict[str, Any]:
    how = {"modelConfiguration": {"modelArn": arn}, "numberOfRerankedResults": number}
    return {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": how}


def test_results_are_put_in_order_under_the_role_of_the_base(handbook: Base) -> None:
    found = handbook.retrieve(
        "How much vacation do I get?", numberOfResults=20, rerankingConfiguration=reranking(RERANKER)
    )
    assert len(found) == 3
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    with pytest.raises(ClientError, match="does not rerank"):
        handbook.retrieve("text", rerankingConfiguration=reranking(TITAN))
    try:
        allow(handbook.local, handbook.role, [each for each in ALLOWED if each != "bedrock:Rerank"])
        with pytest.raises(ClientError, match=r"AccessDenied.*bedrock:Rerank"):
            handbook.retrieve("text", rerankingConfiguration=reranking(RERANKER))
    finally:
        allow(handbook.local, handbook.role, ALLOWED)


def test_texts_are_put_in_order(local: Local) -> None:
    texts = ["The cafeteria opens at eight.", "Annual leave is 25 days.", "Bring a coat."]
    sources = [
        {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}} for text in texts
    ]
    runtime = local.client("bedrock-agent-runtime")
    request = {"queries": [{"type": "TEXT", "textQuery": {"text": "how much vacation do I get"}}], "sources": sources}

    def order(arn: str) -> list[dict[str, Any]]:
        how = {"modelConfiguration": {"modelArn": arn}, "numberOfResults": 2}
        ordered = {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": how}
        found: list[dict[str, Any]] = runtime.rerank(**request, rerankingConfiguration=ordered)["results"]
        return found

    found = order(RERANKER)
    assert found[0]["index"] == 1
    assert len(found) == 2
    assert found[0]["relevanceScore"] > found[1]["relevanceScore"]
    with pytest.raises(ClientError, match="does not rerank"):
        order(TITAN)


def test_a_server_of_vectors_is_asked_where_there_is_one(empty: Callable[..., Base], local: Local) -> None:
    from .embedding_server import embedding

    base = empty()
    base.put("one.txt", b"The first text.")
    base.put("two.txt", b"The second text.")
    base.ingest()
    with embedding({"question": [1.0, 0.0, 0.0], "second": [0.9, 0.1, 0.0]}, other=[0.0, 0.0, 1.0]) as (url, asked):
        try:
            local.answers_by(url)
            assert base.keys("question")[0] == "two.txt"
            assert {"question"} <= set(asked)
            assert base.retrieve("question")[0]["score"] > 0.9
        finally:
            local.answers_by("")
    assert base.keys("first")[0] == "one.txt"


SCREEN = """
import io
import json
import boto3


def handler(event, context):
    s3, bucket = boto3.client("s3"), event["bucketName"]
    files = []
    for file in event["inputFiles"]:
        (batch,) = file["contentBatches"]
        chunks = json.loads(s3.get_object(Bucket=bucket, Key=batch["key"])["Body"].read())["fileContents"]
        kept = [{**each, "contentMetadata": {"seen": True}} for each in chunks if "secret" not in each["contentBody"]]
        s3.put_object(Bucket=bucket, Key=batch["key"] + ".out", Body=json.dumps({"fileContents": kept}))
        files.append({**file, "contentBatches": [{"key": batch["key"] + ".out"}]})
    return {"outputFiles": files}
"""


def test_a_function_screens_chunks_before_they_are_embedded(empty: Callable[..., Base]) -> None:
    base = empty()
    functions, name = base.local.client("lambda"), "screens-chunks"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        package.writestr("index.py", SCREEN)
    iam = base.local.client("iam")
    service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [service]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    allow(base.local, name, ["s3:GetObject", "s3:PutObject"])
    try:
        arn = functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="index.handler",
            Timeout=30,
            Code={"ZipFile": content.getvalue()},
        )["FunctionArn"]
        base.put("page.txt", b"The pond is deep.")
        base.put("diary.txt", b"This is a secret pond.")
        called = {
            "stepToApply": "POST_CHUNKING",
            "transformationFunction": {"transformationLambdaConfiguration": {"lambdaArn": arn}},
        }
        place = {"s3Location": {"uri": f"s3://{base.bucket}/between/"}}
        how = {"intermediateStorage": place, "transformations": [called]}
        told = base.ingest(customTransformationConfiguration=how)
        assert told["status"] == "FAILED"
        assert "lambda:InvokeFunction" in told["reasons"][0]
        allow(base.local, base.role, [*ALLOWED, "lambda:InvokeFunction", "s3:PutObject"])
        told = base.ingest()
        assert (told["numberOfNewDocumentsIndexed"], told["numberOfDocumentsFailed"]) == (1, 1)
        (found,) = base.retrieve("pond", filter={"equals": {"key": "seen", "value": True}})
        assert found["content"]["text"] == "The pond is deep."
    finally:
        functions.delete_function(FunctionName=name)
        iam.delete_role_policy(RoleName=name, PolicyName="all")
        iam.delete_role(RoleName=name)
