"""Closes and empties buckets, and reports the objects that S3 did not delete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from .staying import GIB, Stays, absent, usd_stored

#: The statement id of a closed bucket, by which a later run recognizes a bucket that is to be deleted.
CLOSED = "EnvironmentEnds"
_DELETES = {"s3:DeleteObject", "s3:DeleteObjectVersion"}
#: Maximum number of attempts to delete objects that S3 could not delete.
_TRIES = 3
#: Maximum number of times that a bucket is listed.
_PASSES = 20
#: Maximum number of locked versions whose retention date is looked up, the newest first.
_ASKED = 100
_REFUSED = {"AccessDenied", "AccessDeniedException", "MethodNotAllowed"}


@dataclass
class Rest:
    """The objects that S3 did not delete."""

    versions: int = 0
    bytes: int = 0
    until: datetime | None = None
    held: bool = False
    #: Whether more versions are locked than were looked up.
    more: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def stays(self, bucket: str) -> Stays:
        """The entry of the report for this bucket."""
        reasons = []
        if self.held:
            reasons.append("a legal hold, until somebody lifts it")
        if self.until:
            least = "at least " if self.more else ""
            reasons.append(f"Object Lock, until {least}{self.until:%Y-%m-%d %H:%M} UTC")
        if not reasons:
            reasons = [f"{code}: {message}" for code, message in list(self.errors.items())[:1]]
        what = f"bucket {bucket}: {self.versions:,} versions, {self.bytes / GIB:,.3f} GiB"
        return Stays(what, " and ".join(reasons), usd_stored(self.bytes))


def close(s3: Any, bucket: str) -> str | None:  # noqa: ANN401 - boto3 has no types
    """Deny all writes to a bucket, and allow its administrators to delete objects.

    A bucket that is still written to (access logs arrive for hours, replicas for minutes) would never be empty.
    Statements that deny deletions are removed from the bucket policy; locks and the statements about them are kept.
    Event notifications are turned off, because the deletions would start ingestion jobs.

    :returns: the new bucket policy; None if the bucket does not exist.
    """
    try:
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return None
        if code != "NoSuchBucketPolicy":
            raise
        statements = []
    kept = [each for each in statements if each["Effect"] == "Deny" and not _DELETES & set(_listed(each["Action"]))]
    closing = {
        "Sid": CLOSED,
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject", "s3:ReplicateDelete", "s3:ReplicateObject"],
        "Resource": f"arn:{s3.meta.partition}:s3:::{bucket}/*",
    }
    policy = [*(each for each in kept if each.get("Sid") != CLOSED), closing]
    text = json.dumps({"Version": "2012-10-17", "Statement": policy})
    s3.put_bucket_policy(Bucket=bucket, Policy=text)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    return text


def is_closed(s3: Any, bucket: str) -> bool:  # noqa: ANN401 - boto3 has no types
    """Whether an earlier run closed a bucket."""
    try:
        statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    except ClientError as error:
        if absent(error):
            return False
        raise
    return any(each.get("Sid") == CLOSED for each in statements)


def empty(s3: Any, bucket: str) -> Rest | None:  # noqa: ANN401 - boto3 has no types
    """Delete every version, delete marker and multipart upload. Return what remains; None if nothing does.

    Object Lock stays in force. https://docs.aws.amazon.com/AmazonS3/latest/userguide/empty-bucket.html
    """
    rest, locked = Rest(), list[dict[str, Any]]()
    try:
        # Repeat until nothing is found: pages of a shrinking list may skip objects, and new objects may have arrived.
        for _ in range(_PASSES):
            rest, locked, listed = _pass(s3, bucket)
            if listed == rest.versions:
                break
        for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
            for upload in page.get("Uploads", ()):
                s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return None
        raise
    newest = sorted(locked, key=lambda each: each["LastModified"], reverse=True)
    rest.more = len(newest) > _ASKED
    for each in newest[:_ASKED]:
        _ask(s3, bucket, each, rest)
    return rest if rest.versions else None


def _pass(s3: Any, bucket: str) -> tuple[Rest, list[dict[str, Any]], int]:  # noqa: ANN401
    """List the bucket once and delete. Return what remains, what S3 could not delete, and the number of items."""
    rest, locked, count = Rest(), [], 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        count += len(listed)
        for each, code, message in _delete(s3, bucket, listed):
            rest.versions += 1
            rest.bytes += each.get("Size", 0)
            rest.errors[code] = message
            if code in _REFUSED:
                locked.append(each)
    return rest, locked, count


def key_of(s3: Any, bucket: str) -> str | None:  # noqa: ANN401 - boto3 has no types
    """The customer managed key that encrypts a bucket."""
    try:
        rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    except ClientError as error:
        if absent(error):
            return None
        raise
    by_default = [each.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID") for each in rules]
    return next((str(each) for each in by_default if each), None)


def _delete(s3: Any, bucket: str, listed: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str, str]]:  # noqa: ANN401
    """Delete the items of a page. Yield those that were not deleted, with the reason."""
    waiting = {(each["Key"], each["VersionId"]): each for each in listed}
    for attempt in range(1, _TRIES + 1):
        if not waiting:
            return
        failed: dict[tuple[str, str], tuple[str, str]] = {}
        for error in _delete_once(s3, bucket, list(waiting)):
            name = (error["Key"], error.get("VersionId", ""))
            # If an error does not name its version, each version is deleted by a separate call.
            for each in [name] if name in waiting else [other for other in waiting if other[0] == name[0]]:
                told = error if each == name else _delete_alone(s3, bucket, {"Key": each[0], "VersionId": each[1]})
                if told:
                    failed[each] = (told["Code"], told.get("Message", ""))
        for name in [each for each in waiting if each not in failed]:
            del waiting[name]
        for name, (code, message) in failed.items():
            if code in _REFUSED or attempt == _TRIES:
                yield waiting.pop(name), code, message


def _delete_once(s3: Any, bucket: str, names: list[tuple[str, str]]) -> list[dict[str, str]]:  # noqa: ANN401
    objects = [{"Key": key, "VersionId": version} for key, version in names]
    try:
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    except ClientError as error:
        # XML cannot represent some characters of keys. A call for a single object has the key in its URL.
        if error.response["Error"]["Code"] != "MalformedXML":
            raise
        return [found for each in objects if (found := _delete_alone(s3, bucket, each))]
    return list(answer.get("Errors", ()))


def _delete_alone(s3: Any, bucket: str, each: dict[str, str]) -> dict[str, str] | None:  # noqa: ANN401
    try:
        s3.delete_object(Bucket=bucket, **each)
    except ClientError as error:
        return {**each, "Code": error.response["Error"]["Code"], "Message": error.response["Error"]["Message"]}
    return None


def _ask(s3: Any, bucket: str, each: dict[str, Any], rest: Rest) -> None:  # noqa: ANN401
    """Look up the date until which a version is locked."""
    which = {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
    # The call fails if the version is not locked, or access is denied. Then the error of the deletion is reported.
    with suppress(ClientError):
        until = s3.get_object_retention(**which)["Retention"].get("RetainUntilDate")
        rest.until = max(filter(None, (rest.until, until)), default=None)
    with suppress(ClientError):
        rest.held |= s3.get_object_legal_hold(**which)["LegalHold"].get("Status") == "ON"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
