"""Knowledge bases and their data sources, in the emulator's own service, with vector indexes, which are records."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from ministack.services import bedrock_agent, tagging

from .base import Model, Resource, ServiceError, answer, find
from .bedrock import foundation_of, models_of_bedrock, to_api

#: Called with ``<knowledge base>/<data source>`` of a deleted data source.
deleted: list[Callable[[str], None]] = []


class VectorBucket(Resource):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_CreateVectorBucket.html"""

    type = "AWS::S3Vectors::VectorBucket"
    name = "VectorBucketName"
    lowercase = True
    attributes: ClassVar = {
        "VectorBucketArn": "arn:aws:s3vectors:{region}:{account}:bucket/{VectorBucketName}",
        "CreationTime": "{now}",
    }


class Index(Resource):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_CreateIndex.html"""

    type = "AWS::S3Vectors::Index"
    name = "IndexName"
    lowercase = True
    needs: ClassVar = {"VectorBucketArn": "AWS::S3Vectors::VectorBucket"}
    attributes: ClassVar = {"IndexArn": "{VectorBucketArn}/index/{IndexName}", "CreationTime": "{now}"}


class KnowledgeBase(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateKnowledgeBase.html"""

    type = "AWS::Bedrock::KnowledgeBase"
    service = True
    needs: ClassVar = {"StorageConfiguration.S3VectorsConfiguration.IndexArn": "AWS::S3Vectors::Index"}

    def create(self, model: Model) -> Model:
        embedding = _embedding(model)
        if embedding and foundation_of(embedding.rpartition("/")[2]) is None:
            raise ServiceError(f"The embedding model {embedding} is not valid")
        _check_dimension(model, embedding)
        made = answer(bedrock_agent._create_kb(json.dumps(to_api(model))))["knowledgeBase"]
        # Ids on AWS have ten letters and digits.
        record = bedrock_agent._knowledge_bases.pop(made["knowledgeBaseId"])
        plain = _plain(made["knowledgeBaseId"])
        record |= {"KnowledgeBaseId": plain, "KnowledgeBaseArn": bedrock_agent._kb_arn(plain)}
        bedrock_agent._knowledge_bases[plain] = record
        kept = ("KnowledgeBaseId", "KnowledgeBaseArn", "Status", "CreatedAt", "UpdatedAt")
        return {**model, **{name: record[name] for name in kept}, "FailureReasons": []}

    def update(self, old: Model, new: Model) -> Model:
        answer(bedrock_agent._update_kb(old["KnowledgeBaseId"], json.dumps(to_api(new))))
        return new

    def delete(self, model: Model) -> None:
        bedrock_agent._delete_kb(model["KnowledgeBaseId"])


class DataSource(Resource):
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreateDataSource.html"""

    type = "AWS::Bedrock::DataSource"
    service = True

    def create(self, model: Model) -> Model:
        base = model["KnowledgeBaseId"]
        made = answer(bedrock_agent._create_ds(base, json.dumps(to_api(model))))["dataSource"]
        return {
            **model,
            "DataSourceId": made["dataSourceId"],
            "DataSourceStatus": made["status"],
            "CreatedAt": made["createdAt"],
            "UpdatedAt": made["updatedAt"],
            "FailureReasons": [],
        }

    def update(self, old: Model, new: Model) -> Model:
        answer(bedrock_agent._update_ds(old["KnowledgeBaseId"], old["DataSourceId"], json.dumps(to_api(new))))
        return new

    def delete(self, model: Model) -> None:
        for forget in deleted:
            forget(f"{model['KnowledgeBaseId']}/{model['DataSourceId']}")
        bedrock_agent._delete_ds(model["KnowledgeBaseId"], model["DataSourceId"])


def install() -> None:
    """Make the tags of knowledge bases available to policies."""
    known = tagging.resource_tags

    def tagged(arn: str) -> Any:
        return known(arn) or dict(bedrock_agent._tags.get(arn, {}))

    tagging.resource_tags = tagged


def _check_dimension(model: Model, embedding: str) -> None:
    """Reject an index with another dimension than the model.

    https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-setup.html
    """
    storage = model.get("StorageConfiguration", {}).get("S3VectorsConfiguration", {})
    vectors = model["KnowledgeBaseConfiguration"].get("VectorKnowledgeBaseConfiguration", {})
    own = vectors.get("EmbeddingModelConfiguration", {}).get("BedrockEmbeddingModelConfiguration", {})
    facts = models_of_bedrock().get(foundation_of(embedding.rpartition("/")[2]) or "", {})
    made = int(own.get("Dimensions") or facts.get("embedding_dimension") or 0)
    index = find(Index.type, str(storage.get("IndexArn", "")))
    if made and index is not None and int(index["Dimension"]) != made:
        kept = f"The index {index['IndexName']} keeps vectors of {index['Dimension']} numbers"
        raise ServiceError(f"{kept}, and {embedding} makes {made}")


def _embedding(model: Model) -> str:
    vectors: dict[str, Any] = model["KnowledgeBaseConfiguration"].get("VectorKnowledgeBaseConfiguration", {})
    return str(vectors.get("EmbeddingModelArn", ""))


def _plain(identifier: str) -> str:
    return identifier.replace("-", "").upper()[:10]
