"""Extracts an archive into a bucket, under a prefix that contains the digest of the archive."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve


@cache
def s3() -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns the S3 client, which is created on first use."""
    return boto3.client("s3")


class BucketFiles:
    """The files of one archive. Each archive has its own prefix, so the previous files remain available."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Extracts the archive. The operation is idempotent."""
        source = s3().get_object(Bucket=properties["SourceBucket"], Key=properties["SourceKey"])
        with zipfile.ZipFile(io.BytesIO(source["Body"].read())) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    key = f"{properties['Prefix']}{name}"
                    s3().put_object(Bucket=properties["Bucket"], Key=key, Body=archive.read(name))
        return Made(f"{properties['Bucket']}/{properties['Prefix']}")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Extracts the new archive; CloudFormation then deletes the files of the previous physical id."""
        return self.create(properties, token)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        """Deletes all versions of the files under the prefix."""
        bucket, _, prefix = physical_id.partition("/")
        if not prefix.strip("/"):
            raise ValueError(f"{physical_id} contains no prefix; only files under a prefix may be deleted")
        pages = s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        try:
            for page in pages:
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    s3().delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        except s3().exceptions.NoSuchBucket:
            return


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    serve(event, context, BucketFiles())
