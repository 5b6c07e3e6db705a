"""What AWS does not delete while it holds something, and the calls by which that is listed and deleted.

Vectors are kept as they are put; the emulator finds documents by the words of a question and not by vectors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import s3
from ministack.services.cloudformation import provisioners

from . import agent_runtime, hosting, registry
from .resources import base, knowledge

Body = dict[str, Any]
BUCKET, INDEX = knowledge.VectorBucket(), knowledge.Index()
VECTOR = "Local::S3Vectors::Vector"
_BUCKET = "AWS::S3::Bucket"


def install() -> None:
    """Let the engine refuse to delete what is not empty, and serve what empties it."""
    _refuse(_BUCKET, _holds_objects)
    base.wrap(_BUCKET, after=_lock)
    base.wrap(_BUCKET, after=_encrypt)
    _refuse(registry.GROUP.type, _holds_versions)
    _refuse(BUCKET.type, _holds_indexes)
    _after(INDEX.type, _forget_vectors)
    hosting.add_operations(_OPERATIONS, _subject)
    by_name = iam_actions.extract_iam_action
    iam_actions.extract_iam_action = lambda service, *args: None if service == "s3vectors" else by_name(service, *args)
    router.SERVICE_PATTERNS["s3vectors"] = {
        "target_prefixes": [],
        "host_patterns": [r"s3vectors\."],
        "credential_scope": "s3vectors",
    }
    app.SERVICE_HANDLERS["s3vectors"] = _vectors


def _refuse(resource_type: str, reason: Callable[[str], str | None]) -> None:
    """Fail a deletion with a reason, if there is one."""
    handler = provisioners._RESOURCE_HANDLERS[resource_type]
    delete = handler["delete"]

    def checked(identifier: str, properties: Body) -> None:
        if told := reason(identifier):
            raise base.ServiceError(told)
        delete(identifier, properties)

    handler["delete"] = checked


def _after(resource_type: str, then: Callable[[str], None]) -> None:
    handler = provisioners._RESOURCE_HANDLERS[resource_type]
    delete = handler["delete"]

    def both(identifier: str, properties: Body) -> None:
        delete(identifier, properties)
        then(identifier)

    handler["delete"] = both


def _holds_objects(bucket: str) -> str | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html"""
    found = s3._buckets.get(bucket)
    if found is None or not (found["objects"] or s3._bucket_has_versions(bucket)):
        return None
    return (
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket. "
        "(Service: S3, Status Code: 409)"
    )


def _lock(bucket: str, properties: Body) -> None:
    """Lock what arrives, as the template says; the engine drops that.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html
    """
    if not properties.get("ObjectLockEnabled"):
        return
    rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {})
    retention = dict(rule.get("DefaultRetention", {}))
    retention |= {name: int(retention[name]) for name in ("Days", "Years") if name in retention}
    s3._bucket_object_lock[bucket] = {"enabled": True, "default_retention": retention or None}


def _encrypt(bucket: str, properties: Body) -> None:
    """Say under which customer key a bucket encrypts; the engine drops that.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
    """
    for rule in properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", []):
        default = rule.get("ServerSideEncryptionByDefault", {})
        if "KMSMasterKeyID" not in default:
            continue
        key = f"<KMSMasterKeyID>{default['KMSMasterKeyID']}</KMSMasterKeyID>"
        s3._put_bucket_encryption(
            bucket,
            (
                f'<ServerSideEncryptionConfiguration xmlns="{s3.S3_NS}"><Rule><ApplyServerSideEncryptionByDefault>'
                f"<SSEAlgorithm>{default['SSEAlgorithm']}</SSEAlgorithm>{key}"
                "</ApplyServerSideEncryptionByDefault>"
                f"<BucketKeyEnabled>{str(bool(rule.get('BucketKeyEnabled'))).lower()}</BucketKeyEnabled></Rule>"
                "</ServerSideEncryptionConfiguration>"
            ).encode(),
        )


def _holds_versions(group: str) -> str | None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteModelPackageGroup.html"""
    name = group.rpartition("/")[2]
    if not any(each["ModelPackageGroupName"] == name for each in base.instances(registry.VERSION)):
        return None
    return f"Model Package Group {name} cannot be deleted because it contains Model Packages. (Status Code: 400)"


def _holds_indexes(bucket: str) -> str | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3VectorBuckets_DeleteVectorBucket.html"""
    if not any(each["VectorBucketArn"] == bucket for each in base.instances(INDEX.type)):
        return None
    return f"The vector bucket {bucket.rpartition('/')[2]} is not empty. (Status Code: 409, ConflictException)"


def _forget_vectors(index: str) -> None:
    for each in base.instances(VECTOR):
        if each["index"] == index:
            base.remove(VECTOR, f"{index}/{each['key']}")


