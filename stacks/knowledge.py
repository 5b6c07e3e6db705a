"""Knowledge bases of layer 2, with their vector stores and data sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_genai.foundation import Foundation, existing_bucket
from aws_genai.models.knowledge.options import DocumentsBucket, Knowledge

from .base import LayerStack

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

    from aws_genai.models import KnowledgeBase, ModelAccess, VectorStore


def knowledge_base(
    stack: LayerStack,
    foundation: Foundation,
    access: ModelAccess | None,
    name: str,
    options: Knowledge,
) -> KnowledgeBase:
    """A knowledge base, its vector store, and its additional data sources."""
    from aws_genai.models import KnowledgeBase, ScreenedSource

    base = KnowledgeBase(
        stack,
        f"{name}-knowledge",
        foundation=foundation,
        name=f"{stack.settings.prefix}-{name}",
        options=options,
        store=_store(stack, foundation, name, options),
        access=access,
        documents=_documents(stack, name, options.documents) if options.documents else None,
        documents_prefix=options.documents.prefix if options.documents else "",
    )
    for source, each in {**options.web, **options.custom}.items():
        ScreenedSource(stack, f"{name}-{source}", foundation=foundation, base=base, name=source, options=each)
    return base


def _store(stack: LayerStack, foundation: Foundation, name: str, options: Knowledge) -> VectorStore | None:
    id, whole, size = f"{name}-vectors", f"{stack.settings.prefix}-{name}", options.vector_size
    if options.collection:
        from aws_genai.models import ExistingOpenSearchStore

        return ExistingOpenSearchStore(stack, id, name=whole, dimension=size, collection=options.collection)
    match options.store:
        case "opensearch":
            from aws_genai.models import OpenSearchStore

            return OpenSearchStore(stack, id, foundation=foundation, name=whole, dimension=size)
        case "aurora":
            from aws_genai.models import AuroraStore

            return AuroraStore(stack, id, foundation=foundation, name=whole, dimension=size)
        case _:
            return None


def _documents(stack: LayerStack, name: str, documents: DocumentsBucket) -> s3.IBucket:
    # Ids in upper case cannot be names in the settings.
    return existing_bucket(stack, f"Documents-{name}", name=documents.bucket, key_arn=documents.key_arn)
