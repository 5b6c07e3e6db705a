"""Vector stores, and the one of Amazon S3 Vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

from aws_cdk import aws_iam as iam, aws_s3vectors as s3vectors
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import grant


class VectorStore(Protocol):
    """What a knowledge base needs of its vector store. Each kind of store is a construct."""

    #: Number of dimensions of a vector.
    dimension: int
    #: Whether keywords are searched as well as vectors.
    hybrid: ClassVar[bool]
    #: The storage configuration of a knowledge base.
    storage: dict[str, Any]
    #: The properties whose change replaces the store.
    made_of: Sequence[Any]
    #: What must exist before a knowledge base is created.
    ready: Sequence[IDependable]

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee``, the role of a knowledge base, put, read, search and delete vectors.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        ...


def check_dimension(called: str, dimension: int, most: int) -> None:
    """Refuse vectors that a store does not support, or cannot index.

    :raises InvalidValueError: with the number of dimensions that it supports.
    """
    if not 1 <= dimension <= most:
        raise InvalidValueError(
            f"{called} supports 1 to {most:,} dimensions, not {dimension:,}",
            field="dimension",
            hint="Set a smaller dimension, or choose another store",
        )


class S3VectorStore(Construct):
    """A vector index of Amazon S3 Vectors, billed by what is stored and queried.

    The text of chunks is non-filterable metadata. All other metadata that a knowledge base adds can be filtered by.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-bedrock-kb.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-data-encryption.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import S3VectorStore

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        S3VectorStore(stack, "Store", foundation=Foundation(stack), dimension=1024)
        app.synth()

    :param foundation: key that encrypts the vectors.
    :param dimension: number of dimensions of a vector, that of the embedding model: 1 to 4,096.
    :param distance: distance metric. Default: cosine.
    :raises InvalidValueError: if the dimension is out of range.
    """

    hybrid: ClassVar[bool] = False

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        dimension: int,
        distance: Literal["cosine", "euclidean"] = "cosine",
    ) -> None:
        super().__init__(scope, id)
        key = foundation.key
        check_dimension("S3 Vectors", dimension, MOST_DIMENSIONS["s3"])
        self.dimension = dimension
        key.allow_in_s3vectors()
        encryption = {"sseType": "aws:kms", "kmsKeyArn": key.key_arn}
        # Without names: CloudFormation can replace them.
        bucket = s3vectors.CfnVectorBucket(self, "Bucket", encryption_configuration=encryption)
        self.index = s3vectors.CfnIndex(
            self,
            "Index",
            vector_bucket_arn=bucket.attr_vector_bucket_arn,
            data_type="float32",
            dimension=dimension,
            distance_metric=distance,
            encryption_configuration=encryption,
            # Longer than the 2 KB of filterable metadata.
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

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` put, read, search and delete vectors of this index.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        actions = ("DeleteVectors", "GetIndex", "GetVectors", "PutVectors", "QueryVectors")
        given = grant(
            grantee,
            [f"s3vectors:{action}" for action in actions],
            [self.index_arn],
            conditions={"StringEquals": {"aws:ResourceAccount": ACCOUNT_ID}},
        )
        self._key.grant_encrypt_decrypt(grantee)
        return given
