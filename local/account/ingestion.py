"""An ingestion job: reads a data source's documents, chunks and embeds new ones, and removes deleted ones.

It uses the knowledge base's role, as on AWS.
https://docs.aws.amazon.com/bedrock/latest/userguide/kb-data-source-sync-ingest.html
https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
from collections.abc import Mapping
from typing import Any

from ministack.services import bedrock_agent, s3

from . import chunking, documents, passages, s3_vectors, transformation
from .permissions import role_may
from .resources import knowledge

Record = dict[str, Any]
#: Suffix of the metadata file of a document.
SIDECAR = ".metadata.json"
#: Maximum number of documents per call.
MOST_AT_ONCE = 25
_STATISTICS = (
    *("DocumentsScanned", "NewDocumentsIndexed", "ModifiedDocumentsIndexed", "DocumentsDeleted", "DocumentsFailed"),
    *("MetadataDocumentsScanned", "MetadataDocumentsModified"),
)


def install() -> None:
    """Replace the emulator's own reading of buckets."""
    bedrock_agent._run_s3_ingestion = ingest
    bedrock_agent._ingest_kb_documents = _ingest_documents
    bedrock_agent._delete_kb_documents = _delete_documents
    bedrock_agent._get_kb_documents = _get_documents
    bedrock_agent._list_kb_documents = _list_documents
    knowledge.deleted.append(passages.forget)


class _RefusedError(ValueError):
    """The reason why one document is rejected."""


_one_at_a_time = threading.Lock()


def ingest(base: str, source: str, record: Record) -> tuple[dict[str, int], list[str]]:
    """Synchronize a knowledge base with the bucket of a data source, one job after the other.

    :returns: the job's statistics, and why documents, or all, failed.
    """
    with _one_at_a_time:
        return _ingest(base, source, record)


def _ingest(base: str, source: str, record: Record) -> tuple[dict[str, int], list[str]]:
    told = {f"NumberOf{name}": 0 for name in _STATISTICS}
    configuration = record.get("DataSourceConfiguration") or {}
    if configuration.get("type") != "S3":
        return told, [f"Sources of type {configuration.get('type')} are not read in the local account; S3 is"]
    place = configuration.get("s3Configuration") or {}
    name = str(place.get("bucketArn", "")).rpartition(":")[2]
    bucket = s3._buckets.get(name)
    if bucket is None:
        return told, [f"The bucket {name} does not exist"]
    prefixes = place.get("inclusionPrefixes") or [""]
    how = record.get("VectorIngestionConfiguration")
    if missing := _forbidden(base, name, prefixes) or transformation.may(base, how):
        return told, [missing]
    keys = {
        key for key in list(bucket["objects"]) if key.startswith(tuple(prefixes)) and not key.endswith(("/", SIDECAR))
    }
    failures = []
    for key in sorted(keys):
        sidecar = f"{key}{SIDECAR}" if f"{key}{SIDECAR}" in bucket["objects"] else None
        told["NumberOfDocumentsScanned"] += 1
        told["NumberOfMetadataDocumentsScanned"] += sidecar is not None
        content = s3._get_object_data(name, key) or b""
        metadata = (s3._get_object_data(name, sidecar) or b"") if sidecar else None
        uri = f"s3://{name}/{key}"
        location = {"type": "S3", "s3Location": {"uri": uri}}
        try:
            done = _take(f"{base}/{source}/{key}", uri, location, key, content, metadata, record)
        except _RefusedError as error:
            told["NumberOfDocumentsFailed"] += 1
            failures.append(f"Issue occurred while processing file: {key}. Error: {error}.")
            _note(base, source, key, _in_bucket(uri), "FAILED", str(error))
            continue
        if done:
            told[f"NumberOf{done}"] += 1
        _note(base, source, key, _in_bucket(uri), "INDEXED")
    for gone in passages.places(f"{base}/{source}"):
        if gone.split("/", 2)[2] not in keys:
            passages.drop(gone)
            bedrock_agent._kb_documents.pop(gone, None)
            told["NumberOfDocumentsDeleted"] += 1
    return told, failures


def _take(
    place: str, uri: str, location: Record, name: str, content: bytes, sidecar: bytes | None, source: Record
) -> str:
    """Store one document if it is new or has changed, and return which statistic counts it.

    :raises _RefusedError: with the reason if it cannot be stored; its earlier content is removed.
    """
    how = source.get("VectorIngestionConfiguration")
    parts = (content, sidecar or b"", json.dumps(how, sort_keys=True).encode())
    digest = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in parts)).hexdigest()
    known = passages.digest_of(place)
    if known == digest:
        return ""
    try:
        text = documents.text_of(name, content)
        metadata, prefix = attributes(sidecar) if sidecar is not None else ({}, "")
        base, own, _ = place.split("/", 2)
        made = transformation.transformed(base, own, uri, chunking.chunks(text, how), metadata, how)
        if not made:
            raise _RefusedError("it holds no text")
        passages.keep(place, made, location=location, uri=uri, metadata=metadata, prefix=prefix, digest=digest)
    except (
        documents.UnreadableError,
        s3_vectors.RefusedError,
        transformation.TransformationError,
        _RefusedError,
    ) as error:
        passages.drop(place)
        raise _RefusedError(str(error)) from error
    return "ModifiedDocumentsIndexed" if known else "NewDocumentsIndexed"


