"""The environment variables of the intake."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: Name of the knowledge base's bucket.
    BUCKET: str
    #: The groups that may read the documents of each reviewed source.
    SOURCES: dict[str, list[str]]
    #: ID of the knowledge base.
    KNOWLEDGE_BASE: str
    #: ID of the data source that reads accepted documents.
    DATA_SOURCE: str
    #: ID and version of the guardrail that evaluates documents. Default: none.
    GUARDRAIL_ID: str | None = None
    GUARDRAIL_VERSION: str | None = None
    #: Name of an existing bucket of documents, and the prefix of their keys. Default: ``incoming/`` of BUCKET.
    DOCUMENTS_BUCKET: str | None = None
    DOCUMENTS_PREFIX: str | None = None
    #: URL of the queue of changes, for the existing documents of a bucket.
    QUEUE_URL: str | None = None
