"""Knowledge bases of Amazon Bedrock, their vector stores and their screened data sources."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .aurora_store import AuroraStore as AuroraStore
    from .knowledge_base import KnowledgeBase as KnowledgeBase
    from .opensearch_store import ExistingOpenSearchStore as ExistingOpenSearchStore, OpenSearchStore as OpenSearchStore
    from .options import (
        Chunking as Chunking,
        Collection as Collection,
        DocumentsBucket as DocumentsBucket,
        Knowledge as Knowledge,
        KnowledgeBaseOptions as KnowledgeBaseOptions,
        Parsing as Parsing,
        Search as Search,
        Source as Source,
        WebSource as WebSource,
    )
    from .screened_source import ScreenedSource as ScreenedSource
    from .vector_store import S3VectorStore as S3VectorStore, VectorStore as VectorStore

__all__, __getattr__ = exports(__name__)
