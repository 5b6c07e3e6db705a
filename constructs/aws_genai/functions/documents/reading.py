"""Extracts the text of a document, depending on its format."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from urllib.parse import unquote

from .pieces import Collector, Extracted, UnreadableError

#: The module for each format; it is loaded for the first document of that format.
_MODULES = {
    "txt": "plain",
    "csv": "plain",
    "md": "markdown",
    "html": "web",
    "pdf": "portable",
    "docx": "word",
    "xlsx": "sheets",
}
#: Formats whose text can be extracted.
READ = frozenset(_MODULES)
#: Alternatives to formats that Amazon Bedrock reads but no maintained Python library does.
_INSTEAD = {"doc": "docx", "xls": "xlsx"}
#: Maximum nesting depth of documents in documents.
_DEEPEST = 2


def extract(key: str, content: bytes, *, seconds: float = 60) -> Extracted:
    """Returns the text of a document.

    :param key: name of the document. Its extension determines the format; its words are added as hidden text.
    :param seconds: maximum number of seconds. :mod:`.apart` also stops libraries that do not return.
    :raises UnreadableError: if it is damaged, encrypted, too large, too slow, or of another format.
    """
    found = Collector(time.monotonic() + seconds)
    found.add(words_of(key), "file name", hidden=True)
    read(key, content, found)
    return Extracted(tuple(found.pieces))


def words_of(key: str) -> str:
    """Returns the words of a file name, without its extension."""
    name = unquote(key).rpartition("/")[2].rpartition(".")[0] or unquote(key).rpartition("/")[2]
    return re.sub(r"[\s_+.]+|(?<=\w)-(?=\w)", " ", name)


def read(key: str, content: bytes, found: Collector) -> None:
    """Adds the text of a document to ``found``.

    :raises UnreadableError: as :func:`extract` does.
    """
    kind = key.rpartition(".")[2].lower()
    if kind in _INSTEAD:
        raise UnreadableError(
            f"text cannot be extracted from {kind} files, so they cannot be screened: save it as {_INSTEAD[kind]}"
        )
    if kind not in _MODULES:
        raise UnreadableError(f"{kind or 'a file without an extension'} is not a supported document format")
    readers: Mapping[str, Callable[[str, bytes, Collector], None]] = vars(
        import_module(f".{_MODULES[kind]}", __package__)
    )
    try:
        readers["read"](kind, content, found)
    except RecursionError as error:
        raise UnreadableError("it is nested too deeply") from error
    except MemoryError as error:
        raise UnreadableError("it takes too much memory to read") from error


def nested(name: str, content: bytes, found: Collector, where: str) -> None:
    """Adds the text of an embedded document. One that cannot be read is omitted, since Bedrock omits it too.

    :param where: description of the embedded document, such as ``attachment``.
    """
    if found.depth >= _DEEPEST or name.rpartition(".")[2].lower() not in READ:
        return
    inner = Collector(found.until, found.depth + 1)
    try:
        read(name, content, inner)
    except UnreadableError:
        found.check()
    for each in inner.pieces:
        found.add(each.text, f"{where}, {each.where}", hidden=True)
