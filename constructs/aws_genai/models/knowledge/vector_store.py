"""Where the vectors of documents are kept and searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

from aws_cdk import aws_iam as iam, aws_s3vectors as s3vectors
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...errors import InvalidValueError
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import grant


class VectorStore(Protocol):
    """What every store of vectors is to a knowledge base; each kind is a construct of its own."""

    #: Numbers of a vector, as many as the embedding model makes.
    dimension: int
    #: Whether words are searched beside vectors.
    hybrid: ClassVar[bool]
    #: The configuration of a knowledge base's storage.
    storage: dict[str, Any]
    #: What another store takes the place of this one for, when it changes.
    made_of: Sequence[Any]
    #: What has to be there before a knowledge base is made.
    ready: Sequence[IDependable]

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role``, that of a knowledge base, put, read, search and delete vectors.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        ...


def check_length(called: str, dimension: int, most: int) -> None:
    """Refuse vectors that a store does not keep, or does not find fast.

    :raises InvalidValueError: saying how long they may be.
    """
    if not 1 <= dimension <= most:
        raise InvalidValueError(f"{called} keeps 1 to {most} numbers, not {dimension}", field="dimension")


class S3VectorStore(Construct):
    """An index of Amazon S3 Vectors: paid by what is stored and asked, nothing while nobody asks.

    Text of chunks is kept beside the vectors and cannot be filtered by; everything else that a knowledge base adds can.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-bedrock-kb.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import S3VectorStore
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        S3VectorStore(
            stack,
            "Store",
            dimension=1024,
            key=DataKey(stack, "Key", description="Vectors"),
        )
        app.synth()

    :param dimension: numbers of a vector, as many as the embedding model makes, 1 to 4,096.
    :param key: encrypts the vectors; whoever deploys may use it through S3 Vectors, which keeps the index with it.
    :param distance: how alike two vectors are told to be. Default: cosine.
    :raises InvalidValueError: if the dimension is out of range.
    """

    hybrid: ClassVar[bool] = False

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        dimension: int,
        key: DataKey,
        distance: Literal["cosine", "euclidean"] = "cosine",
    ) -> None:
        super().__init__(scope, id)
        check_length("S3 Vectors", dimension, MOST_DIMENSIONS["s3"])
        self.dimension = dimension
        key.allow_in_s3vectors()
        encryption = {"sseType": "aws:kms", "kmsKeyArn": key.key_arn}
        # Neither has a name: all that they are made of replaces them when it changes.
        bucket = s3vectors.CfnVectorBucket(self, "Bucket", encryption_configuration=encryption)
        self.index = s3vectors.CfnIndex(
            self,
            "Index",
            vector_bucket_arn=bucket.attr_vector_bucket_arn,
            data_type="float32",
            dimension=dimension,
            distance_metric=distance,
            encryption_configuration=encryption,
            # Longer than the 2 KB of what can be filtered by.
            metadata_configuration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )
        self.index_arn: str = self.index.attr_index_arn
        self.storage: dict[str, Any] = {
            "type": "S3_VECTORS",
            "s3VectorsConfiguration": {"indexArn": self.index_arn},
        }
        self.made_of: Sequence[Any] = [dimension, distance, key.key_arn]
        self.ready: Sequence[IDependable] = [self.index]
        self._key = key

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` put, read, search and delete vectors of this index.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        actions = ("DeleteVectors", "GetIndex", "GetVectors", "PutVectors", "QueryVectors")
        grant(
            role,
            [f"s3vectors:{action}" for action in actions],
            [self.index_arn],
            conditions={"StringEquals": {"aws:ResourceAccount": ACCOUNT_ID}},
        )
        self._key.grant_encrypt_decrypt(role)
