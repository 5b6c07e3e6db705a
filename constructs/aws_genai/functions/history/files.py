"""Attachments: files that a user uploads, and asks about in one conversation.

A model is never shown a file, only the text that was extracted from it, scanned, and stored in its item.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from ..chat.errors import Failure
from ..chat.knowledge import Passage
from .items import file_key, user_key
from .names import INCOMING
from .table import USED, History

#: What the sort keys of counters of uploads begin with.
UPLOADS = "UPLOADS#"
#: Types of files whose text can be extracted, by extension.
TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: Seconds until a file that no question names expires.
UNUSED_SECONDS = 86_400

WAITING, READY, REFUSED = "waiting", "ready", "refused"

UNKNOWN = Failure(404, "unknown_attachment", "You have no such attachment.")
NOT_READY = Failure(
    409, "attachment_not_ready", "This attachment has not been scanned yet; try again in a moment.", 0, 2
)
NOT_ACCEPTED = Failure(409, "attachment_refused", "This attachment was refused; its state says why.")
TOO_MANY = Failure(409, "too_many_attachments", "This conversation has as many attachments as it may have.")
SPENT = Failure(429, "uploads_spent", "You have uploaded as many files today as you may; try again after midnight UTC.")


@dataclass(frozen=True)
class File:
    """An attachment."""

    item: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.item["sk"]).removeprefix(file_key(""))

    @property
    def state(self) -> str:
        return str(self.item["state"])

    @property
    def conversation(self) -> str | None:
        return self.item.get("conversation")

    def as_dict(self) -> dict[str, Any]:
        """The attachment as it is shown to its user."""
        kept = ("name", "size", "state", "reason", "cut", "conversation", "created", "expires")
        shown = {name: self.item[name] for name in kept if name in self.item}
        return {"id": self.id, "type": TYPES[self.item["kind"]], **shown}

    def as_passage(self) -> Passage:
        """What a model is shown of it, which is never more than what was scanned."""
        text = zlib.decompress(self.item["text"]).decode()
        return Passage(text, str(self.item["name"]), f"/v1/attachments/{self.id}")


def stored(text: str) -> bytes:
    """The text of a file as it is stored. 100,000 characters have at most 300 KB of an item's 400 KB."""
    return zlib.compress(text.encode())


def file(history: History, who: str, id: str) -> File:
    """An attachment of the user.

    :raises ChatError: if the user has no such attachment.
    """
    found = history.get(user_key(who), file_key(id))
    if found is None:
        raise UNKNOWN()
    return File(found)


def uploading(history: History, who: str, most: int) -> None:
    """Count one more upload of a user's day.

    :raises ChatError: if it was the last one before.
    """
    today = time.strftime("%Y-%m-%d", time.gmtime(history.now))
    if not history.add(user_key(who), f"{UPLOADS}{today}", most, 2 * 86_400):
        raise SPENT()


def prefix_of(who: str, id: str = "") -> str:
    """What the key of an object begins with: that of one file, or of everything that a user has uploaded."""
    return f"{INCOMING}{quote(who, safe='')}/{id}"


def owner_of(key: str) -> tuple[str, str] | None:
    """The user and the ID of the file in a key. None if it is the key of something else."""
    who, slash, id = key.removeprefix(INCOMING).partition("/")
    return (unquote(who), id) if slash and who and id and key.startswith(INCOMING) else None


@dataclass(frozen=True)
class Attached:
    """The attachments of a conversation with its next question."""

    #: IDs of those that the question names, and of all of them.
    named: Sequence[str] = ()
    ids: Sequence[str] = ()
    passages: Sequence[Passage] = ()


def attached(history: History, who: str, conversation: str | None, named: Sequence[str], most: int) -> Attached:
    """The attachments that a model is shown with a question. They become those of the conversation when it begins.

    :param conversation: ID of the conversation. None for a new one.
    :param named: IDs of the attachments that the question names.
    :param most: attachments that a conversation has at most.
    :raises ChatError: if one that is named is not the user's, not ready, or one of another conversation.
    """
    held = history.conversation(who, conversation) if conversation else {}
    found: list[File] = []
    for id in dict.fromkeys([*held.get("files", ()), *named]):
        item = history.get(user_key(who), file_key(id))
        if item is None and id not in named:
            continue  # deleted by its user, or expired
        each = File(item) if item else None
        if each is None:
            raise UNKNOWN()
        if each.conversation not in (None, conversation):
            raise USED()
        if each.state != READY:
            raise (NOT_READY if each.state == WAITING else NOT_ACCEPTED)()
        found.append(each)
    if len(found) > most:
        raise TOO_MANY()
    return Attached(tuple(dict.fromkeys(named)), [each.id for each in found], [each.as_passage() for each in found])
