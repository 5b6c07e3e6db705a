"""What users do with their conversations: plain functions without AWS Lambda in them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..chat.errors import Failure, malformed
from ..history.files import UPLOADS, File
from ..history.items import answer_key, conversation_key, file_key, turn_key, turns_of, user_key, written
from ..history.table import UNKNOWN, UNKNOWN_ANSWER, GoneError, History, Turn, reaching
from ..untrusted.text import neutral
from .uploads import Uploads

#: Conversations of one page, and turns.
_CONVERSATIONS, _TURNS = 50, 20
#: Items that one request deletes at most: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
_BATCH = 25
_PREFIXES = ("CONV#", "TURN#", "ANSWER#")
UNKNOWN_LINK = Failure(404, "unknown_link", "This link does not exist, or was revoked.")


class Conversations:
    """The conversations of one user.

    :param client: a ``dynamodb`` client of boto3.
    :param who: the claim ``sub`` of the user.
    :param left: seconds that are left for the request.
    :param uploads: the attachments of the user. Default: files cannot be attached.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3 has no types
        table: str,
        history: History,
        who: str,
        left: Callable[[], float],
        uploads: Uploads | None = None,
    ) -> None:
        self._client, self._table, self._history, self._who, self._left = client, table, history, who, left
        self._uploads = uploads

    def listed(self, after: str | None) -> dict[str, Any]:
        """A page of conversations, the newest first.

        :param after: where the page begins. Default: at the first conversation.
        """
        shown, more = self._page("CONV#", after, _CONVERSATIONS, newest_first=True)
        return {"conversations": [_conversation(item) for item in shown], **more}

    def shown(self, id: str, before: int | None = None) -> dict[str, Any]:
        """A conversation with its last turns.

        :param before: number of the turn before which they end. Default: with the last one.
        """
        held = self._history.conversation(self._who, id)
        return {**_conversation(held), **self._turns(self._who, id, before or held["turns"] + 1)}

    def _turns(self, who: str, id: str, before: int) -> dict[str, Any]:
        first = max(1, before - _TURNS)
        found = [self._history.turn(who, id, number) for number in range(first, before)]
        turns = [self._as_shown(turn) for turn in found if turn]
        return {"items": turns, **({"before": first} if first > 1 and turns else {})}

    def _as_shown(self, turn: Turn) -> dict[str, Any]:
        shown = turn.as_dict()
        if turn.streaming and not self._history.running(turn):
            shown["state"] = "failed"
        return shown

    def rename(self, id: str, title: str) -> dict[str, Any]:
        """Give a conversation another title."""
        self._history.conversation(self._who, id)
        name = " ".join(neutral(title).split())
        if not name:
            raise malformed("A title has at least one character that is seen.")
        self._update(conversation_key(id), {"title": name})
        return _conversation(self._history.conversation(self._who, id))

    def delete(self, id: str) -> dict[str, Any]:
        """Delete a conversation with its turns, its link and its attachments. An answer that is being written ends."""
        held = self._history.conversation(self._who, id)
        if self._uploads:
            # Before their items, which say that there are any.
            self._uploads.erase(held.get("files", ()))
        self._delete(self._of_conversation(held))
        return {"deleted": True}

    def _of_conversation(self, held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The keys of everything that belongs to a conversation."""
        id, user = held["sk"].removeprefix("CONV#"), user_key(self._who)
        if link := held.get("link"):
            yield f"LINK#{link}", "LINK"
        for turn in self._history.query(user, turns_of(id)):
            yield user, answer_key(turn["id"])
            yield user, turn["sk"]
        for file in held.get("files", ()):
            yield user, file_key(file)
        yield user, held["sk"]

    def erase(self) -> dict[str, Any]:
        """Delete everything of the user, as much as there is time for.

        :returns: whether something is left, so that the request is to be sent again.
        """
        user = user_key(self._who)
        if self._uploads:
            self._uploads.erase_all()

        def keys() -> Iterator[tuple[str, str]]:
            for item in self._everything():
                if item["sk"].startswith(UPLOADS):
                    continue  # limits what can be uploaded today; it names nothing, and expires
                if link := item.get("link"):
                    yield f"LINK#{link}", "LINK"
                yield user, item["sk"]

        return {"deleted": True, "left": not self._delete(keys())}

    def _everything(self) -> Iterator[dict[str, Any]]:
        """Every item of the user, expired ones too, with the keys and the link."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": written({":pk": user_key(self._who)}),
            "ExpressionAttributeNames": {"#link": "link"},
            "ProjectionExpression": "sk, #link",
            "ConsistentRead": True,
        }
        while True:
            with reaching():
                found = self._client.query(**request)
            for item in found["Items"]:
                yield {name: value["S"] for name, value in item.items()}
            if "LastEvaluatedKey" not in found:
                return
            request["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def _delete(self, keys: Iterator[tuple[str, str]]) -> bool:
        """Delete items; False if there was no time for all of them."""
        batch: list[tuple[str, str]] = []
        for key in keys:
            batch.append(key)
            if len(batch) == _BATCH:
                self._delete_batch(batch)
                batch = []
                if self._left() < 5:
                    return False
        self._delete_batch(batch)
        return True

    def _delete_batch(self, keys: Sequence[tuple[str, str]]) -> None:
        waiting = [{"DeleteRequest": {"Key": written({"pk": pk, "sk": sk})}} for pk, sk in dict.fromkeys(keys)]
        while waiting:
            with reaching():
                found = self._client.batch_write_item(RequestItems={self._table: waiting})
            waiting = found.get("UnprocessedItems", {}).get(self._table, [])

    def export(self, after: str | None) -> dict[str, Any]:
        """A page of everything that is stored of the user."""
        items, more = self._page("TURN#", after, _TURNS, newest_first=False)
        if after is None:
            conversations = self._history.query(user_key(self._who), "CONV#")
            more["conversations"] = [_conversation(each) for each in conversations]
            more["attachments"] = [
                File(each).as_dict() for each in self._history.query(user_key(self._who), file_key(""))
            ]
        turns = [self._history.turn(self._who, *_place(item["sk"])) for item in items]
        return {"turns": [turn.as_dict() for turn in turns if turn], **more}

    def share(self, id: str) -> dict[str, Any]:
        """Make a link that shows a conversation to everybody who can sign in. An earlier link ends.

        :returns: the link, which is shown once: only its digest is stored.
        """
        held = self._history.conversation(self._who, id)
        link = secrets.token_urlsafe(32)
        item = {"owner": self._who, "conversation": id, "expires": held["expires"]}
        with reaching():
            self._client.put_item(
                TableName=self._table, Item=written({"pk": f"LINK#{_digest(link)}", "sk": "LINK", **item})
            )
        self._update(conversation_key(id), {"link": _digest(link)})
        if before := held.get("link"):
            self._delete_batch([(f"LINK#{before}", "LINK")])
        return {"link": link}

    def revoke(self, id: str) -> dict[str, Any]:
        """End the link of a conversation."""
        held = self._history.conversation(self._who, id)
        if link := held.get("link"):
            self._delete_batch([(f"LINK#{link}", "LINK")])
            self._update(conversation_key(id), {"link": ""})
        return {"revoked": True}

    def shared(self, link: str, before: int | None = None) -> dict[str, Any]:
        """The conversation that a link shows: questions and answers, and nothing that its owner alone may do."""
        held = self._history.get(f"LINK#{_digest(link)}", "LINK")
        if held is None:
            raise UNKNOWN_LINK()
        owner, id = held["owner"], held["conversation"]
        found = self._history.get(user_key(owner), conversation_key(id))
        if found is None or found.get("link") != _digest(link):
            raise UNKNOWN_LINK()
        turns = self._turns(owner, id, before or found["turns"] + 1)
        kept = ("number", "state", "created", "question", "events", "model")
        turns["items"] = [{name: each[name] for name in kept if name in each} for each in turns["items"]]
        for each in turns["items"]:
            each["events"] = [event for event in each["events"] if event["event"] not in ("confirm", "usage", "error")]
        return {"title": found["title"], "assistant": found["assistant"], **turns}

    def answer(self, id: str) -> dict[str, Any]:
        """One answer, also while it is being written."""
        return self._as_shown(self._history.answer(self._who, id))

    def stop(self, id: str) -> dict[str, Any]:
        """End an answer at its next look, within about a second."""
        self._history.stop(self._who, id)
        return {"stopping": True}

    def rate(self, id: str, rating: str, words: str | None) -> dict[str, Any]:
        """Keep what the user says of an answer, beside the ID of its request in the logs and traces."""
        turn = self._history.answer(self._who, id)
        feedback = {"rating": rating, **({"words": neutral(words)} if words else {})}
        try:
            self._history.update(user_key(self._who), turn_key(turn.conversation, turn.number), {"feedback": feedback})
        except GoneError as error:
            raise UNKNOWN_ANSWER() from error
        return {"feedback": feedback}

    def _update(self, sort: str, values: Mapping[str, Any]) -> None:
        try:
            self._history.update(user_key(self._who), sort, values)
        except GoneError as error:
            raise UNKNOWN() from error

    def _page(
        self, prefix: str, after: str | None, size: int, *, newest_first: bool
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Items of a page, and where the next one begins."""
        more: dict[str, Any] = {"ScanIndexForward": not newest_first, "Limit": size}
        if after is not None:
            more["ExclusiveStartKey"] = written({"pk": user_key(self._who), "sk": _sort_key(after, prefix)})
        found: list[dict[str, Any]] = []
        for item in self._history.query(user_key(self._who), prefix, **more):
            if len(found) == size:
                return found, {"next": base64.urlsafe_b64encode(found[-1]["sk"].encode()).decode()}
            found.append(item)
        return found, {}


def _sort_key(after: str, prefix: str) -> str:
    """The sort key in a place of a page. It is always looked up among the items of the user who asks."""
    try:
        found = base64.urlsafe_b64decode(after.encode()).decode()
    except (ValueError, binascii.Error) as error:
        raise malformed("next is what a page said of the next one.") from error
    if not found.startswith(prefix) or len(found) > 200:
        raise malformed("next is what a page said of the next one.")
    return found


def _place(sort: str) -> tuple[str, int]:
    """The conversation and the number of a turn."""
    _, conversation, number = sort.split("#")
    return conversation, int(number)


def _digest(link: str) -> str:
    return hashlib.sha256(link.encode()).hexdigest()


def _conversation(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("title", "assistant", "turns", "created", "updated", "expires")
    shown = {name: item[name] for name in kept}
    return {"id": item["sk"].removeprefix("CONV#"), **shown, "shared": bool(item.get("link"))}
