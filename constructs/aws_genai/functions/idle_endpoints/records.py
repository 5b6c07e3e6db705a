"""The sweeper's records of endpoints, which ensure that concurrent or repeated invocations act once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

#: Seconds after which an unfinished invocation of the sweeper is considered failed.
LEASE_SECONDS = 3600

WARNED, ACTING, SWEPT, WAKING = "warned", "acting", "swept", "waking"


@dataclass(frozen=True)
class Record:
    """The state of an endpoint, its start time in epoch seconds, and the settings that restore the endpoint."""

    endpoint: str
    state: str
    since: int
    saved: dict[str, Any]


class Records:
    """A DynamoDB table with one item per endpoint. Every change is a conditional write.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html#WorkingWithItems.ConditionalUpdate
    """

    def __init__(self, client: Any, table: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._client, self._table = client, table

    def get(self, endpoint: str) -> Record | None:
        """Returns the record of an endpoint; None if there is none."""
        found = self._client.get_item(TableName=self._table, Key={"endpoint": {"S": endpoint}}, ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return None
        return Record(endpoint, item["state"]["S"], int(item["since"]["N"]), json.loads(item["saved"]["S"]))

    def warn(self, endpoint: str, now: int) -> bool:
        """Records that a notification is sent; returns False if one was sent before."""
        return self._put(endpoint, WARNED, now, {}, "attribute_not_exists(endpoint)")

    def claim(self, before: Record, now: int, saved: dict[str, Any]) -> bool:
        """Acquires the lease; returns False if another invocation has it or the record has changed."""
        return self._put(before.endpoint, ACTING, now, saved, "#state = :state AND #since = :since", before)

    def settle(self, endpoint: str, now: int, saved: dict[str, Any]) -> None:
        """Records that the endpoint was swept."""
        self._put(endpoint, SWEPT, now, saved, "attribute_exists(endpoint)")

    def wake(self, before: Record, now: int) -> bool:
        """Records that the endpoint is being restored; returns False if the record has changed."""
        return self._put(before.endpoint, WAKING, now, before.saved, "#state = :state AND #since = :since", before)

    def take_back(self, before: Record, now: int, saved: dict[str, Any]) -> None:
        """Releases the lease after a failure. The next sweep tries again with the settings that were saved."""
        self._put(
            before.endpoint,
            WARNED,
            before.since,
            saved,
            "#state = :state AND #since = :since",
            Record(before.endpoint, ACTING, now, saved),
        )

    def forget(self, before: Record) -> bool:
        """Deletes a record; returns False if it has changed."""
        return self._conditional(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key={"endpoint": {"S": before.endpoint}},
                **_unchanged("#state = :state AND #since = :since", before),
            )
        )

    def _put(
        self, endpoint: str, state: str, now: int, saved: dict[str, Any], condition: str, before: Record | None = None
    ) -> bool:
        item = {
            "endpoint": {"S": endpoint},
            "state": {"S": state},
            "since": {"N": str(now)},
            "saved": {"S": json.dumps(saved, default=str)},
        }
        extra = _unchanged(condition, before) if before else {"ConditionExpression": condition}
        return self._conditional(lambda: self._client.put_item(TableName=self._table, Item=item, **extra))

    def _conditional(self, write: Any) -> bool:  # noqa: ANN401 - a call
        try:
            write()
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


def _unchanged(condition: str, before: Record) -> dict[str, Any]:
    return {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#state": "state", "#since": "since"},
        "ExpressionAttributeValues": {":state": {"S": before.state}, ":since": {"N": str(before.since)}},
    }
