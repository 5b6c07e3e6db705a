"""Vector stores in Amazon OpenSearch Serverless, which search keywords as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aws_cdk import (
    Annotations,
    Duration,
    Stack,
    Token,
    aws_cloudwatch as cloudwatch,
    aws_iam as iam,
    aws_opensearchserverless as aoss,
)
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.naming import lasting, settled
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .options import COLLECTION_NAME, Collection
from .vector_store import check_dimension

_INDEX, _VECTOR = "chunks", "vector"
_TEXT, _METADATA = "AMAZON_BEDROCK_TEXT_CHUNK", "AMAZON_BEDROCK_METADATA"
#: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-create.html
_DIGITS = 4


class OpenSearchStore(Construct):
    """A collection of OpenSearch Serverless, whose index is searched by vectors and keywords.

    It is billed by the hour, used or not. Its data is encrypted with the customer managed key. Only the role of the
    knowledge base and the role that deploys can read or write it, whatever IAM policies allow others. Its endpoint is
    public, because CloudFormation creates the index through it; its dashboards are not.
    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-setup-oss.html
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import OpenSearchStore

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        OpenSearchStore(stack, "Store", foundation=Foundation(stack), name="demo-handbook", dimension=1024)
        app.synth()

    :param foundation: key that encrypts the collection.
    :param name: name of the policies: 3 to 28 lower-case letters, digits and hyphens, a letter first. The collection's
        name ends in a digest.
    :param dimension: number of dimensions of a vector, that of the embedding model: 1 to 16,000.
    :param redundant: whether standby replicas run in a second Availability Zone, at twice the price. Default: yes.
    :param deployer_role_arn: ARN of the role that creates the index. Default: CloudFormation's execution role of the
        CDK bootstrap stack, with the qualifier of the context key ``@aws-cdk/core:bootstrapQualifier``. Set it for a
        synthesizer with a qualifier or an execution role of its own.
    :raises InvalidValueError: if the name has other characters, or the dimension is out of range.
    """

    hybrid: ClassVar[bool] = True

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        dimension: int,
        redundant: bool = True,
        deployer_role_arn: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        COLLECTION_NAME.check(name)
        check_dimension("OpenSearch Serverless", dimension, MOST_DIMENSIONS["opensearch"])
        key = foundation.key
        self.dimension = dimension
        # Replicas and tags of a collection cannot be changed, and neither can the mappings of an index.
        self.name = settled(
            lambda: lasting(
                self,
                name,
                redundant,
                self.collection.tags.tag_values(),
                longest=COLLECTION_NAME.longest,
                digits=_DIGITS,
            )
        )
        self._index_name = lasting(self, _INDEX, dimension)
        self._readers: list[str] = []
        self._deployer = deployer_role_arn or _execution_role(Stack.of(self))
        key.allow_in_opensearch()
        whole = {"ResourceType": "collection", "Resource": [f"collection/{self.name}"]}
        encryption = aoss.CfnSecurityPolicy(
            self,
            "Encryption",
            name=name,
            type="encryption",
            policy=self._json({"Rules": [whole], "AWSOwnedKey": False, "KmsARN": key.key_arn}),
        )
        network = aoss.CfnSecurityPolicy(
            self,
            "Network",
            name=name,
            type="network",
            policy=self._json([{"Rules": [whole], "AllowFromPublic": True}]),
        )
        self._access = aoss.CfnAccessPolicy(self, "Access", name=name, type="data", policy=self._policy())
        self.collection = aoss.CfnCollection(
            self,
            "Collection",
            name=self.name,
            type="VECTORSEARCH",
            description="Chunks of documents",
            standby_replicas="ENABLED" if redundant else "DISABLED",
        )
        self.collection.node.add_dependency(encryption, network, self._access)
        self.index = self._index(dimension)
        self.made_of: Sequence[Any] = [self.name, dimension]
        self.ready: Sequence[IDependable] = [self.index]
        fields = {"vectorField": _VECTOR, "textField": _TEXT, "metadataField": _METADATA}
        self.storage: dict[str, Any] = _storage(self.collection.attr_arn, self._index_name, fields)

    def _index(self, dimension: int) -> aoss.CfnIndex:
        index = aoss.CfnIndex(
            self,
            "Index",
            collection_endpoint=self.collection.attr_collection_endpoint,
            index_name=self._index_name,
            settings={"index": {"knn": True}},
            mappings={
                "properties": {
                    _VECTOR: {
                        "type": "knn_vector",
                        "dimension": dimension,
                        # The engine that filters before it searches.
                        "method": {"name": "hnsw", "engine": "faiss", "spaceType": "l2"},
                    },
                    _TEXT: {"type": "text"},
                    _METADATA: {"type": "text", "index": False},
                }
            },
        )
        index.node.add_dependency(self.collection)
        return index

    def _policy(self) -> str:
        """Access to every index of this name: the previous one must be deletable after its replacement."""
        every = f"index/{self.name}/{_INDEX}-*"
        deployer = {
            "Description": "A deployment makes the index",
            "Rules": [
                {
                    "ResourceType": "index",
                    "Resource": [every],
                    "Permission": ["aoss:CreateIndex", "aoss:DeleteIndex", "aoss:DescribeIndex", "aoss:UpdateIndex"],
                }
            ],
            "Principal": [self._deployer],
        }
        return self._json([*([_readers(every, self._readers)] if self._readers else []), deployer])

    def _json(self, content: Any) -> str:  # noqa: ANN401 - JSON
        return Stack.of(self).to_json_string(content)

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read and write chunks: by IAM, and by the collection's data access policy.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        self._readers.append(_arn_of(grantee))
        self._access.policy = self._policy()
        return grant(grantee, ["aoss:APIAccessAll"], [self.collection.attr_arn])

    def metric_search_latency(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Duration of searches, in milliseconds. Default: the average of 5 minutes.

        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/monitoring-cloudwatch.html
        """
        return _metric("SearchRequestLatency", self.collection.attr_id, self.name, statistic, period)


