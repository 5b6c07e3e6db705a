"""Entry of the function that tries whether a knowledge base can be made."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import serve
from .service import Trials


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client, made on first use."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Entry of the function."""
    serve(event, context, Trials(client("bedrock-agent")))
