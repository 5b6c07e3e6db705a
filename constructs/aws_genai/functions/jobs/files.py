"""The text files of runs in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Files:
    """Text files in UTF-8, by key."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._bucket = s3, bucket

    def keys(self, prefix: str) -> Iterator[str]:
        """Returns all keys with this prefix, in order."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return (each["Key"] for page in pages for each in page.get("Contents", []))

    def read(self, key: str) -> str:
        """Returns the content of a file."""
        return str(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode("utf-8"))

    def write(self, key: str, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        """Writes a file."""
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), ContentType=kind)
