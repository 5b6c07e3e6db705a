"""Dimensions of the vectors of embedding models."""

from __future__ import annotations

from ..errors import InvalidValueError
from .bedrock import BedrockCatalogue

#: Dimensions of models that support several.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
#: https://docs.aws.amazon.com/nova/latest/userguide/embeddings.html
SEVERAL = {
    "amazon.titan-embed-text-v2:0": (256, 512, 1024),
    "cohere.embed-v4:0": (256, 512, 1024, 1536),
    "amazon.nova-2-multimodal-embeddings-v1:0": (256, 384, 1024, 3072),
}
#: Dimensions of models whose catalogue entry lacks them.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-supported.html
ONE = {"cohere.embed-english-v3": 1024, "cohere.embed-multilingual-v3": 1024}
#: Maximum number of dimensions that each kind of store can index.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
#: https://docs.opensearch.org/latest/mappings/supported-field-types/knn-vector/
#: https://github.com/pgvector/pgvector#hnsw
MOST_DIMENSIONS = {"s3": 4096, "opensearch": 16_000, "aurora": 2_000}


def asks_for_dimension(model: str) -> bool:
    """Whether a model accepts the number of dimensions as a parameter. A model with a fixed number rejects it."""
    return BedrockCatalogue.get(model).model_id in SEVERAL


def dimension_of(model: str, wanted: int | None = None) -> int:
    """The number of dimensions of the vectors that ``model`` returns.

    :param wanted: The number of dimensions to request. Default: the default of the model.
    :raises InvalidValueError: if it is no embedding model, its dimensions are not known, or it does not support
        ``wanted``.
    """
    facts = BedrockCatalogue.get(model)
    if facts.use != "embedding":
        raise InvalidValueError(
            f"{model} is a model for {facts.use}, not for embedding",
            field="embedding",
            hint="Name an embedding model",
        )
    one = facts.embedding_dimension or ONE.get(facts.model_id)
    known = SEVERAL.get(facts.model_id) or ((one,) if one else ())
    if not known and wanted is None:
        reason = f"The number of dimensions of {model} is not known"
        raise InvalidValueError(reason, field="dimension", hint="Set dimension to that of its model card")
    if known and wanted is not None and wanted not in known:
        choices = " or ".join(str(each) for each in known)
        raise InvalidValueError(f"{model} returns vectors of {choices} dimensions, not {wanted}", field="dimension")
    return wanted or one or known[-1]
