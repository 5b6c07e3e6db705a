"""Handles the custom resource that checks the files of a model."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve
from .check import Stored, problems


class UnsafeWeightsError(ValueError):
    """Files that are not safe to load."""


@cache
def s3() -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns the S3 client, which is created on first use."""
    return boto3.client("s3")


class WeightsCheck:
    """A check of the files of one model. It creates nothing, so there is nothing to delete."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Fails unless the files are safe to load."""
        bucket, prefix = properties["Bucket"], properties["Prefix"]
        found = list(problems(Stored(s3(), bucket, prefix), properties.get("Pickled", [])))
        if found:
            more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
            raise UnsafeWeightsError(f"s3://{bucket}/{prefix} cannot be deployed: {'; '.join(found[:3])}{more}")
        return Made(f"{bucket}/{prefix}")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Checks the files of the new location."""
        return self.create(properties, token)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Does nothing: the check has no resources."""


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    serve(event, context, WeightsCheck())
