"""Knowledge bases of layer 2, as the settings want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_genai.foundation import DataKey
from settings.knowledge import Knowledge

from .base import LayerStack
from .foundation import FoundationStack

if TYPE_CHECKING:
    from aws_genai.models import Chunking, KnowledgeBase, ModelAccess, VectorStore


def knowledge_base(
    stack: LayerStack,
    foundation: FoundationStack,
    key: DataKey,
    access: ModelAccess | None,
    name: str,
    knowledge: Knowledge,
) -> KnowledgeBase:
    """One knowledge base, with its store and every source."""
    from aws_genai.models import Chunking, KnowledgeBase, Parsing, Search

    security = stack.settings.security
    cut = Chunking(**knowledge.chunking.model_dump())
    base = KnowledgeBase(
        stack,
        f"{name}-knowledge",
        name=f"{stack.settings.prefix}-{name}",
        sources={source: each.groups for source, each in knowledge.sources.items()},
        key=key,
        access_logs=stack.access_logs,
        topic=foundation.topic,
        embedding=knowledge.embedding,
        dimension=knowledge.dimension,
        store=_store(stack, foundation, key, name, knowledge),
        chunking=cut,
        access=access,
        parsing=Parsing(**knowledge.parsing.model_dump()),
        search=Search(**knowledge.search.model_dump()),
        guardrail=access.guardrail if access else None,
        reviewer_role_arns=knowledge.reviewer_roles,
        network=foundation.private,
        log_days=security.log_days,
        removal_policy=stack.removal_policy,
    )
    _screened(stack, foundation, access, name, knowledge, base, cut)
    return base


def _screened(
    stack: LayerStack,
    foundation: FoundationStack,
    access: ModelAccess | None,
    name: str,
    knowledge: Knowledge,
    base: KnowledgeBase,
    cut: Chunking,
) -> None:
    """The sources that do not pass the bucket."""
    from aws_genai.models import ScreenedSource

    every: dict[str, dict[str, Any]] = {each: web.model_dump() for each, web in knowledge.web.items()}
    every |= {each: custom.model_dump() for each, custom in knowledge.custom.items()}
    for source, options in every.items():
        ScreenedSource(
            stack,
            f"{name}-{source}",
            base=base,
            name=source,
            chunking=cut,
            guardrail=access.guardrail if access else None,
            topic=foundation.topic,
            network=foundation.private,
            log_days=stack.settings.security.log_days,
            removal_policy=stack.removal_policy,
            **options,
        )


def _store(
    stack: LayerStack, foundation: FoundationStack, key: DataKey, name: str, knowledge: Knowledge
) -> VectorStore | None:
    from aws_genai.data.embeddings import dimension_of

    security, whole = stack.settings.security, f"{stack.settings.prefix}-{name}"
    size = dimension_of(knowledge.embedding, knowledge.dimension)
    match knowledge.store:
        case "opensearch":
            from aws_genai.models import OpenSearchStore

            return OpenSearchStore(stack, f"{name}-vectors", name=whole, dimension=size, key=key)
        case "aurora":
            from aws_genai.models import AuroraStore

            if foundation.network is None:
                raise ValueError("a database lies in a network, and the foundation has none")
            return AuroraStore(
                stack,
                f"{name}-vectors",
                name=whole,
                dimension=size,
                key=key,
                topic=foundation.topic,
                network=foundation.network,
                functions_network=foundation.private,
                log_days=security.log_days,
                removal_policy=stack.removal_policy,
            )
        case _:
            return None
