"""The history of this function."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from .environment import Environment
from .table import History

#: Maximum number of seconds for a connection, and for a response.
_CONNECT_SECONDS, _READ_SECONDS = 2, 3


@cache
def dynamodb() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client of the table."""
    # Every write can be repeated: transactions have a token, and updates set what they set.
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    return boto3.client("dynamodb", config=config)


@cache
def history() -> History:
    """The table that the environment variables name."""
    own = Environment.read()
    return History(dynamodb(), own.HISTORY_TABLE, own.HISTORY_DAYS)
