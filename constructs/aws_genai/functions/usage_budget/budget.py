"""How much one principal may ask in a day: taken before the call, corrected after it, exact under any concurrency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

#: Seconds after which a day's item is deleted.
_KEPT = 3 * 24 * 3600


@dataclass(frozen=True)
class Allowance:
    """What a principal may use from midnight to midnight, UTC.

    :param requests: calls of models.
    :param tokens: tokens of questions and answers together.
    :param blocks: questions and answers that the guardrail blocks, after which nothing more is asked that day: whoever
        tries what a model gives away, or how its guardrail is passed, is blocked often.
    """

    requests: int
    tokens: int
    blocks: int


@dataclass(frozen=True)
class Reservation:
    """Tokens that were taken for one call."""

    key: str
    tokens: int


class SpentError(Exception):
    """What is used up: ``requests``, ``tokens`` or ``blocks``."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Budget:
    """Counters in a DynamoDB table, one item for a principal and day; whoever reads them decides nothing.

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

    @property
    def tokens_per_day(self) -> int:
        """Tokens that a principal may use in a day."""
        return self._allowance.tokens

    def reserve(self, who: str, tokens: int) -> Reservation:
        """Take one request and the most tokens that it can use.

        :raises SpentError: if that is more than is left, or too much was blocked today.
        """
        allowed, now = self._allowance, self._clock()
        if tokens > allowed.tokens:
            raise SpentError("tokens")
        key = f"{who}#{now:%Y-%m-%d}"
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"who": {"S": key}},
                UpdateExpression="ADD requests :one, tokens :tokens SET expires = :expires",
                # The whole decision is this one condition, so that no two calls can share what is left.
                ConditionExpression=(
                    "attribute_not_exists(who) OR (requests < :requests AND tokens <= :room"
                    " AND (attribute_not_exists(blocks) OR blocks < :blocks))"
                ),
                ExpressionAttributeValues=_numbers(
                    one=1,
                    tokens=tokens,
                    expires=int(now.timestamp()) + _KEPT,
                    requests=allowed.requests,
                    room=allowed.tokens - tokens,
                    blocks=allowed.blocks,
                ),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise SpentError(self._spent(error.response.get("Item", {}))) from error
        return Reservation(key, tokens)

    def extend(self, reservation: Reservation, tokens: int) -> Reservation:
        """Take more tokens for the same request.

        :raises SpentError: if they are more than is left; the reservation stays as it is.
        """
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"who": {"S": reservation.key}},
                UpdateExpression="ADD tokens :tokens",
                ConditionExpression="tokens <= :room",
                ExpressionAttributeValues=_numbers(tokens=tokens, room=self._allowance.tokens - tokens),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise SpentError("tokens") from error
        return Reservation(reservation.key, reservation.tokens + tokens)

    def cancel(self, reservation: Reservation) -> None:
        """Give back a request that reached no model, with all its tokens."""
        self._client.update_item(
            TableName=self._table,
            Key={"who": {"S": reservation.key}},
            UpdateExpression="ADD requests :request, tokens :change",
            ExpressionAttributeValues=_numbers(request=-1, change=-reservation.tokens),
        )

    def settle(self, reservation: Reservation, used: int, *, blocked: bool = False) -> None:
        """Give back what a call did not use; one that the guardrail blocked counts as such."""
        self._client.update_item(
            TableName=self._table,
            Key={"who": {"S": reservation.key}},
            UpdateExpression="ADD tokens :change, blocks :blocked",
            ExpressionAttributeValues=_numbers(change=used - reservation.tokens, blocked=int(blocked)),
        )

    def _spent(self, item: Mapping[str, Any]) -> str:
        counted = {name: int(value["N"]) for name, value in item.items() if "N" in value}
        if counted.get("blocks", 0) >= self._allowance.blocks:
            return "blocks"
        return "requests" if counted.get("requests", 0) >= self._allowance.requests else "tokens"


def _numbers(**values: int) -> dict[str, dict[str, str]]:
    return {f":{name}": {"N": str(value)} for name, value in values.items()}
