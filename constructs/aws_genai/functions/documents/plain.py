"""Plain text, and CSV files as text."""

from __future__ import annotations

from .pieces import Collector, UnreadableError


def read(kind: str, content: bytes, found: Collector) -> None:
    """Adds the text.

    :raises UnreadableError: if it is not UTF-8 text.
    """
    found.add(decoded(content), "table" if kind == "csv" else "text")


def decoded(content: bytes) -> str:
    """Decodes UTF-8, the encoding that Amazon Bedrock reads.

    :raises UnreadableError: if it is not UTF-8 text.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError("it is not UTF-8 text") from error