class ExistingOpenSearchStore(Construct):
    """An index of an existing OpenSearch Serverless collection, which several teams may share.

    It creates a data access policy that lets the knowledge base's role read and write this index; the permissions of
    all data access policies of a collection add up, and no other policy is touched. The role gets the IAM permission,
    too. :class:`Collection` says what the collection and its index must have, which cannot be checked at synthesis.
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import (
            Collection,
            ExistingOpenSearchStore,
            KnowledgeBase,
            KnowledgeBaseOptions,
            Source,
        )

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        store = ExistingOpenSearchStore(
            stack,
            "Store",
            name="demo-handbook",
            dimension=1024,
            collection=Collection(
                arn="arn:aws:aoss:us-east-1:111122223333:collection/07tjusf2h91cunochc",
                name="shared",
                index="handbook",
            ),
        )
        KnowledgeBase(
            stack,
            "Handbook",
            foundation=Foundation(stack),
            name="demo-handbook",
            options=KnowledgeBaseOptions(sources={"policies": Source(groups=["staff"])}),
            store=store,
        )
        app.synth()

    :param name: name of the data access policy: 3 to 28 lower-case letters, digits and hyphens, a letter first.
    :param dimension: number of dimensions of the index's vector field, that of the embedding model: 1 to 16,000.
    :param collection: the collection and its index.
    :raises InvalidValueError: if the name has other characters, the dimension is out of range, or the collection is in
        another account or Region.
    """

    hybrid: ClassVar[bool] = True

    def __init__(self, scope: Construct, id: str, *, name: str, dimension: int, collection: Collection) -> None:
        super().__init__(scope, id)
        check_dimension("OpenSearch Serverless", dimension, MOST_DIMENSIONS["opensearch"])
        COLLECTION_NAME.check(name)
        stack = Stack.of(self)
        collection.check_place(*(None if Token.is_unresolved(each) else each for each in (stack.account, stack.region)))
        self.dimension = dimension
        self._collection = collection
        self._readers: list[str] = []
        self._access = aoss.CfnAccessPolicy(self, "Access", name=name, type="data", policy=self._policy())
        self.made_of: Sequence[Any] = [collection.arn, collection.index, dimension]
        self.ready: Sequence[IDependable] = [self._access]
        fields = {
            "vectorField": collection.vector_field,
            "textField": collection.text_field,
            "metadataField": collection.metadata_field,
        }
        self.storage: dict[str, Any] = _storage(collection.arn, collection.index, fields)
        Annotations.of(self).add_info(
            f"Not checked of the collection {collection.name}: that its type is VECTORSEARCH, that its network policy "
            f"admits Amazon Bedrock, and that its index {collection.index} has {dimension:,} dimensions in the field "
            f"{collection.vector_field}"
        )

    def _policy(self) -> str:
        index = f"index/{self._collection.name}/{self._collection.index}"
        return Stack.of(self).to_json_string([_readers(index, self._readers)])

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read and write chunks: by IAM, and by the data access policy.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        self._readers.append(_arn_of(grantee))
        self._access.policy = self._policy()
        return grant(grantee, ["aoss:APIAccessAll"], [self._collection.arn])

    def metric_search_latency(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Duration of searches in the collection, in milliseconds. Default: the average of 5 minutes.

        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/monitoring-cloudwatch.html
        """
        collection = self._collection
        return _metric("SearchRequestLatency", collection.arn.rsplit("/", 1)[-1], collection.name, statistic, period)


def _execution_role(stack: Stack) -> str:
    """The ARN of the role with which CloudFormation deploys.

    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
    """
    qualifier = stack.synthesizer.bootstrap_qualifier or "hnb659fds"
    return f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/cdk-{qualifier}-cfn-exec-role-{ACCOUNT_ID}-{REGION}"


def _readers(index: str, principals: Sequence[str]) -> dict[str, Any]:
    return {
        "Description": "The knowledge base reads and writes chunks",
        "Rules": [
            {
                "ResourceType": "index",
                "Resource": [index],
                "Permission": ["aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"],
            }
        ],
        "Principal": list(principals),
    }


def _storage(collection_arn: str, index: str, fields: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "OPENSEARCH_SERVERLESS",
        "opensearchServerlessConfiguration": {
            "collectionArn": collection_arn,
            "vectorIndexName": index,
            "fieldMapping": dict(fields),
        },
    }


def _arn_of(grantee: iam.IGrantable) -> str:
    """The ARN by which a data access policy names a role or a user.

    :raises InvalidValueError: if the grantee has none.
    """
    principal = grantee.grant_principal
    for name in ("role_arn", "user_arn", "arn"):
        if found := getattr(principal, name, None):
            return str(found)
    raise InvalidValueError(
        "Data access policies name roles and users by ARN, and this grantee has none",
        field="grantee",
        hint="Pass a role",
    )


def _metric(name: str, id: str, collection: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/AOSS",
        metric_name=name,
        dimensions_map={"ClientId": ACCOUNT_ID, "CollectionId": id, "CollectionName": collection},
        statistic=statistic,
        period=period,
    )
