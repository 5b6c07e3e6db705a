"""Lets a model be deployed if its files may be loaded."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import Made, Properties, serve
from .check import Stored, problems


class UnsafeWeightsError(ValueError):
    """Files that must not be loaded."""


@cache
def s3() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client, made on first use."""
    return boto3.client("s3")


class WeightsCheck:
    """A look at the files of one model; it makes nothing, so there is nothing to take back."""

    def create(self, properties: Properties, _token: str) -> Made:
        """Refuse files that must not be loaded."""
        bucket, prefix = properties["Bucket"], properties["Prefix"]
        found = list(problems(Stored(s3(), bucket, prefix), properties.get("Pickled", [])))
        if found:
            more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
            raise UnsafeWeightsError(f"s3://{bucket}/{prefix} cannot be deployed: {'; '.join(found[:3])}{more}")
        return Made(f"{bucket}/{prefix}")

    def update(self, _physical_id: str, properties: Properties, _old: Properties, token: str) -> Made:
        """Look at the files that the endpoint is to have now."""
        return self.create(properties, token)

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Leave the files, which are not ours."""


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    serve(event, context, WeightsCheck())
