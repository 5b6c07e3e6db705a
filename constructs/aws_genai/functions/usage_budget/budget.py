"""How much users and groups may use: reserved before a call, corrected after it, exact under any concurrency."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

#: Seconds after the end of its day or month at which an item is deleted.
_KEPT = 2 * 24 * 3600


@dataclass(frozen=True)
class Amount:
    """What a call uses."""

    #: Tokens of the request and the response together.
    tokens: int = 0
    #: Their price in micro-dollars; 0 where money is not counted.
    micros: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.micros + other.micros)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.micros - other.micros)


@dataclass(frozen=True)
class Limit:
    """What may be used in one day or month. None is not limited."""

    requests: int | None = None
    tokens: int | None = None
    micros: int | None = None
    #: Requests and responses that the guardrail blocks, after which nothing more is answered.
    blocks: int | None = None


@dataclass(frozen=True)
class Allowance:
    """What a user may use from midnight to midnight and in a calendar month, UTC, and what groups may use together."""

    day: Limit
    month: Limit | None = None
    #: The limits of a day and of a month, by the name of the group.
    groups: Mapping[str, tuple[Limit | None, Limit | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Counter:
    """One item of the table, and what it may count to."""

    key: str
    limit: Limit
    expires: int
    #: What the limit is of, for the message: ``day`` or ``month``, and the group.
    period: str = "day"
    group: str = ""


@dataclass(frozen=True)
class Reservation:
    """What was reserved for one call, on each of its counters: the user's day is the first."""

    counters: tuple[Counter, ...]
    amount: Amount

    @property
    def others(self) -> Reservation:
        """What was reserved beside the user's day."""
        return replace(self, counters=self.counters[1:])


class SpentError(Exception):
    """Something is used up.

    :param what: ``requests``, ``tokens``, ``micros`` or ``blocks``; ``busy`` if as many requests are being answered as
        may still be blocked.
    :param period: ``day`` or ``month``.
    :param group: the group whose budget it is; empty for the user's own.
    """

    def __init__(self, what: str, period: str = "day", group: str = "") -> None:
        super().__init__(what)
        self.what, self.period, self.group = what, period, group


