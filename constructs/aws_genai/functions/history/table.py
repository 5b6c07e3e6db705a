"""The history of conversations: what was asked and answered, written while it is.

A turn is begun by one transaction, together with the reservation of a budget: a request that is sent again with the
same ID is neither answered nor billed twice.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..chat.errors import ChatError, Failure
from ..chat.observed import cause, logger
from .items import (
    MOST_PENDING,
    Record,
    answer_key,
    conversation_key,
    file_key,
    new_id,
    packed,
    read,
    text_of,
    turn_key,
    turns_of,
    user_key,
    written,
)

#: Times that a transaction is tried while others write the same items, and seconds before the second.
_TRIES, _WAIT = 8, 0.03
#: Seconds that an answer may be late before it counts as interrupted.
_LATE = 10
#: Seconds between two looks at whether the answer is to stop.
LOOK_SECONDS = 1.0
#: Bytes for each second between two writes of an answer that grows: each write costs the size of the whole item.
_BYTES_PER_SECOND = 8_192
#: Characters of a question that make the title of a new conversation.
_TITLE = 80

UNKNOWN = Failure(404, "unknown_conversation", "You have no such conversation.")
UNKNOWN_ANSWER = Failure(404, "unknown_answer", "You have no such answer.")
BUSY = Failure(409, "answer_in_progress", "The last question of this conversation is still being answered.", 0, 2)
ID_USED = Failure(409, "id_used", "This ID belongs to another question; choose a new one.")
CONFIRMED = Failure(409, "confirmation_used", "There is no such action to confirm, or it was decided before.")
#: Of attachments, which :mod:`.files` describes.
USED = Failure(409, "attachment_used", "This attachment was deleted, or belongs to another conversation.")
UNAVAILABLE = Failure(503, "history_unavailable", "Your conversations cannot be reached now; try again in a moment.")

STREAMING, DONE, STOPPED, FAILED, BLOCKED, CONFIRM = "streaming", "done", "stopped", "failed", "blocked", "confirm"


class CancelledError(Exception):
    """A further write of the transaction was refused.

    :param index: which one of the further writes.
    :param item: the item that the condition was evaluated with.
    """

    def __init__(self, index: int, item: Mapping[str, Any]) -> None:
        super().__init__(f"write {index} was refused")
        self.index, self.item = index, item


@dataclass(frozen=True)
class Question:
    """What is asked, as it is stored."""

    #: ID of the answer, which the client chooses if it may send the request again.
    id: str
    assistant: str
    text: str
    model: str
    request_id: str
    #: Seconds since the epoch at which the answer ends at the latest.
    until: int
    #: ID of the conversation; None for a new one.
    conversation: str | None = None
    #: Identifies the content of the request.
    digest: str = ""
    #: IDs of the attachments that the request names, and of all that the conversation has with them.
    attachments: Sequence[str] = ()
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Turn:
    """A question and its answer."""

    conversation: str
    number: int
    id: str
    state: str
    question: str
    events: Sequence[tuple[str, dict[str, Any]]]
    created: int
    #: Seconds since the epoch at which the answer ends at the latest.
    until: int
    details: Mapping[str, Any]

    @property
    def streaming(self) -> bool:
        return self.state == STREAMING

    def as_dict(self) -> dict[str, Any]:
        """The turn as it is shown to its user."""
        shown = {"id": self.id, "conversation": self.conversation, "number": self.number, "state": self.state}
        events = [{"event": name, "data": data} for name, data in self.events]
        kept = ("model", "feedback", "cut", "request_id")
        more = {name: self.details[name] for name in kept if name in self.details}
        return {**shown, "created": self.created, "question": self.question, "events": events, **more}


def digest_of(content: Mapping[str, Any]) -> str:
    """Identifies the content of a request, whatever its ID."""
    said = json.dumps({k: v for k, v in content.items() if k != "id"}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


class History:
    """The conversations of users.

    :param client: a ``dynamodb`` client of boto3.
    :param days: days until a message expires.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3 has no types
        table: str,
        days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._table, self._days, self._clock = client, table, days, clock

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self._clock())

    def get(self, partition: str, sort: str) -> dict[str, Any] | None:
        """An item; None if it does not exist, or has expired: DynamoDB deletes expired items within days.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
        """
        with reaching():
            found = self._client.get_item(
                TableName=self._table, Key=written({"pk": partition, "sk": sort}), ConsistentRead=True
            ).get("Item")
        item = read(found) if found else None
        return item if item and item["expires"] > self._clock() else None

    def query(self, partition: str, prefix: str, **more: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - of boto3
        """The items that have not expired."""
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": written({":pk": partition, ":sk": prefix}),
            "ConsistentRead": True,
            **more,
        }
        while True:
            with reaching():
                found = self._client.query(**request)
            for item in map(read, found["Items"]):
                if item["expires"] > self._clock():
                    yield item
            if "LastEvaluatedKey" not in found:
                return
            request["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def begin(self, who: str, question: Question, also: Sequence[Mapping[str, Any]] = ()) -> Writing | Turn:
        """Store a question and begin its answer.

        :param also: further writes of the same transaction.
        :returns: what writes the answer; or the turn, if this question was asked before with this ID.
        :raises ChatError: if there is no such conversation, or its last answer is not complete.
        :raises CancelledError: if one of the further writes was refused.
        """
        if known := self._known(who, question):
            return known
        new = question.conversation is None
        conversation = question.conversation or new_id()
        held = None if new else self.conversation(who, conversation, question.assistant)
        number = held["turns"] + 1 if held else 1
        if held and (last := self.turn(who, conversation, held["turns"])) and self.running(last):
            raise BUSY()
        writing = Writing(self, who, conversation, number, question)
        first = self._first(who, question, conversation, number, new=new)
        taking = [self._taking(who, each, conversation) for each in question.attachments]
        try:
            self._transact([*first, *taking], also)
        except CancelledError as error:
            if error.index >= 0:
                raise
            # Somebody was faster: the same request, or another question of the same conversation.
            if known := self._known(who, question):
                return known
            raise (USED if error.index >= -len(taking) else BUSY)() from error
        return writing

    def _first(
        self, who: str, question: Question, conversation: str, number: int, *, new: bool
    ) -> list[dict[str, Any]]:
        """The three writes that begin a turn."""
        now, key = int(self._clock()), {"pk": user_key(who)}
        expires = now + self._days * 86_400
        pointer = {"conversation": conversation, "number": number, "digest": question.digest, "expires": expires}
        turn = {
            "id": question.id,
            "state": STREAMING,
            "question": question.text,
            "model": question.model,
            "request_id": question.request_id,
            "events": "[]",
            "created": now,
            "until": question.until,
            "expires": expires,
        }
        once = {"TableName": self._table, "ConditionExpression": "attribute_not_exists(pk)"}
        changes: dict[str, Any] = {"turns": number, "updated": now, "expires": expires}
        if new:
            changes |= {"assistant": question.assistant, "title": _title(question.text), "created": now}
        if question.files:
            changes["files"] = list(question.files)
        names, values, setting = _setting(changes)
        return [
            {"Put": {**once, "Item": written({**key, "sk": answer_key(question.id), **pointer})}},
            {"Put": {**once, "Item": written({**key, "sk": turn_key(conversation, number), **turn})}},
            {
                "Update": {
                    "TableName": self._table,
                    "Key": written({**key, "sk": conversation_key(conversation)}),
                    "UpdateExpression": setting,
                    "ConditionExpression": "attribute_not_exists(pk)" if new else "#0 = :before",
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": {**values, **({} if new else written({":before": number - 1}))},
                }
            },
        ]

    def _taking(self, who: str, file: str, conversation: str) -> dict[str, Any]:
        """The write that makes an attachment one of this conversation, and of no other."""
        now = int(self._clock())
        return {
            "Update": {
                "TableName": self._table,
                "Key": written({"pk": user_key(who), "sk": file_key(file)}),
                "UpdateExpression": "SET #conversation = :conversation, #expires = :expires",
                "ConditionExpression": "#state = :ready AND #expires > :now"
                " AND (attribute_not_exists(#conversation) OR #conversation = :conversation)",
                "ExpressionAttributeNames": {
                    "#conversation": "conversation",
                    "#expires": "expires",
                    "#state": "state",
                },
                "ExpressionAttributeValues": written(
                    {
                        ":conversation": conversation,
                        ":expires": now + self._days * 86_400,
                        ":ready": "ready",
                        ":now": now,
                    }
                ),
            }
        }

    def _transact(self, own: Sequence[Mapping[str, Any]], also: Sequence[Mapping[str, Any]]) -> None:
        """Write all or nothing, and again while others write the same items.

        :raises CancelledError: for the first write that was refused; its index is negative if it is one of ``own``.
        :raises ChatError: if the table cannot be reached.
        """
        for attempt in range(_TRIES):
            try:
                with reaching("TransactionCanceledException"):
                    self._client.transact_write_items(TransactItems=[*own, *also])
            except ClientError as error:
                reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])
                for index, reason in enumerate(reasons):
                    if reason.get("Code") == "ConditionalCheckFailed":
                        raise CancelledError(index - len(own), reason.get("Item") or {}) from error
                if attempt == _TRIES - 1:
                    raise UNAVAILABLE() from error
                time.sleep(_WAIT * 2**attempt * random.random())  # noqa: S311 - spreads the load
            else:
                return

    def _known(self, who: str, question: Question) -> Turn | None:
        """The turn of this question if it was asked before.

        :raises ChatError: if its ID belongs to another one.
        """
        held = self.get(user_key(who), answer_key(question.id))
        if held is None:
            return None
        if held["digest"] != question.digest:
            raise ID_USED()
        return self.turn(who, held["conversation"], held["number"])

    def asked(self, who: str, id: str, digest: str) -> bool:
        """Whether this question was asked before."""
        held = self.get(user_key(who), answer_key(id))
        return held is not None and held["digest"] == digest

    def running(self, turn: Turn) -> bool:
        """Whether an answer is still being written, and its function has not ended without a word."""
        return turn.streaming and turn.until + _LATE > self._clock()

    def conversation(self, who: str, id: str, assistant: str | None = None) -> dict[str, Any]:
        """What is stored of a conversation, apart from its turns.

        :param assistant: the assistant that it must belong to. Default: any.
        :raises ChatError: if the user has no such conversation.
        """
        found = self.get(user_key(who), conversation_key(id))
        if found is None or (assistant and found["assistant"] != assistant):
            raise UNKNOWN()
        return found

    def turn(self, who: str, conversation: str, number: int) -> Turn | None:
        """One turn; None if it was deleted."""
        found = self.get(user_key(who), turn_key(conversation, number))
        return _turn(conversation, found) if found else None

    def turns(self, who: str, conversation: str, last: int | None = None) -> list[Turn]:
        """The turns of a conversation in their order.

        :param last: how many. Default: all.
        """
        more = {"ScanIndexForward": False, **({"Limit": last} if last else {})}
        found = self.query(user_key(who), turns_of(conversation), **more)
        kept = [item for item, _ in zip(found, range(last or 10**9), strict=False)]
        return [_turn(conversation, item) for item in reversed(kept)]

    def answer(self, who: str, id: str) -> Turn:
        """The turn of an answer.

        :raises ChatError: if the user has no such answer.
        """
        held = self.get(user_key(who), answer_key(id))
        found = self.turn(who, held["conversation"], held["number"]) if held else None
        if found is None:
            raise UNKNOWN_ANSWER()
        return found

    def messages(self, who: str, conversation: str, last: int) -> list[dict[str, str]]:
        """The last turns of a conversation as a model is shown them: those that have an answer."""
        found: list[dict[str, str]] = []
        for turn in self.turns(who, conversation, last):
            text = text_of(turn.events)
            if text and turn.state in (DONE, STOPPED, CONFIRM):
                found += [{"role": "user", "text": turn.question}, {"role": "assistant", "text": text}]
        return found

    def stop(self, who: str, id: str) -> None:
        """Ask for the end of an answer. It may have ended already.

        :raises ChatError: if the user has no such answer.
        """
        try:
            self.update(user_key(who), answer_key(id), {"stop": True})
        except GoneError as error:
            raise UNKNOWN_ANSWER() from error

    def stopping(self, who: str, id: str) -> bool:
        """Whether the user asked for the end of an answer, or has deleted it."""
        held = self.get(user_key(who), answer_key(id))
        return held is None or bool(held.get("stop"))

    def put(self, partition: str, sort: str, values: Mapping[str, Any], seconds: int) -> None:
        """Store an item.

        :param seconds: seconds until it expires.
        :raises ChatError: if the table cannot be reached.
        """
        now = int(self._clock())
        item = {"pk": partition, "sk": sort, "created": now, "expires": now + seconds, **values}
        with reaching():
            self._client.put_item(TableName=self._table, Item=written(item))

    def add(self, partition: str, sort: str, most: int, seconds: int) -> bool:
        """Count one more; False if ``most`` were counted before.

        :param seconds: seconds until the counter expires.
        :raises ChatError: if the table cannot be reached.
        """
        try:
            with reaching("ConditionalCheckFailedException"):
                self._client.update_item(
                    TableName=self._table,
                    Key=written({"pk": partition, "sk": sort}),
                    UpdateExpression="ADD #count :one SET #expires = :expires",
                    ConditionExpression="attribute_not_exists(#count) OR #count < :most",
                    ExpressionAttributeNames={"#count": "count", "#expires": "expires"},
                    ExpressionAttributeValues=written(
                        {":one": 1, ":most": most, ":expires": int(self._clock()) + seconds}
                    ),
                )
        except ClientError:
            return False
        return True

    def delete(self, partition: str, sort: str) -> None:
        """Delete an item.

        :raises ChatError: if the table cannot be reached.
        """
        with reaching():
            self._client.delete_item(TableName=self._table, Key=written({"pk": partition, "sk": sort}))

    def update(
        self, partition: str, sort: str, values: Mapping[str, Any], only: Mapping[str, Any] | None = None
    ) -> None:
        """Change attributes of an item.

        :param only: attributes that it must have. Default: none.
        :raises GoneError: if it does not exist, or does not have them.
        :raises ChatError: if the table cannot be reached.
        """
        names, held, setting = _setting(values)
        also = ""
        for index, (name, value) in enumerate((only or {}).items()):
            names[f"#only{index}"] = name
            held |= written({f":only{index}": value})
            also += f" AND #only{index} = :only{index}"
        try:
            with reaching("ConditionalCheckFailedException"):
                self._client.update_item(
                    TableName=self._table,
                    Key=written({"pk": partition, "sk": sort}),
                    UpdateExpression=setting,
                    ConditionExpression=f"attribute_exists(pk){also}",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=held,
                )
        except ClientError as error:
            raise GoneError from error

    def deciding(self, who: str, turn: Turn, digest: str) -> dict[str, Any]:
        """The write that decides on an action which waits for its user, once and only as it was shown."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": written({"pk": user_key(who), "sk": turn_key(turn.conversation, turn.number)}),
                "UpdateExpression": "SET #state = :done REMOVE pending",
                "ConditionExpression": "#state = :confirm AND pending_digest = :digest",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": written({":done": DONE, ":confirm": CONFIRM, ":digest": digest}),
            }
        }


class GoneError(Exception):
    """The item was deleted."""


class Writing:
    """An answer that is being written.

    :param history: the table.
    """

    def __init__(self, history: History, who: str, conversation: str, number: int, question: Question) -> None:
        self._history, self._who = history, who
        self.conversation, self.number, self.id = conversation, number, question.id
        self.record = Record()
        self._looked = self._flushed = time.monotonic()
        self._written = 0

    def look(self) -> bool:
        """Whether the user wants the answer to end. Looks, and writes what there is, about once a second."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        try:
            if self._history.stopping(self._who, self.id):
                return True
            if self.record.size > self._written and now - self._flushed >= self.record.size / _BYTES_PER_SECOND:
                self._update({"events": self.record.stored()})
                self._flushed, self._written = now, self.record.size
        except GoneError:
            return True
        except ChatError as error:
            # The answer goes on without its history; the next look may succeed.
            logger.warning("an answer could not be stored", extra={"cause": cause(error)})
        return False

    def end(self, state: str, pending: Mapping[str, Any] | None = None, digest: str = "") -> None:
        """Write the end of the answer.

        :param pending: an action that waits for the user, and its digest.
        """
        waiting: dict[str, Any] = {}
        # Without it, the action can be asked for again, and not confirmed.
        if pending and len(held := packed(pending)) <= MOST_PENDING:
            waiting = {"pending": held, "pending_digest": digest}
        cut = {"cut": True} if self.record.cut else {}
        try:
            self._update({"state": state, "events": self.record.stored(), **waiting, **cut})
        except GoneError:
            pass  # deleted by its user
        except ChatError as error:
            logger.error("the end of an answer could not be stored", extra={"cause": cause(error)})

    def _update(self, values: Mapping[str, Any]) -> None:
        self._history.update(user_key(self._who), turn_key(self.conversation, self.number), values)


class reaching:  # noqa: N801 - reads as a clause
    """Errors of the table as those of the service; those that are named pass."""

    def __init__(self, *passing: str) -> None:
        self._passing = passing

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in self._passing:
            return
        if isinstance(error, (ClientError, BotoCoreError)):
            raise UNAVAILABLE() from error


def _turn(conversation: str, item: Mapping[str, Any]) -> Turn:
    return Turn(
        conversation=conversation,
        number=int(item["sk"].rpartition("#")[2]),
        id=item["id"],
        state=item["state"],
        question=item["question"],
        events=[(name, data) for name, data in json.loads(item["events"])],
        created=item["created"],
        until=item["until"],
        details=item,
    )


def _setting(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any], str]:
    """Names, values and the expression that set attributes. Many of their names are reserved words.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
    """
    names = {f"#{index}": name for index, name in enumerate(values)}
    held = written({f":{index}": value for index, value in enumerate(values.values())})
    return names, held, "SET " + ", ".join(f"#{index} = :{index}" for index in range(len(values)))


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…"
