"""Vectors in S3 are kept, found by how near they are, and guarded by IAM."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Local


@pytest.fixture(scope="module")
def index(local: Local) -> Iterator[str]:
    """An index of three vectors."""
    vectors = local.client("s3vectors")
    bucket = vectors.create_vector_bucket(vectorBucketName="tried-vectors")["vectorBucketArn"]
    made = vectors.create_index(
        vectorBucketName="tried-vectors",
        indexName="tried",
        dataType="float32",
        dimension=2,
        distanceMetric="cosine",
        metadataConfiguration={"nonFilterableMetadataKeys": ["text"]},
    )["indexArn"]
    rows: list[dict[str, Any]] = [
        {"key": "east", "data": {"float32": [1.0, 0.0]}, "metadata": {"kind": "a", "year": 1990, "text": "hidden"}},
        {"key": "north", "data": {"float32": [0.0, 1.0]}, "metadata": {"kind": "b", "tags": ["x", "y"]}},
        {"key": "near east", "data": {"float32": [0.9, 0.1]}},
    ]
    vectors.put_vectors(indexArn=made, vectors=rows)
    yield made
    with pytest.raises(ClientError, match="ConflictException"):
        vectors.delete_vector_bucket(vectorBucketArn=bucket)
    vectors.delete_index(indexArn=made)
    vectors.delete_vector_bucket(vectorBucketArn=bucket)


def found(local: Local, index: str, top: int = 10, **more: Any) -> list[str]:
    answered = local.client("s3vectors").query_vectors(
        indexArn=index, topK=top, queryVector={"float32": [1.0, 0.0]}, **more
    )
    assert answered["distanceMetric"] == "cosine"
    return [each["key"] for each in answered["vectors"]]


def test_buckets_and_indexes_are_told(local: Local, index: str) -> None:
    vectors = local.client("s3vectors")
    names = {each["vectorBucketName"] for each in vectors.list_vector_buckets()["vectorBuckets"]}
    assert "tried-vectors" in names
    assert len(names) > 1, "the knowledge base of the stacks has one"
    pages = vectors.get_paginator("list_vector_buckets").paginate(PaginationConfig={"PageSize": 1})
    assert {each["vectorBucketName"] for page in pages for each in page["vectorBuckets"]} == names
    assert vectors.list_vector_buckets(prefix="tried-v")["vectorBuckets"][0]["vectorBucketName"] == "tried-vectors"
    bucket = vectors.get_vector_bucket(vectorBucketName="tried-vectors")["vectorBucket"]
    assert bucket["encryptionConfiguration"]["sseType"] == "AES256"
    assert [each["indexArn"] for each in vectors.list_indexes(vectorBucketName="tried-vectors")["indexes"]] == [index]
    told = vectors.get_index(vectorBucketName="tried-vectors", indexName="tried")["index"]
    assert (told["dimension"], told["dataType"], told["distanceMetric"]) == (2, "float32", "cosine")
    assert told["metadataConfiguration"]["nonFilterableMetadataKeys"] == ["text"]
    with pytest.raises(ClientError, match="NotFoundException"):
        vectors.get_index(vectorBucketName="tried-vectors", indexName="absent")
    with pytest.raises(ClientError, match="NotFoundException"):
        vectors.get_vector_bucket(vectorBucketName="absent")


def test_vectors_are_found_by_how_near_they_are(local: Local, index: str) -> None:
    assert found(local, index) == ["east", "near east", "north"]
    assert found(local, index, top=1) == ["east"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"kind": "a"}, {"east"}),
        ({"kind": {"$ne": "a"}}, {"north", "near east"}),
        ({"year": {"$gte": 1990, "$lt": 2000}}, {"east"}),
        ({"tags": {"$eq": "y"}}, {"north"}),
        ({"kind": {"$in": ["a", "b"]}}, {"east", "north"}),
        ({"kind": {"$nin": ["a"]}}, {"north", "near east"}),
        ({"kind": {"$exists": False}}, {"near east"}),
        ({"$or": [{"kind": "a"}, {"tags": "x"}]}, {"east", "north"}),
        ({"$and": [{"kind": "a"}, {"year": {"$gt": 1990}}]}, set()),
    ],
)
def test_filters_let_through_what_they_say(local: Local, index: str, given: Any, wanted: set[str]) -> None:
    assert set(found(local, index, filter=given)) == wanted


@pytest.mark.parametrize(
    "given", [{}, {"text": "hidden"}, {"kind": {"$like": "a"}}, {"$and": []}, {"year": {"$gt": "a"}}]
)
def test_filters_that_cannot_be_are_refused(local: Local, index: str, given: Any) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        found(local, index, filter=given)


def test_vectors_are_read_and_deleted_by_key(local: Local, index: str) -> None:
    vectors = local.client("s3vectors")
    vectors.put_vectors(indexArn=index, vectors=[{"key": "gone", "data": {"float32": [1.0, 1.0]}}])
    read = vectors.get_vectors(indexArn=index, keys=["gone", "absent"], returnData=True)["vectors"]
    assert [(each["key"], each["data"]["float32"]) for each in read] == [("gone", [1.0, 1.0])]
    vectors.delete_vectors(indexArn=index, keys=["gone"])
    assert {each["key"] for each in vectors.list_vectors(indexArn=index)["vectors"]} == {"east", "north", "near east"}
    pages = vectors.get_paginator("list_vectors").paginate(indexArn=index, PaginationConfig={"PageSize": 2})
    assert [len(page["vectors"]) for page in pages] == [2, 1]


def test_what_does_not_fit_is_refused_whole(local: Local, index: str) -> None:
    vectors = local.client("s3vectors")
    good = {"key": "good", "data": {"float32": [1.0, 0.0]}}
    for bad, told in (
        ({"key": "bad", "data": {"float32": [1.0]}}, "vector must have length 2, but has length 1"),
        ({"key": "bad", "data": {"float32": [0.0, 0.0]}}, "Cosine"),
        ({**good, "key": "bad", "metadata": {"a": "x" * 2100}}, "Filterable metadata must have at most 2048 bytes"),
        ({**good, "key": "bad", "metadata": {"text": "x" * 41_000}}, "Metadata must have at most 40960 bytes"),
    ):
        with pytest.raises(ClientError, match=told):
            vectors.put_vectors(indexArn=index, vectors=[good, bad])
    assert vectors.get_vectors(indexArn=index, keys=["good"])["vectors"] == []
    with pytest.raises(ClientError, match="topK"):
        found(local, index, top=101)


def test_each_call_needs_its_action(local: Local, index: str) -> None:
    iam, name = local.client("iam"), "vectors-caller"
    trusted = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trusted]}))["Role"]["Arn"]
    try:
        keys = local.client("sts").assume_role(RoleArn=role, RoleSessionName="tried")["Credentials"]
        session = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }
        caller = local.client("s3vectors", credentials=session)
        own: dict[str, Any] = {"indexArn": index}
        asked = {**own, "topK": 1, "queryVector": {"float32": [1.0, 0.0]}}
        calls = {
            "ListVectorBuckets": (caller.list_vector_buckets, {}),
            "GetVectorBucket": (caller.get_vector_bucket, {"vectorBucketName": "tried-vectors"}),
            "ListIndexes": (caller.list_indexes, {"vectorBucketName": "tried-vectors"}),
            "GetIndex": (caller.get_index, own),
            "ListVectors": (caller.list_vectors, own),
            "GetVectors": (caller.get_vectors, {**own, "keys": ["east"]}),
            "QueryVectors": (caller.query_vectors, asked),
            "PutVectors": (caller.put_vectors, {**own, "vectors": [{"key": "n", "data": {"float32": [1.0, 1.0]}}]}),
            "DeleteVectors": (caller.delete_vectors, {**own, "keys": ["n"]}),
        }
        for operation, (call, request) in calls.items():
            with pytest.raises(ClientError, match=f"AccessDenied.*s3vectors:{operation}"):
                call(**request)
            resource = "*" if operation.endswith("Buckets") else [index, index.partition("/index/")[0]]
            statement = {"Effect": "Allow", "Action": f"s3vectors:{operation}", "Resource": resource}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=policy)
            call(**request)
            if operation == "QueryVectors":
                # Metadata are told to whoever may read vectors.
                with pytest.raises(ClientError, match=r"AccessDenied.*s3vectors:GetVectors"):
                    call(**request, returnMetadata=True)
            iam.delete_role_policy(RoleName=name, PolicyName="one")
    finally:
        iam.delete_role(RoleName=name)
