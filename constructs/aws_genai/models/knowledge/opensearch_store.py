"""Vectors and words, searched together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from aws_cdk import Stack, aws_iam as iam, aws_opensearchserverless as aoss
from constructs import Construct, IDependable

from ...data.embeddings import MOST_DIMENSIONS
from ...errors import InvalidValueError
from ...foundation.key import DataKey
from ...foundation.naming import lasting, settled
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .vector_store import check_length

_INDEX, _VECTOR = "chunks", "vector"
_TEXT, _METADATA = "AMAZON_BEDROCK_TEXT_CHUNK", "AMAZON_BEDROCK_METADATA"
#: https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-create.html
_LONGEST_NAME = 28
_DIGITS = 4


class OpenSearchStore(Construct):
    """A collection of OpenSearch Serverless, whose index is searched by meaning and by words at once.

    It is paid by the hour, asked or not. Everything in it is encrypted with the customer key; only the roles of
    knowledge bases and the one that deploys can read or write it, whatever IAM gives others. Its endpoint can be
    reached from outside, for CloudFormation makes the index through it; its dashboards cannot.
    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-setup-oss.html
    https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import OpenSearchStore
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
        OpenSearchStore(
            stack,
            "Store",
            name="demo-handbook",
            dimension=1024,
            key=DataKey(stack, "Key", description="Vectors"),
        )
        app.synth()

    :param name: name of the policies, 3 to 28 lowercase letters, digits and hyphens; the collection's ends in a digest.
    :param dimension: numbers of a vector, as many as the embedding model makes, 1 to 16,000.
    :param key: encrypts the collection.
    :param redundant: whether every part runs in a second zone too, at twice the price. Default: yes.
    :param deployer_role_arn: the role that makes the index. Default: CloudFormation's role of the CDK's bootstrap.
    :raises InvalidValueError: if the name is too long, or the dimension is out of range.
    """

    hybrid: ClassVar[bool] = True

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        dimension: int,
        key: DataKey,
        redundant: bool = True,
        deployer_role_arn: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_length("OpenSearch Serverless", dimension, MOST_DIMENSIONS["opensearch"])
        self.dimension = dimension
        if not 3 <= len(name) <= _LONGEST_NAME:
            raise InvalidValueError(f"{name} has {len(name)} characters; {_LONGEST_NAME} are the most", field="name")
        # Neither replicas and tags of a collection can be changed, nor the mappings of an index.
        self.name = settled(
            lambda: lasting(
                self, name, redundant, self.collection.tags.tag_values(), longest=_LONGEST_NAME, digits=_DIGITS
            )
        )
        self._index_name = lasting(self, _INDEX, dimension)
        self._readers: list[str] = []
        self._deployer = deployer_role_arn or (
            f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/cdk-hnb659fds-cfn-exec-role-{ACCOUNT_ID}-{REGION}"
        )
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
        self.storage: dict[str, Any] = {
            "type": "OPENSEARCH_SERVERLESS",
            "opensearchServerlessConfiguration": {
                "collectionArn": self.collection.attr_arn,
                "vectorIndexName": self._index_name,
                "fieldMapping": {"vectorField": _VECTOR, "textField": _TEXT, "metadataField": _METADATA},
            },
        }

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
        """Who may read and write: of this collection, the index that was before too, until it is deleted."""
        every = f"index/{self.name}/{_INDEX}-*"
        return self._json(
            [
                {
                    "Description": "The knowledge base reads and writes chunks",
                    "Rules": [
                        {
                            "ResourceType": "index",
                            "Resource": [every],
                            "Permission": ["aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"],
                        }
                    ],
                    "Principal": self._readers,
                },
                {
                    "Description": "A deployment makes the index",
                    "Rules": [
                        {
                            "ResourceType": "index",
                            "Resource": [every],
                            "Permission": [
                                "aoss:CreateIndex",
                                "aoss:DeleteIndex",
                                "aoss:DescribeIndex",
                                "aoss:UpdateIndex",
                            ],
                        }
                    ],
                    "Principal": [self._deployer],
                },
            ][0 if self._readers else 1 :]
        )

    def _json(self, content: Any) -> str:  # noqa: ANN401 - JSON
        return Stack.of(self).to_json_string(content)

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` read and write chunks: by IAM, and by the collection's own policy.

        https://docs.aws.amazon.com/bedrock/latest/userguide/kb-permissions.html
        """
        self._readers.append(role.role_arn)
        self._access.policy = self._policy()
        grant(role, ["aoss:APIAccessAll"], [self.collection.attr_arn])
