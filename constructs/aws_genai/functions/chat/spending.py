"""What a question takes of the day of who asks it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import NOT_COUNTED, SPENT, ChatError

if TYPE_CHECKING:
    from ..usage_budget.budget import Budget, Reservation

_log = logging.getLogger(__name__)


@cache
def counting() -> Budget | None:
    """The counters, None where the settings have no budget."""
    if "BUDGET_TABLE" not in os.environ:
        return None
    # Its code is packaged only where there is a budget.
    from ..usage_budget.budget import Allowance, Budget

    allowed = {name: int(os.environ[f"BUDGET_{name.upper()}"]) for name in ("requests", "tokens", "blocks")}
    # Tried once: a write that came through though its answer did not would count twice.
    config = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1})
    return Budget(boto3.client("dynamodb", config=config), os.environ["BUDGET_TABLE"], Allowance(**allowed))


@contextmanager
def spending(budget: Budget, who: str, request: Mapping[str, Any]) -> Iterator[Callable[[int], None]]:
    """Take what a request may use, let it be made, and give back what it did not use.

    :raises ChatError: if the budget is spent or cannot be counted; then nothing is asked.
    """
    from ..usage_budget.budget import SpentError, most_tokens

    try:
        reserved = budget.reserve(who, most_tokens(request))
    except SpentError as error:
        raise SPENT[error.what] from error
    except (BotoCoreError, ClientError) as error:
        raise NOT_COUNTED from error
    used: list[int] = []
    try:
        yield used.append
    except ChatError as error:
        # What may have been answered stays counted whole.
        if error.tokens is not None:
            _settle(budget, reserved, error.tokens, blocked=error.status == 403)
        raise
    _settle(budget, reserved, sum(used))


def _settle(budget: Budget, reserved: Reservation, used: int, *, blocked: bool = False) -> None:
    try:
        budget.settle(reserved, used, blocked=blocked)
    except (BotoCoreError, ClientError):
        _log.exception("a reservation of %s tokens was not given back", reserved.tokens)
