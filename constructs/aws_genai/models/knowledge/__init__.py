"""Knowledge bases of Amazon Bedrock, their vector stores and their screened data sources."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .aurora_store import AuroraStore as AuroraStore
    from .knowledge_base import KnowledgeBase as KnowledgeBase
    from .opensearch_store import OpenSearchStore as OpenSearchStore
    from .reading import Chunking as Chunking, Parsing as Parsing, Search as Search
    from .screened_source import ScreenedSource as ScreenedSource
    from .vector_store import S3VectorStore as S3VectorStore, VectorStore as VectorStore

__all__, __getattr__ = exports(__name__)
