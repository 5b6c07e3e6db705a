"""Puts the files of an archive into a bucket, below a prefix that a digest of them names."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve


@cache
def s3() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client, made on first use."""
    return boto3.client("s3")


class BucketFiles:
    """The files of one archive; another archive is another prefix, so that whoever reads the old one still can."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Unpack the archive; doing it again writes the same files."""
        source = s3().get_object(Bucket=properties["SourceBucket"], Key=properties["SourceKey"])
        with zipfile.ZipFile(io.BytesIO(source["Body"].read())) as archive:
            for name in archive.namelist():
                if not name.endswith("/"):
                    key = f"{properties['Prefix']}{name}"
                    s3().put_object(Bucket=properties["Bucket"], Key=key, Body=archive.read(name))
        return Made(f"{properties['Bucket']}/{properties['Prefix']}")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Unpack the new archive; CloudFormation then deletes what the old id names."""
        return self.create(properties, token)

    def delete(self, physical_id: str, _properties: Properties) -> None:
        """Delete every version of the files below the prefix."""
        bucket, _, prefix = physical_id.partition("/")
        if not prefix.strip("/"):
            raise ValueError(f"{physical_id} names no prefix, and the whole bucket is not ours to empty")
        pages = s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        try:
            for page in pages:
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    s3().delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        except s3().exceptions.NoSuchBucket:
            return


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    serve(event, context, BucketFiles())