def attributes(sidecar: bytes) -> tuple[Record, str]:
    """The metadata in a document's metadata file, and the part of it that is embedded with each chunk.

    https://docs.aws.amazon.com/bedrock/latest/userguide/kb-metadata.html

    :raises _RefusedError: if the file is not valid.
    """
    try:
        given = json.loads(sidecar)["metadataAttributes"]
        found = {str(name): _value(entry) for name, entry in given.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _RefusedError("its metadata file holds no object metadataAttributes") from error
    with_text = [
        f"{name}: {found[name]}\n"
        for name, entry in given.items()
        if isinstance(entry, dict) and entry.get("includeForEmbedding") is True
    ]
    return found, "".join(with_text)


_TYPES = {
    "STRING": "stringValue",
    "NUMBER": "numberValue",
    "BOOLEAN": "booleanValue",
    "STRING_LIST": "stringListValue",
}


def _value(entry: Any) -> Any:
    """The value of an attribute, which may contain its type and whether it is embedded."""
    value = entry.get("value", entry) if isinstance(entry, Mapping) else entry
    if isinstance(value, Mapping):
        return value[_TYPES[value["type"]]]
    if not isinstance(value, str | int | float | bool | list):
        raise TypeError(f"{value!r} is no value of metadata")
    return value


def _forbidden(base: str, bucket: str, prefixes: list[str]) -> str:
    """The missing permissions of the knowledge base's role, in a sentence. Empty if there are none."""
    record = bedrock_agent._knowledge_bases.get(base) or {}
    role = str(record.get("RoleArn", ""))
    arn = f"arn:aws:s3:::{bucket}"
    for prefix in prefixes:
        if not role_may(role, "s3:ListBucket", arn, {"s3:prefix": prefix}):
            return _told(role, "s3:ListBucket", arn)
    return lacking(role, [*(("s3:GetObject", f"{arn}/{each}*") for each in prefixes), *_uses(base, "PutVectors")])


def _uses(base: str, action: str) -> list[tuple[str, str]]:
    model, _ = passages.embedding_model(base)
    index = passages._index_of(base)
    found = [("bedrock:InvokeModel", model)] if model else []
    return [*found, *([(f"s3vectors:{action}", index)] if index else [])]


def lacking(role: str, needed: list[tuple[str, str]]) -> str:
    """The missing ones of some permissions of a role, in a sentence. Empty if there are none."""
    return next((_told(role, action, place) for action, place in needed if not role_may(role, action, place)), "")


def _told(role: str, action: str, place: str) -> str:
    return f"{role} is not authorized to perform: {action} on resource: {place}"


def may_search(base: str) -> str:
    """The missing permissions of a knowledge base's role for retrieval, in a sentence. Empty if there are none."""
    record = bedrock_agent._knowledge_bases.get(base) or {}
    return lacking(str(record.get("RoleArn", "")), _uses(base, "QueryVectors"))


# Single documents.


def _in_bucket(uri: str) -> Record:
    return {"DataSourceType": "S3", "S3": {"Uri": uri}}


def _note(base: str, source: str, name: str, identifier: Record, status: str, reason: str = "") -> Record:
    """Store the status of a document, as it is listed."""
    record = {
        "KnowledgeBaseId": base,
        "DataSourceId": source,
        "Identifier": identifier,
        "Status": status,
        "UpdatedAt": bedrock_agent._now_iso(),
        **({"StatusReason": reason} if reason else {}),
    }
    bedrock_agent._kb_documents[f"{base}/{source}/{name}"] = record
    return record


def _source_of(base: str, source: str) -> tuple[Record | None, Any]:
    if base not in bedrock_agent._knowledge_bases:
        return None, bedrock_agent._not_found(f"Knowledge base {base} not found.")
    record = bedrock_agent._data_sources.get(f"{base}/{source}")
    return record, None if record else bedrock_agent._not_found(f"Data source {source} not found.")


def _name_of(identifier: Record) -> str:
    """The identifier under which a document is stored: its own id, or its key in the bucket."""
    if "custom" in identifier:
        return str(identifier["custom"].get("id", ""))
    return str((identifier.get("s3") or {}).get("uri", "")).removeprefix("s3://").partition("/")[2]


def _ingest_documents(base: str, source: str, body: bytes) -> Any:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_IngestKnowledgeBaseDocuments.html"""
    record, refused = _source_of(base, source)
    request, wrong = bedrock_agent._parse_body(body)
    if record is None or wrong:
        return refused or wrong
    given = request.get("documents") or []
    if not 1 <= len(given) <= MOST_AT_ONCE:
        return bedrock_agent._validation(f"1 to {MOST_AT_ONCE} documents are ingested at once.")
    return bedrock_agent._json({"DocumentDetails": [_given(base, source, each, record) for each in given]}, status=202)


def _given(base: str, source: str, document: Record, record: Record) -> Record:
    content, own = document.get("content") or {}, document.get("metadata") or {}
    identifier = {"DataSourceType": content.get("dataSourceType")}
    try:
        if "custom" in content:
            custom = content["custom"]
            name = uri = str(custom["customDocumentIdentifier"]["id"])
            identifier["Custom"] = {"Id": name}
            location: Record = {"type": "CUSTOM", "customDocumentLocation": {"id": name}}
            kind, read = _inline(custom)
        else:
            uri = str(content["s3"]["s3Location"]["uri"])
            name = uri.removeprefix("s3://").partition("/")[2]
            identifier["S3"] = {"Uri": uri}
            location = {"type": "S3", "s3Location": {"uri": uri}}
            kind, read = name, _fetched(uri)
        sidecar = _sidecar(own)
        _take(f"{base}/{source}/{name}", uri, location, kind, read, sidecar, record)
    except _RefusedError as error:
        return _note(base, source, name, identifier, "FAILED", str(error))
    noted = _note(base, source, name, identifier, "INDEXED")
    return {**noted, "Status": "STARTING"}


def _inline(custom: Record) -> tuple[str, bytes]:
    """The content of a document in a request, and a name that indicates its format."""
    if custom.get("sourceType") == "S3_LOCATION":
        uri = custom["s3Location"]["uri"]
        return uri, _fetched(uri)
    inline = custom.get("inlineContent") or {}
    if inline.get("type") == "BYTE":
        given = inline["byteContent"]
        try:
            content = base64.b64decode(given["data"])
        except binascii.Error as error:
            raise _RefusedError("its data are no base64") from error
        return f"document{_ENDS.get(given.get('mimeType', ''), '')}", content
    return "document.txt", str((inline.get("textContent") or {}).get("data", "")).encode()


_OFFICE = "application/vnd.openxmlformats-officedocument"
_ENDS = {
    "application/pdf": ".pdf",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
}


def _fetched(uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise _RefusedError(f"{uri} does not exist")
    return bytes(content)


def _sidecar(metadata: Record) -> bytes | None:
    if metadata.get("type") == "IN_LINE_ATTRIBUTE":
        inline = {each["key"]: {"value": each["value"]} for each in metadata.get("inlineAttributes") or []}
        return json.dumps({"metadataAttributes": inline}).encode()
    return _fetched(metadata["s3Location"]["uri"]) if metadata.get("type") == "S3_LOCATION" else None


def _asked(base: str, source: str, body: bytes) -> tuple[list[tuple[str, Record]], Any]:
    """The documents that a call names, and the error of an invalid call."""
    record, refused = _source_of(base, source)
    request, wrong = bedrock_agent._parse_body(body)
    if record is None or wrong:
        return [], refused or wrong
    given = request.get("documentIdentifiers") or []
    if not 1 <= len(given) <= MOST_AT_ONCE:
        return [], bedrock_agent._validation(f"1 to {MOST_AT_ONCE} documents are named at once.")
    return [(_name_of(each), each) for each in given], None


def _missing(base: str, source: str, identifier: Record) -> Record:
    return {"KnowledgeBaseId": base, "DataSourceId": source, "Identifier": identifier, "Status": "NOT_FOUND"}


def _get_documents(base: str, source: str, body: bytes) -> Any:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_GetKnowledgeBaseDocuments.html"""
    asked, refused = _asked(base, source, body)
    if refused:
        return refused
    known = bedrock_agent._kb_documents
    found = [known.get(f"{base}/{source}/{name}") or _missing(base, source, each) for name, each in asked]
    return bedrock_agent._json({"DocumentDetails": found})


def _list_documents(base: str, source: str, body: bytes) -> Any:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_ListKnowledgeBaseDocuments.html"""
    record, refused = _source_of(base, source)
    request, wrong = bedrock_agent._parse_body(body)
    if record is None or wrong:
        return refused or wrong
    known = bedrock_agent._kb_documents
    found = [known[place] for place in sorted(known) if place.startswith(f"{base}/{source}/")]
    start, size = int(request.get("nextToken") or 0), int(request.get("maxResults") or 1000)
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return bedrock_agent._json({"DocumentDetails": found[start : start + size], **more})


def _delete_documents(base: str, source: str, body: bytes) -> Any:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_DeleteKnowledgeBaseDocuments.html"""
    asked, refused = _asked(base, source, body)
    if refused:
        return refused
    details = []
    for name, identifier in asked:
        place = f"{base}/{source}/{name}"
        known = bedrock_agent._kb_documents.pop(place, None)
        passages.drop(place)
        details.append({**known, "Status": "DELETING"} if known else _missing(base, source, identifier))
    return bedrock_agent._json({"DocumentDetails": details}, status=202)
