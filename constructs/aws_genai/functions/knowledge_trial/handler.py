"""Handler of the function that checks whether a knowledge base can be created."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import serve
from .service import Trials


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client, which is created on first use."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    serve(event, context, Trials(client("bedrock-agent")))
