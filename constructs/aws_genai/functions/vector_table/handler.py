"""Creates the table of vectors in a PostgreSQL database."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from ..custom_resource.serving import serve
from ..custom_resource.waiting import Schedules
from .service import Tables


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client, which is created on first use."""
    return boto3.client(service)


def handler(event: dict[str, Any], context: Any) -> None:  # noqa: ANN401 - Lambda's context
    """Handler of the function."""
    waiting = Schedules(client("scheduler"), context.invoked_function_arn, os.environ["WAIT_ROLE"])
    serve(event, context, Tables(client("rds-data")), waiting)
