"""How conversations are stored in one DynamoDB table.

| partition key | sort key | item |
| --- | --- | --- |
| ``USER#<sub>`` | ``CONV#<conversation>`` | title, assistant, number of turns |
| ``USER#<sub>`` | ``TURN#<conversation>#<number>`` | a question and the events of its answer |
| ``USER#<sub>`` | ``ANSWER#<id>`` | where an answer is stored, and whether it is to stop |
| ``USER#<sub>`` | ``FILE#<id>`` | an attachment: what became of it, its text, the conversation that it belongs to |
| ``USER#<sub>`` | ``UPLOADS#<date>`` | how many attachments the user has announced on a day |
| ``LINK#<digest>`` | ``LINK`` | whose conversation a link shows |

The partition key of a user's items comes from the claims of their token, and from nothing else.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

_TO, _FROM = TypeSerializer(), TypeDeserializer()
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Digits of the number of a turn: strings are ordered by their characters.
_DIGITS = 6
#: Bytes of the events of one answer that are stored. An item has at most 400 KB:
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MOST_BYTES = 250_000
#: Bytes of an action that waits for its user, compressed.
MOST_PENDING = 120_000


def new_id() -> str:
    """A new ID that sorts by its time: https://github.com/ulid/spec"""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))


def user_key(who: str) -> str:
    """The partition key of everything that a user has.

    :param who: the claim ``sub``.
    """
    return f"USER#{who}"


def conversation_key(id: str) -> str:
    return f"CONV#{id}"


def turn_key(conversation: str, number: int) -> str:
    return f"TURN#{conversation}#{number:0{_DIGITS}d}"


def turns_of(conversation: str) -> str:
    """What the sort keys of all turns of a conversation begin with."""
    return f"TURN#{conversation}#"


def answer_key(id: str) -> str:
    return f"ANSWER#{id}"


def file_key(id: str) -> str:
    return f"FILE#{id}"


def written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as DynamoDB takes them; None is left out."""
    return {name: _TO.serialize(value) for name, value in values.items() if value is not None}


def read(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of DynamoDB as values; numbers are whole."""
    return {name: _whole(_FROM.deserialize(value)) for name, value in item.items()}


def _whole(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, Binary):
        return bytes(value)
    return value if isinstance(value, (str, bool, type(None))) else int(value)


def packed(content: Mapping[str, Any]) -> bytes:
    """JSON, compressed; bytes in it are those of a model's own."""
    text = json.dumps(content, default=lambda value: {"$bytes": base64.b64encode(value).decode()})
    return zlib.compress(text.encode())


def unpacked(content: bytes) -> dict[str, Any]:
    """What :func:`packed` made it of."""
    found: dict[str, Any] = json.loads(
        zlib.decompress(content),
        object_hook=lambda value: base64.b64decode(value["$bytes"]) if set(value) == {"$bytes"} else value,
    )
    return found


@dataclass
class Record:
    """The events of an answer; parts of text that follow one another are one event."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    #: Whether events were left out because an item has a maximum size.
    cut: bool = False
    _bytes: int = 0

    def add(self, event: str, data: Mapping[str, Any]) -> None:
        size = len(json.dumps(data, ensure_ascii=False).encode())
        if self._bytes + size > MOST_BYTES and event not in ("usage", "done", "error", "guardrail", "confirm"):
            self.cut = True
            return
        self._bytes += size
        if event == "delta" and self.events and self.events[-1][0] == "delta":
            self.events[-1] = ("delta", {"text": self.events[-1][1]["text"] + data["text"]})
        else:
            self.events.append((event, dict(data)))

    @property
    def size(self) -> int:
        """Bytes of all events."""
        return self._bytes

    @property
    def text(self) -> str:
        return text_of(self.events)

    def stored(self) -> str:
        return json.dumps(self.events, ensure_ascii=False)


def text_of(events: Sequence[Sequence[Any]]) -> str:
    """The text of an answer."""
    return "".join(data["text"] for name, data in events if name == "delta")
