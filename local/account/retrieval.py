"""Retrieve and Rerank of Amazon Bedrock.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.services import bedrock_agent, bedrock_agent_runtime as runtime

from . import bedrock_runtime, embeddings, filters, ingestion, passages

Record = dict[str, Any]
SERVICE = "bedrock-agent-runtime"
#: Default and maximum number of results, and maximum number of texts to rerank.
DEFAULT_RESULTS, MOST_RESULTS, MOST_RERANKED = 5, 100, 1000
#: Maximum number of characters of a query, and of a text to rerank.
MOST_CHARACTERS, MOST_RERANKED_CHARACTERS = 20_000, 32_000
#: Vector stores with keyword search beside vectors.
_HYBRID = ("OPENSEARCH_SERVERLESS", "RDS")


class RetrieveError(ValueError):
    """The error of a retrieval, as Bedrock returns it.

    :param code: the name of the error.
    :param status: its HTTP status.
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def install() -> None:
    """Serve both operations outside of the emulator's event loop, since a model server may be slow."""
    runtime._retrieve, runtime._rerank = _retrieve, _rerank
    answer, ingest = app.SERVICE_HANDLERS[SERVICE], app.SERVICE_HANDLERS["bedrock-agent"]

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        found = _RETRIEVE.match(path)
        if found and method == "POST":
            return await asyncio.to_thread(runtime._retrieve, unquote(found[1]), body)
        if path == "/rerank" and method == "POST":
            denied = bedrock_runtime._denied(path, headers, body, query, _rerank_needs(body))
            return denied or await asyncio.to_thread(runtime._rerank, body)
        return await answer(method, path, headers, body, query)

    async def handle_agent(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        found = _WRITES.match(path)
        if found and method == "PUT":
            write = getattr(bedrock_agent, _WRITERS[found[3]])
            return await asyncio.to_thread(write, unquote(found[1]), unquote(found[2]), body)
        return await ingest(method, path, headers, body, query)

    app.SERVICE_HANDLERS[SERVICE] = handle
    app.SERVICE_HANDLERS["bedrock-agent"] = handle_agent


_RETRIEVE = re.compile(r"^/knowledgebases/([^/]+)/retrieve$")
_WRITES = re.compile(r"^/knowledgebases/([^/]+)/datasources/([^/]+)/(ingestionjobs|documents)/?$")
_WRITERS = {"ingestionjobs": "_start_ingestion_job", "documents": "_ingest_kb_documents"}


# Retrieve.


def retrieve(base: str, question: str, configuration: Mapping[str, Any] | None = None) -> list[Record]:
    """The results of a knowledge base for a query, as Retrieve lists them.

    :param configuration: a request's ``retrievalConfiguration``.
    :raises RetrieveError: with Bedrock's error.
    """
    record = bedrock_agent._knowledge_bases.get(base)
    if record is None:
        raise RetrieveError("ResourceNotFoundException", 404, f"Knowledge Base with id {base} does not exist")
    if not 1 <= len(question) <= MOST_CHARACTERS:
        raise _invalid(f"The question has {len(question)} characters; 1 to {MOST_CHARACTERS} are taken")
    asked = (configuration or {}).get("vectorSearchConfiguration") or {}
    store = str((record.get("StorageConfiguration") or {}).get("type", ""))
    hybrid = _search_type(asked, store, record)
    number = asked.get("numberOfResults", DEFAULT_RESULTS)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_RESULTS:
        raise _invalid(f"numberOfResults is 1 to {MOST_RESULTS}, not {number}")
    wanted = asked.get("filter")
    if wanted is not None:
        try:
            filters.check(wanted, store)
        except filters.FilterError as error:
            raise _invalid(str(error)) from error
    order = asked.get("rerankingConfiguration")
    model = _reranker(order, str(record.get("RoleArn", ""))) if order else ""
    if missing := ingestion.may_search(base):
        raise RetrieveError("AccessDeniedException", 403, f"User: {missing}")
    found = passages.search(base, question, lambda metadata: filters.passes(wanted, metadata), hybrid=hybrid)
    results = [_result(score, each) for score, each in _once(found)[:number]]
    return _reordered(question, results, order or {}) if model else results


def _once(found: list[tuple[float, passages.Passage]]) -> list[tuple[float, passages.Passage]]:
    """Merge chunks with the same parent chunk into that one result."""
    seen, kept = set(), []
    for score, each in found:
        key = (str(each.location), each.shown)
        if key not in seen:
            seen.add(key)
            kept.append((score, each))
    return kept


def _result(score: float, each: passages.Passage) -> Record:
    return {
        "content": {"text": each.shown, "type": "TEXT"},
        "location": each.location,
        "score": score,
        "metadata": {**each.metadata, passages.CHUNK_ID: each.id},
    }


def _invalid(message: str) -> RetrieveError:
    return RetrieveError("ValidationException", 400, message)


def _search_type(asked: Record, store: str, record: Record) -> bool:
    """Whether keywords are searched too.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-test-config.html
    """
    wanted = asked.get("overrideSearchType")
    if wanted not in (None, "HYBRID", "SEMANTIC"):
        raise _invalid(f"overrideSearchType is HYBRID or SEMANTIC, not {wanted}")
    if wanted == "HYBRID" and store not in _HYBRID:
        index = str(
            ((record.get("StorageConfiguration") or {}).get("s3VectorsConfiguration") or {}).get("indexArn", "")
        )
        raise _invalid(
            f"HYBRID search type is not supported for search operation on index {index.rpartition('/')[2] or store}. "
            "Retry your request with a different search type."
        )
    return store in _HYBRID and wanted != "SEMANTIC"


def _reranker(order: Any, role: str) -> str:
    """The model that reranks results, under the knowledge base's role."""
    how = (order.get("bedrockRerankingConfiguration") or {}) if isinstance(order, Mapping) else {}
    arn = str((how.get("modelConfiguration") or {}).get("modelArn") or "")
    if not how or order.get("type") != "BEDROCK_RERANKING_MODEL":
        raise _invalid("rerankingConfiguration is of type BEDROCK_RERANKING_MODEL and holds its configuration")
    if embeddings.mode_of(arn) != "rerank":
        raise _invalid(f"The model {arn} does not rerank")
    number = how.get("numberOfRerankedResults", 1)
    if not isinstance(number, int) or not 1 <= number <= MOST_RESULTS:
        raise _invalid(f"numberOfRerankedResults is 1 to {MOST_RESULTS}, not {number}")
    if missing := ingestion.lacking(role, [("bedrock:Rerank", "*"), ("bedrock:InvokeModel", arn)]):
        raise RetrieveError("AccessDeniedException", 403, f"User: {missing}")
    return arn


def _reordered(question: str, results: list[Record], order: Record) -> list[Record]:
    how = order["bedrockRerankingConfiguration"]
    texts = [_with_metadata(each, how.get("metadataConfiguration") or {}) for each in results]
    ranked = embeddings.ranked(question, texts)[: how.get("numberOfRerankedResults")]
    return [{**results[place], "score": score} for place, score in ranked]


def _with_metadata(result: Record, how: Record) -> str:
    """The part of a result that is reranked: its text, and the metadata that the call names."""
    text, known = str(result["content"]["text"]), result["metadata"]
    if not how:
        return text
    own = how.get("selectiveModeConfiguration") or {}
    left_out = {each["fieldName"] for each in own.get("fieldsToExclude") or []}
    taken = {each["fieldName"] for each in own.get("fieldsToInclude") or []} or set(known)
    shown = [f"{name}: {known[name]}" for name in known if name in taken - left_out]
    return "\n".join([*shown, text])


def _retrieve(base: str, body: bytes) -> Any:
    request, wrong = runtime._parse_body(body)
    if wrong:
        return wrong
    query = request.get("retrievalQuery") or {}
    try:
        if query.get("type", "TEXT") != "TEXT" or query.get("image"):
            raise _invalid("Questions by a picture are not served in the local account")
        found = retrieve(base, str(query.get("text") or ""), request.get("retrievalConfiguration"))
    except RetrieveError as error:
        return runtime._error(error.code, str(error), error.status)
    return 200, {"Content-Type": "application/json"}, json.dumps({"retrievalResults": found}).encode()


# Rerank.


def _rerank_needs(body: bytes) -> list[bedrock_runtime.Check]:
    """Beside its own action, a call requires permission to invoke the model."""
    try:
        arn = json.loads(body)["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"][
            "modelArn"
        ]
    except (ValueError, KeyError, TypeError):
        return []
    return [bedrock_runtime.Check("bedrock:InvokeModel", str(arn))]


def _rerank(body: bytes) -> Any:
    request, wrong = runtime._parse_body(body)
    if wrong:
        return wrong
    try:
        return 200, {"Content-Type": "application/json"}, json.dumps({"results": _ranked(request)}).encode()
    except RetrieveError as error:
        return runtime._error(error.code, str(error), error.status)
    except (KeyError, TypeError, AttributeError) as error:
        return runtime._validation(f"The request is malformed: {error}")


def _ranked(request: Record) -> list[Record]:
    queries, sources = request["queries"], request["sources"]
    how = request["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    arn = str(how["modelConfiguration"]["modelArn"])
    if embeddings.mode_of(arn) != "rerank":
        raise _invalid(f"The model {arn} does not rerank")
    if len(queries) != 1:
        raise _invalid("Exactly one query is taken")
    if not 1 <= len(sources) <= MOST_RERANKED:
        raise _invalid(f"1 to {MOST_RERANKED} sources are taken, not {len(sources)}")
    number = how.get("numberOfResults", len(sources))
    if not 1 <= number <= MOST_RERANKED:
        raise _invalid(f"numberOfResults is 1 to {MOST_RERANKED}, not {number}")
    documents = [each["inlineDocumentSource"] for each in sources]
    texts = [_text_of(each) for each in documents]
    asked = str(queries[0]["textQuery"]["text"])
    for each in (asked, *texts):
        if not 1 <= len(each) <= MOST_RERANKED_CHARACTERS:
            raise _invalid(f"A text has 1 to {MOST_RERANKED_CHARACTERS} characters, not {len(each)}")
    return [{"index": place, "relevanceScore": score} for place, score in embeddings.ranked(asked, texts)[:number]]


def _text_of(document: Record) -> str:
    if document.get("type") == "JSON":
        return json.dumps(document["jsonDocument"], ensure_ascii=False)
    return str(document["textDocument"]["text"])
