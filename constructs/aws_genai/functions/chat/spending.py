"""The budget of one question: reserved before anything is paid for, settled after the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import NOT_COUNTED, SPENT, ChatError
from .observed import cause, logger
from .tokens import most_tokens

if TYPE_CHECKING:
    from ..usage_budget.budget import Budget, Reservation

#: Maximum number of seconds for a connection to the counters, and for a write.
CONNECT_SECONDS, READ_SECONDS = 2, 2
#: Tokens reserved for the passages that are retrieved: five of 300 tokens, counted in bytes, with their marks.
PASSAGES = 8_000


@cache
def counting() -> Budget | None:
    """The counters. None without a budget."""
    if "BUDGET_TABLE" not in os.environ:
        return None
    # Its code is packaged only where there is a budget.
    from ..usage_budget.budget import Allowance, Budget
    from ..usage_budget.environment import Environment

    own = Environment.read()
    allowance = Allowance(requests=own.BUDGET_REQUESTS, tokens=own.BUDGET_TOKENS, blocks=own.BUDGET_BLOCKS)
    # Tried once: a write that came through though its answer did not would count twice.
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
    return Budget(boto3.client("dynamodb", config=config), own.BUDGET_TABLE, allowance)


class Spending:
    """What one question has reserved, and what it used of that.

    :param budget: the counters; None where nothing is counted.
    """

    def __init__(self, budget: Budget | None, reserved: Reservation | None) -> None:
        self._budget, self._reserved, self._full = budget, reserved, False
        #: Whether the model was called.
        self.asked = False
        #: Tokens that the answer took.
        self.used = 0

    def admits(self, request: Mapping[str, Any], used: int = 0) -> bool:
        """Whether a request fits what is reserved; if not, the rest is reserved too where the day still has it.

        :param used: tokens that earlier requests of the same answer have used.
        """
        if self._budget is None or self._reserved is None:
            return True
        from ..usage_budget.budget import SpentError

        missing = used + most_tokens(request) - self._reserved.tokens
        if missing > 0 and not self._full:
            try:
                self._reserved, missing = self._budget.extend(self._reserved, missing), 0
            except (SpentError, BotoCoreError, ClientError):
                # Asked once: whatever the reason, the question goes on with what it has.
                self._full = True
        return missing <= 0

    def settle(self, tokens: int, *, blocked: bool = False) -> None:
        """Give back what was not used."""
        self._write(lambda budget, reserved: budget.settle(reserved, tokens, blocked=blocked))

    def cancel(self) -> None:
        """Give all of it back."""
        self._write(lambda budget, reserved: budget.cancel(reserved))

    def _write(self, change: Callable[[Budget, Reservation], None]) -> None:
        if self._budget is None or self._reserved is None:
            return
        try:
            change(self._budget, self._reserved)
        except (BotoCoreError, ClientError) as error:
            logger.error(
                "a reservation was not given back", extra={"tokens": self._reserved.tokens, "cause": cause(error)}
            )


@contextmanager
def spending(budget: Budget | None, who: str, request: Mapping[str, Any], passages: int = 0) -> Iterator[Spending]:
    """Reserve what a request may use, let it be made, and give back what it did not use.

    :param passages: tokens that are reserved for passages, which the request does not hold yet.
    :raises ChatError: if the budget is spent or cannot be counted; then nothing is looked up and no model is called.
    """
    spent = Spending(budget, _reserved(budget, who, request, passages) if budget else None)
    try:
        yield spent
    except ChatError as error:
        if not spent.asked:
            spent.cancel()
        # What may have been answered stays counted whole.
        elif error.tokens is not None:
            spent.settle(error.tokens, blocked=error.status == 403)
        raise
    spent.settle(spent.used)


def _reserved(budget: Budget, who: str, request: Mapping[str, Any], passages: int) -> Reservation:
    from ..usage_budget.budget import SpentError

    try:
        # A small budget is not spent on passages alone.
        return budget.reserve(who, most_tokens(request) + min(passages, budget.tokens_per_day // 10))
    except SpentError as error:
        raise SPENT[error.what]() from error
    except (BotoCoreError, ClientError) as error:
        raise NOT_COUNTED() from error
