"""Text as it is, and tables as text."""

from __future__ import annotations

from .pieces import Collector, UnreadableError


def read(kind: str, content: bytes, found: Collector) -> None:
    """Add the text.

    :raises UnreadableError: if it is no text in UTF-8.
    """
    found.add(decoded(content), "table" if kind == "csv" else "text")


def decoded(content: bytes) -> str:
    """The text of bytes in UTF-8, which is what Amazon Bedrock reads.

    :raises UnreadableError: if they are none.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is no text in UTF-8") from error
