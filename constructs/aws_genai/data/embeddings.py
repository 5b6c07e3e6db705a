"""How many numbers embedding models make of a text."""

from __future__ import annotations

from ..errors import InvalidValueError
from .bedrock import BedrockCatalogue

#: Dimensions that a model can be asked for, where there are several.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
#: https://docs.aws.amazon.com/nova/latest/userguide/embeddings.html
SEVERAL = {
    "amazon.titan-embed-text-v2:0": (256, 512, 1024),
    "cohere.embed-v4:0": (256, 512, 1024, 1536),
    "amazon.nova-2-multimodal-embeddings-v1:0": (256, 384, 1024, 3072),
}
#: The one number of models whose facts do not tell it.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-supported.html
ONE = {"cohere.embed-english-v3": 1024, "cohere.embed-multilingual-v3": 1024}
#: Longest vectors that each kind of store keeps and finds fast.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
#: https://docs.opensearch.org/latest/mappings/supported-field-types/knn-vector/
#: https://github.com/pgvector/pgvector#hnsw
MOST_DIMENSIONS = {"s3": 4096, "opensearch": 16_000, "aurora": 2_000}


def asks_for_dimension(model: str) -> bool:
    """Whether a model takes the number of dimensions as a parameter: one that makes one number only refuses it."""
    return BedrockCatalogue.get(model).model_id in SEVERAL


def dimension_of(model: str, wanted: int | None = None) -> int:
    """How many numbers ``model`` makes, or is to make, of a text.

    :raises InvalidValueError: if the model embeds nothing, its dimension is not known, or it makes no such number.
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
        reason = f"How many numbers {model} makes is not known"
        raise InvalidValueError(reason, field="dimension", hint="Say how many, as its model card does")
    if known and wanted is not None and wanted not in known:
        choices = " or ".join(str(each) for each in known)
        raise InvalidValueError(f"{model} makes {choices} numbers, not {wanted}", field="dimension")
    return wanted or one or known[-1]
