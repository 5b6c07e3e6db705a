"""The documents of knowledge bases, as their chunks: stored, and searched.

Chunks are in the emulator's own document store. The search index is built from it on first use.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock_agent

from . import ranking, s3_vectors, words
from .chunking import Chunk
from .embeddings import model_of
from .resources.bedrock import models_of_bedrock

Record = dict[str, Any]
#: Metadata that Bedrock adds to each chunk.
SOURCE_URI, CHUNK_ID, DATA_SOURCE = (
    f"x-amz-bedrock-kb-{name}" for name in ("source-uri", "chunk-id", "data-source-id")
)
#: The metadata keys under which S3 Vectors stores a chunk and its source.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-bedrock-kb.html
TEXT_KEY, METADATA_KEY = "AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"


@dataclass(frozen=True)
class Passage:
    """A chunk in search results.

    :param shown: the returned text: the chunk, or its parent chunk.
    :param location: the document, as Retrieve returns it.
    """

    id: str
    text: str
    shown: str
    location: Mapping[str, Any]
    metadata: Mapping[str, Any]


def keep(
    place: str,
    chunks: Iterable[Chunk],
    *,
    location: Mapping[str, Any],
    uri: str,
    metadata: Mapping[str, Any],
    prefix: str,
    digest: str,
) -> None:
    """Store a document's chunks in place of its earlier ones.

    :param place: ``<knowledge base>/<data source>/<document>``.
    :param prefix: metadata that are embedded with each chunk.
    :param digest: identifies this content, metadata and chunking strategy.
    """
    source = place.split("/")[1]
    made = []
    for number, chunk in enumerate(chunks):
        token = hashlib.sha256(f"{place} {number} {digest}".encode()).hexdigest()
        identifier = f"{token[:8]}-{token[8:12]}-4{token[13:16]}-8{token[17:20]}-{token[20:32]}"
        parent = {"Parent": chunk.parent} if chunk.parent else {}
        made.append({"Id": identifier, "Text": chunk.text, "Metadata": dict(chunk.metadata or {}), **parent})
    record = {
        "Uri": uri,
        "Location": dict(location),
        "Metadata": {**metadata, SOURCE_URI: uri, DATA_SOURCE: source},
        "Prefix": prefix,
        "Digest": digest,
        "Chunks": made,
    }
    _store(place, record)


def _store(place: str, record: Record) -> None:
    old = bedrock_agent._kb_document_texts.get(place)
    index = _index_of(place.split("/")[0])
    if index:
        s3_vectors.put(index, _as_vectors(index, record))
        kept = {each["Id"] for each in record["Chunks"]}
        s3_vectors.remove(index, [each["Id"] for each in (old or {}).get("Chunks", ()) if each["Id"] not in kept])
    bedrock_agent._kb_document_texts[place] = record


def drop(place: str) -> bool:
    """Delete a document. Returns whether it existed."""
    record = bedrock_agent._kb_document_texts.pop(place, None)
    index = _index_of(place.split("/")[0])
    if record and index:
        s3_vectors.remove(index, [each["Id"] for each in record.get("Chunks", ())])
    return record is not None


def forget(beginning: str) -> None:
    """Delete every chunk of a data source, with the state of its documents."""
    for place in places(beginning):
        drop(place)
        bedrock_agent._kb_documents.pop(place, None)


def digest_of(place: str) -> str | None:
    """The arguments of :func:`keep` for a document. None if it is not stored."""
    record = bedrock_agent._kb_document_texts.get(place)
    return record.get("Digest") if record else None


def places(beginning: str) -> list[str]:
    """The documents of a knowledge base, or of one of its data sources."""
    return [place for place in bedrock_agent._kb_document_texts if place.startswith(f"{beginning}/")]


def _as_vectors(index: str, record: Record) -> Iterator[Record]:
    model = s3_vectors.found(index) or {}
    rows = ranking.embedded([f"{record['Prefix']}{each['Text']}" for each in record["Chunks"]]).rows
    found = words.brought_to(rows, int(model.get("Dimension", words.SIZE)))
    for chunk, row in zip(record["Chunks"], found, strict=True):
        metadata = {
            **record["Metadata"],
            **chunk["Metadata"],
            TEXT_KEY: chunk.get("Parent") or chunk["Text"],
            CHUNK_ID: chunk["Id"],
        }
        yield {"key": chunk["Id"], "data": {"float32": [float(each) for each in row]}, "metadata": metadata}


def _index_of(base: str) -> str:
    """The S3 Vectors index that a knowledge base uses, if any."""
    record = bedrock_agent._knowledge_bases.get(base) or {}
    storage = record.get("StorageConfiguration") or {}
    arn = (storage.get("s3VectorsConfiguration") or {}).get("indexArn")
    if arn and s3_vectors.found(arn) is not None:
        return str(arn)
    return ""


def embedding_model(base: str) -> tuple[str, int]:
    """The ARN of a knowledge base's embedding model, and its dimension. Empty and 0 if it has none."""
    record = bedrock_agent._knowledge_bases.get(base) or {}
    vectors = (record.get("KnowledgeBaseConfiguration") or {}).get("vectorKnowledgeBaseConfiguration") or {}
    arn = str(vectors.get("embeddingModelArn") or "")
    own = (vectors.get("embeddingModelConfiguration") or {}).get("bedrockEmbeddingModelConfiguration") or {}
    facts = models_of_bedrock().get(model_of(arn) or "", {})
    return arn, int(own.get("dimensions") or facts.get("embedding_dimension") or 0)


# Search.


@dataclass
class _Searchable:
    signature: tuple[tuple[str, str], ...]
    passages: list[Passage]
    ranking: ranking.Ranking


_searchable: dict[tuple[str, str, str], _Searchable] = {}
_making = threading.Lock()


def search(
    base: str, question: str, let_through: Callable[[Mapping[str, Any]], bool], *, hybrid: bool = False
) -> list[tuple[float, Passage]]:
    """The chunks of a knowledge base that match a filter, with their scores, best first."""
    found = _ready(base)
    try:
        scores = found.ranking.scores(question, hybrid=hybrid)
    except ranking.StaleError:
        found = _ready(base, anew=True)
        scores = found.ranking.scores(question, hybrid=hybrid)
    kept = [
        (score, each)
        for score, each in zip(scores, found.passages, strict=True)
        if let_through({**each.metadata, CHUNK_ID: each.id})
    ]
    return sorted(kept, key=lambda pair: -pair[0])


def _ready(base: str, *, anew: bool = False) -> _Searchable:
    key = (get_account_id(), get_region(), base)
    held = bedrock_agent._kb_document_texts
    records = [(place, held.get(place)) for place in sorted(places(base))]
    signature = tuple((place, str(record.get("Digest"))) for place, record in records if record)
    with _making:
        known = _searchable.get(key)
        if known is None or anew or known.signature != signature:
            passages, texts = [], []
            for _, record in records:
                for chunk in (record or {}).get("Chunks", ()):
                    shown = chunk.get("Parent") or chunk["Text"]
                    metadata = {**record["Metadata"], **chunk["Metadata"]}
                    passages.append(Passage(chunk["Id"], chunk["Text"], shown, record["Location"], metadata))
                    texts.append(f"{record['Prefix']}{chunk['Text']}")
            known = _searchable[key] = _Searchable(signature, passages, ranking.Ranking(texts))
        return known
