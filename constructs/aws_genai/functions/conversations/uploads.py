"""Attachments of a user: announced here, uploaded to Amazon S3 by a presigned POST, and erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..chat.errors import malformed
from ..history.files import TYPES, UNUSED_SECONDS, WAITING, file, prefix_of, uploading
from ..history.items import file_key, new_id, user_key
from ..history.table import UNAVAILABLE, History
from ..untrusted.text import neutral
from .environment import Environment

#: Seconds in which a file can be uploaded.
_UPLOAD_SECONDS = 300
#: Objects that one request deletes at most: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_BATCH = 1000


@cache
def s3() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client of the bucket. With virtual addresses, presigned requests go to the endpoint of the Region.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("s3", config=config)


class Uploads:
    """The attachments of one user.

    :param s3: a client of boto3.
    :param who: the claim ``sub`` of the user.
    """

    def __init__(self, s3: Any, history: History, who: str, own: Environment) -> None:  # noqa: ANN401 - of boto3
        self._s3, self._history, self._who, self._own = s3, history, who, own

    def announce(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """A presigned POST for exactly one file of this type and at most this size.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html

        :param wanted: name, type and size of the file.
        :raises ChatError: if such a file cannot be attached, or the user has announced too many today.
        """
        own, type, size = self._own, wanted["type"], wanted["size"]
        kinds = {TYPES[kind]: kind for kind in own.ATTACHMENTS_TYPES or ()}
        if type not in kinds:
            raise malformed(f"Files of this type cannot be attached; choose one of {', '.join(kinds)}.")
        if size > own.ATTACHMENTS_BYTES:
            raise malformed(f"A file has at most {own.ATTACHMENTS_BYTES:,} bytes.")
        shown = " ".join(neutral(wanted["name"]).split())
        if not shown:
            raise malformed("A name has at least one character that is seen.")
        uploading(self._history, self._who, own.ATTACHMENTS_PER_DAY)
        id = new_id()
        item = {"name": shown, "kind": kinds[type], "size": size, "state": WAITING}
        self._history.put(user_key(self._who), file_key(id), item, UNUSED_SECONDS)
        fixed = {
            "Content-Type": type,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": str(own.ATTACHMENTS_KEY),
        }
        made = self._s3.generate_presigned_post(
            Bucket=own.ATTACHMENTS_BUCKET,
            Key=prefix_of(self._who, id),
            Fields=fixed,
            Conditions=[*({each: value} for each, value in fixed.items()), ["content-length-range", 1, size]],
            ExpiresIn=_UPLOAD_SECONDS,
        )
        return {"id": id, "url": made["url"], "fields": made["fields"]}

    def shown(self, id: str) -> dict[str, Any]:
        """What became of an attachment."""
        return file(self._history, self._who, id).as_dict()

    def delete(self, id: str) -> dict[str, Any]:
        """Delete an attachment. The conversation that it belongs to goes on without it."""
        found = file(self._history, self._who, id)
        self.erase([found.id])
        self._history.delete(user_key(self._who), file_key(found.id))
        return {"deleted": True}

    def erase(self, ids: Iterable[str]) -> None:
        """Delete every version of the objects of attachments."""
        for id in ids:
            self._erase(prefix_of(self._who, id))

    def erase_all(self) -> None:
        """Delete every version of everything that the user has uploaded."""
        self._erase(prefix_of(self._who))

    def _erase(self, prefix: str) -> None:
        try:
            for found in self._versions(prefix):
                for start in range(0, len(found), _BATCH):
                    told = self._s3.delete_objects(
                        Bucket=self._own.ATTACHMENTS_BUCKET,
                        Delete={"Objects": found[start : start + _BATCH], "Quiet": True},
                    )
                    if told.get("Errors"):
                        raise UNAVAILABLE()
        except (BotoCoreError, ClientError) as error:
            raise UNAVAILABLE() from error

    def _versions(self, prefix: str) -> Iterator[list[dict[str, str]]]:
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._own.ATTACHMENTS_BUCKET, Prefix=prefix
        )
        for page in pages:
            yield [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
            ]
