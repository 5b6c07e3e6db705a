"""Resources that AWS does not delete while they are not empty, and the calls that list and delete their content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from . import hosting, registry, s3_vectors
from .resources import base

Body = dict[str, Any]
BUCKET, INDEX = s3_vectors.BUCKET, s3_vectors.INDEX
_BUCKET = "AWS::S3::Bucket"


def install() -> None:
    """Make the engine reject the deletion of resources that are not empty, and serve the calls that empty them."""
    _refuse(_BUCKET, _holds_objects)
    base.wrap(_BUCKET, after=_lock)
    base.wrap(_BUCKET, after=_encrypt)
    _refuse(registry.GROUP.type, _holds_versions)
    _refuse(BUCKET.type, _holds_indexes)
    _after(INDEX.type, s3_vectors.forget)
    hosting.add_operations(_OPERATIONS, _subject)


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
    """Apply the default retention of the template to new objects, which the engine ignores.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html
    """
    if not properties.get("ObjectLockEnabled"):
        return
    rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {})
    retention = dict(rule.get("DefaultRetention", {}))
    retention |= {name: int(retention[name]) for name in ("Days", "Years") if name in retention}
    s3._bucket_object_lock[bucket] = {"enabled": True, "default_retention": retention or None}


def _encrypt(bucket: str, properties: Body) -> None:
    """Record the customer managed key of a bucket's encryption, which the engine ignores.

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
    # A started pipeline is recorded and trains nothing, so no execution is in progress.
    "sagemaker:ListPipelineExecutions": lambda _request: {"PipelineExecutionSummaries": []},
}
