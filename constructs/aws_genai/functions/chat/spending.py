"""The budget of one question: reserved before anything is paid for, settled after the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ..usage_budget.budget import Allowance, Amount, Budget, Limit, Reservation, SpentError
from ..usage_budget.environment import Environment
from .errors import NOT_COUNTED, ChatError, spent_error
from .observed import cause, logger
from .price import Price

#: Maximum number of seconds for a connection to the counters, and for a write.
CONNECT_SECONDS, READ_SECONDS = 2, 2
#: Tokens reserved for the passages that are retrieved: five of 300 tokens, counted in bytes, with their marks.
PASSAGES = 8_000


@cache
def counting() -> Budget | None:
    """The counters. None without a budget."""
    if "BUDGET_TABLE" not in os.environ:
        return None
    own = Environment.read()
    groups = {
        name: tuple(Limit(**limits[period]) if period in limits else None for period in ("day", "month"))
        for name, limits in (own.BUDGET_GROUPS or {}).items()
    }
    allowance = Allowance(
        day=Limit(**own.BUDGET_DAY),
        month=Limit(**own.BUDGET_MONTH) if own.BUDGET_MONTH else None,
        groups={name: (day, month) for name, (day, month) in groups.items()},
    )
    # Tried once: a write that came through though its answer did not would count twice.
    config = Config(connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, retries={"total_max_attempts": 1})
    return Budget(boto3.client("dynamodb", config=config), own.BUDGET_TABLE, allowance)


class Spending:
    """What one question has reserved, and what it used of that.

    :param budget: the counters; None where nothing is counted.
    """

    def __init__(self, budget: Budget | None, reserved: Reservation | None, price: Price | None = None) -> None:
        self._budget, self._reserved, self._full = budget, reserved, False
        self._price = price or Price()
        #: Whether the model was called.
        self.asked = False
        #: What the answer took.
        self.used = Amount()

    def admits(self, request: Mapping[str, Any], used: Amount | None = None) -> bool:
        """Whether a request fits what is reserved; if not, the rest is reserved too where the budget still has it.

        :param used: what earlier requests of the same answer have used.
        """
        if self._budget is None or self._reserved is None:
            return True
        missing = self._price.most(request) + (used or Amount()) - self._reserved.amount
        if missing.tokens <= 0 and missing.micros <= 0:
            return True
        if self._full:
            return False
        try:
            more = Amount(max(0, missing.tokens), max(0, missing.micros))
            self._reserved = self._budget.extend(self._reserved, more)
        except (SpentError, BotoCoreError, ClientError):
            # Asked once: whatever the reason, the question goes on with what it has.
            self._full = True
            return False
        return True

    def settle(self, used: Amount, *, blocked: bool = False) -> None:
        """Give back what was not used."""
        self._write(lambda budget, reserved: budget.settle(reserved, used, blocked=blocked))

    def cancel(self) -> None:
        """Give all of it back."""
        self._write(lambda budget, reserved: budget.cancel(reserved))

    def keep(self) -> None:
        """Let all of it stay counted."""
        self._write(lambda budget, reserved: budget.keep(reserved))

    def failed(self, error: ChatError) -> None:
        """Settle what an answer used that ended in an error."""
        if not self.asked:
            self.cancel()
        elif error.tokens is None:
            # What may have been answered stays counted whole.
            self.keep()
        else:
            paid = self._price.bound(error.tokens) + Amount(0, error.micros)
            self.settle(paid, blocked=error.status == 403)

    def _write(self, change: Callable[[Budget, Reservation], None]) -> None:
        if self._budget is None or self._reserved is None:
            return
        try:
            change(self._budget, self._reserved)
        except (BotoCoreError, ClientError) as error:
            logger.error(
                "a reservation was not given back",
                extra={"tokens": self._reserved.amount.tokens, "cause": cause(error)},
            )


@contextmanager
def spending(budget: Budget | None, reserved: Reservation | None, price: Price | None = None) -> Iterator[Spending]:
    """Let a request be made, and give back what it did not use of what is reserved.

    :param reserved: what :func:`reserve` made; None where nothing is counted.
    """
    spent = Spending(budget, reserved, price)
    try:
        yield spent
    except ChatError as error:
        spent.failed(error)
        raise
    except Exception:
        # Not known how far it came.
        spent.keep() if spent.asked else spent.cancel()
        raise
    spent.settle(spent.used)


def most(budget: Budget, request: Mapping[str, Any], price: Price, passages: int = 0) -> Amount:
    """The most that a request may use.

    :param passages: tokens for passages, which the request does not hold yet.
    """
    # A small budget is not spent on passages alone.
    return price.most(request) + price.of(min(passages, budget.tokens_per_day // 10), 0)


def reserve(
    budget: Budget | None,
    who: str,
    request: Mapping[str, Any],
    *,
    passages: int = 0,
    groups: Sequence[str] = (),
    price: Price | None = None,
) -> Reservation | None:
    """Reserve what a request may use.

    :param passages: tokens for passages, which the request does not hold yet.
    :param groups: groups of the user, some of which may have a budget of their own.
    :raises ChatError: if the budget is spent or cannot be counted; then nothing is looked up and no model is called.
    """
    if budget is None:
        return None
    with refusing():
        return budget.reserve(who, most(budget, request, price or Price(), passages), groups)


@contextmanager
def refusing() -> Iterator[None]:
    """Errors of the counters as those of the service."""
    try:
        yield
    except SpentError as error:
        raise spent_error(error.what, error.period, error.group) from error
    except (BotoCoreError, ClientError) as error:
        raise NOT_COUNTED() from error