# The registry and pipelines, by SageMaker's API.


def _subject(operation: str, request: Body) -> tuple[str, Body] | None:
    if operation not in {each.partition(":")[2] for each in _OPERATIONS}:
        return None
    return str(request.get("ModelPackageName", "*")), {}


def _list_versions(request: Body) -> Body:
    group = request["ModelPackageGroupName"].rpartition("/")[2]
    common = {"ModelPackageStatus": "Completed", "CreationTime": 0}
    found = [each for each in base.instances(registry.VERSION) if each["ModelPackageGroupName"] == group]
    listed = [{"ModelPackageGroupName": group, "ModelPackageArn": each["ModelPackageArn"], **common} for each in found]
    return {"ModelPackageSummaryList": listed}


def _delete_version(request: Body) -> Body:
    if not base.remove(registry.VERSION, request["ModelPackageName"]):
        raise hosting.RefusedError(f"ModelPackage {request['ModelPackageName']} does not exist.")
    return {}


_OPERATIONS: dict[str, Callable[[Body], Body]] = {
    "sagemaker:ListModelPackages": _list_versions,
    "sagemaker:DeleteModelPackage": _delete_version,
    # A pipeline that is started is noted and trains nothing, so none runs.
    "sagemaker:ListPipelineExecutions": lambda _request: {"PipelineExecutionSummaries": []},
}


# S3 Vectors: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_S3_Vectors.html


async def _vectors(
    _method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> tuple[int, dict[str, str], bytes]:
    request: Body = json.loads(body or b"{}")
    bucket = f"arn:aws:s3vectors:{get_region()}:{get_account_id()}:bucket/{request.get('vectorBucketName', '')}"
    place = str(request.get("indexArn") or request.get("vectorBucketArn") or bucket)
    key = extract_access_key_id(headers, query)
    refused = agent_runtime.denied(key, [(f"s3vectors:{path.strip('/')}", place)], headers)
    if refused is not None:
        return refused
    operation = _VECTORS.get(path.strip("/"))
    kind = {"Content-Type": "application/json"}
    if operation is None:
        told = {"message": f"{path.strip('/')} is not implemented in the local account"}
        return 400, {**kind, "x-amzn-errortype": "ValidationException"}, json.dumps(told).encode()
    try:
        return 200, kind, json.dumps(operation(request)).encode()
    except base.ServiceError as error:
        told = {"message": str(error)}
        return 404, {**kind, "x-amzn-errortype": "NotFoundException"}, json.dumps(told).encode()


def _bucket_of(request: Body) -> str:
    arn = request.get("vectorBucketArn") or (
        f"arn:aws:s3vectors:{get_region()}:{get_account_id()}:bucket/{request['vectorBucketName']}"
    )
    if base.find(BUCKET.type, arn) is None:
        raise base.ServiceError("The specified vector bucket could not be found")
    return str(arn)


def _index_of(request: Body) -> str:
    arn = request.get("indexArn") or f"{_bucket_of(request)}/index/{request['indexName']}"
    if base.find(INDEX.type, arn) is None:
        raise base.ServiceError("The specified index could not be found")
    return str(arn)


def _create_index(request: Body) -> Body:
    model = {
        "VectorBucketArn": _bucket_of(request),
        "IndexName": request["indexName"],
        "DataType": request["dataType"],
        "Dimension": request["dimension"],
        "DistanceMetric": request["distanceMetric"],
    }
    return {"indexArn": INDEX.on_create("Index", model, "none")[0]}


def _list_indexes(request: Body) -> Body:
    bucket = _bucket_of(request)
    listed = [
        {
            "vectorBucketName": bucket.rpartition("/")[2],
            "indexName": each["IndexName"],
            "indexArn": each["IndexArn"],
            "creationTime": 0,
        }
        for each in base.instances(INDEX.type)
        if each["VectorBucketArn"] == bucket
    ]
    return {"indexes": listed}


def _delete_index(request: Body) -> Body:
    index = _index_of(request)
    INDEX.on_delete(index, {})
    _forget_vectors(index)
    return {}


def _put_vectors(request: Body) -> Body:
    index = _index_of(request)
    for each in request["vectors"]:
        base.store(VECTOR, f"{index}/{each['key']}", {**each, "index": index})
    return {}


def _list_vectors(request: Body) -> Body:
    index = _index_of(request)
    return {"vectors": [{"key": each["key"]} for each in base.instances(VECTOR) if each["index"] == index]}


_VECTORS: dict[str, Callable[[Body], Body]] = {
    "CreateIndex": _create_index,
    "DeleteIndex": _delete_index,
    "ListIndexes": _list_indexes,
    "ListVectors": _list_vectors,
    "PutVectors": _put_vectors,
}