class Budget:
    """Counters in a DynamoDB table, one item for each user or group and day or month.

    Each write decides by its own condition, so that no two calls can share what is left.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3 has no types
        table: str,
        allowance: Allowance,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._table, self._allowance, self._clock = client, table, allowance, clock

    def limited(self, day: Mapping[str, int], month: Mapping[str, int] | None = None) -> Budget:
        """The same counters with other limits of a day and a month, for a principal that has limits of its own."""
        allowance = replace(self._allowance, day=Limit(**day), month=Limit(**month) if month else None)
        return Budget(self._client, self._table, allowance, self._clock)

    @property
    def tokens_per_day(self) -> int:
        """Tokens that a user may use in a day."""
        return self._allowance.day.tokens or 10**12

    def counters(self, who: str, groups: Sequence[str] = ()) -> tuple[Counter, ...]:
        """The counters of a user: the day first, then the month, then those of groups."""
        now = self._clock()
        allowed = self._allowance
        found = [_counter(who, "day", allowed.day, now)]
        if allowed.month:
            found.append(_counter(who, "month", allowed.month, now))
        for group in groups:
            for period, limit in zip(("day", "month"), allowed.groups.get(group, ()), strict=False):
                if limit:
                    found.append(_counter(f"group:{group}", period, limit, now, group))
        return tuple(found)

    def reserve(self, who: str, amount: Amount, groups: Sequence[str] = ()) -> Reservation:
        """Reserve one request and the most that it can use.

        :raises SpentError: if that is more than is left of any budget, or too much was blocked today.
        """
        write, reservation = self.reserving(who, amount, groups)
        try:
            self._client.update_item(**write)
        except ClientError as error:
            self.cancel(reservation.others)
            if not _refused(error):
                raise
            raise _spent(reservation.counters[0], amount, error.response.get("Item", {})) from error
        return reservation

    def reserving(self, who: str, amount: Amount, groups: Sequence[str] = ()) -> tuple[dict[str, Any], Reservation]:
        """Reserve on every counter but the user's day, whose write is returned: for a transaction.

        A transaction that holds the counter of a group would fail whenever two members ask at the same moment.

        :raises SpentError: if that is more than is left.
        """
        counters = self.counters(who, groups)
        for counter in counters:
            _fits(counter, amount)
        self._on_all(counters[1:], amount, requests=1)
        return self._write(counters[0], amount), Reservation(counters, amount)

    def spent(self, reservation: Reservation, item: Mapping[str, Any]) -> SpentError:
        """Why the write of the user's day was refused.

        :param item: the counter as it was.
        """
        read = {name: value if isinstance(value, dict) else {"N": str(value)} for name, value in item.items()}
        return _spent(reservation.counters[0], reservation.amount, read)

    def extend(self, reservation: Reservation, amount: Amount) -> Reservation:
        """Reserve more for the same request.

        :raises SpentError: if that is more than is left; the reservation stays as it is.
        """
        self._on_all(reservation.counters, amount, requests=0)
        return replace(reservation, amount=reservation.amount + amount)

    def _on_all(self, counters: Sequence[Counter], amount: Amount, requests: int) -> None:
        """Reserve on each of the counters, or on none."""
        done: list[Counter] = []
        for counter in counters:
            try:
                self._client.update_item(**self._write(counter, amount, requests))
            except (ClientError, BotoCoreError) as error:
                self._add(done, -requests, Amount() - amount, blocks=-requests)
                if isinstance(error, ClientError) and _refused(error):
                    raise _spent(counter, amount, error.response.get("Item", {})) from error
                raise
            done.append(counter)

    def cancel(self, reservation: Reservation) -> None:
        """Give back a request that reached no model, with everything that was reserved."""
        self._add(reservation.counters, -1, Amount() - reservation.amount, blocks=-1)

    def settle(self, reservation: Reservation, used: Amount, *, blocked: bool = False) -> None:
        """Give back what a call did not use; one that the guardrail blocked is counted as such."""
        self._add(reservation.counters, 0, used - reservation.amount, blocks=0 if blocked else -1, blocked=blocked)

    def keep(self, reservation: Reservation) -> None:
        """End a call whose use is not known: everything that was reserved stays counted."""
        self._add(reservation.counters, 0, Amount(), blocks=-1)

    def _write(self, counter: Counter, amount: Amount, requests: int = 1) -> dict[str, Any]:
        """The conditional write of a reservation. Each request may be blocked, and so takes a block until it ends."""
        limit = counter.limit
        added = {"requests": requests, "tokens": amount.tokens, "micros": amount.micros}
        rooms = {"requests": limit.requests, "tokens": limit.tokens, "micros": limit.micros}
        if limit.blocks is not None:
            added["blocks"], rooms["blocks"] = requests, limit.blocks
        values, conditions = {f":{name}": number for name, number in added.items()}, list[str]()
        for name, most in rooms.items():
            if most is not None and added[name]:
                values[f":{name}_room"] = most - added[name]
                conditions.append(f"(attribute_not_exists({name}) OR {name} <= :{name}_room)")
        return {
            "TableName": self._table,
            "Key": {"who": {"S": counter.key}},
            "UpdateExpression": f"ADD {', '.join(f'{name} :{name}' for name in added)} SET expires = :expires",
            **({"ConditionExpression": " AND ".join(conditions)} if conditions else {}),
            "ExpressionAttributeValues": _numbers({**values, ":expires": counter.expires}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _add(
        self, counters: Sequence[Counter], requests: int, amount: Amount, *, blocks: int, blocked: bool = False
    ) -> None:
        """Add to every counter, also if one cannot be written.

        :raises BotoCoreError, ClientError: the first of the errors.
        """
        failed: list[Exception] = []
        for counter in counters:
            values = {"requests": requests, "tokens": amount.tokens, "micros": amount.micros}
            if counter.limit.blocks is not None:
                values |= {"blocks": blocks, "blocked": int(blocked)}
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"who": {"S": counter.key}},
                    UpdateExpression=f"ADD {', '.join(f'{name} :{name}' for name in values)}",
                    ExpressionAttributeValues=_numbers({f":{name}": number for name, number in values.items()}),
                )
            except (BotoCoreError, ClientError) as error:
                failed.append(error)
        if failed:
            raise failed[0]


def _refused(error: ClientError) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def _counter(who: str, period: str, limit: Limit, now: datetime, group: str = "") -> Counter:
    if period == "day":
        end = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() + 24 * 3600
        return Counter(f"{who}#{now:%Y-%m-%d}", limit, int(end) + _KEPT, period, group)
    days = calendar.monthrange(now.year, now.month)[1]
    end = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() + days * 24 * 3600
    return Counter(f"{who}#{now:%Y-%m}", limit, int(end) + _KEPT, period, group)


def _fits(counter: Counter, amount: Amount) -> None:
    for what in ("tokens", "micros"):
        most = getattr(counter.limit, what)
        if most is not None and getattr(amount, what) > most:
            raise SpentError(what, counter.period, counter.group)


def _spent(counter: Counter, amount: Amount, item: Mapping[str, Any]) -> SpentError:
    """Why a counter refused an amount."""
    counted = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    limit = counter.limit
    reasons = {
        "blocks": limit.blocks is not None and counted.get("blocked", 0) >= limit.blocks,
        "requests": limit.requests is not None and counted.get("requests", 0) >= limit.requests,
        "busy": limit.blocks is not None and counted.get("blocks", 0) >= limit.blocks,
        "micros": limit.micros is not None and counted.get("micros", 0) + amount.micros > limit.micros,
    }
    what = next((name for name, found in reasons.items() if found), "tokens")
    return SpentError(what, counter.period, counter.group)


def _numbers(values: Mapping[str, int]) -> dict[str, dict[str, str]]:
    return {name: {"N": str(value)} for name, value in values.items()}
