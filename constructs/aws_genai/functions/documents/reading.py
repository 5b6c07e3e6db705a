"""Takes the text out of a document by its kind."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from urllib.parse import unquote

from .pieces import Collector, Extracted, UnreadableError

#: Which module reads a kind; it is loaded when the first document of the kind comes.
_MODULES = {
    "txt": "plain",
    "csv": "plain",
    "md": "markdown",
    "html": "web",
    "pdf": "portable",
    "docx": "word",
    "xlsx": "sheets",
}
#: Kinds that text is taken out of.
READ = frozenset(_MODULES)
#: What to do with a kind that Amazon Bedrock reads and this does not: no well-kept library in Python reads it.
_INSTEAD = {"doc": "docx", "xls": "xlsx"}
#: Documents in documents in documents are read this deep.
_DEEPEST = 2


def extract(key: str, content: bytes, *, seconds: float = 60) -> Extracted:
    """The text of a document.

    :param key: its name, whose ending tells its kind and whose words count as hidden text.
    :param seconds: how long it may take. What cannot be stopped from within is bounded by :mod:`.apart`.
    :raises UnreadableError: if it is damaged, encrypted, of another kind, too large or too slow.
    """
    found = Collector(time.monotonic() + seconds)
    found.add(words_of(key), "file name", hidden=True)
    read(key, content, found)
    return Extracted(tuple(found.pieces))


def words_of(key: str) -> str:
    """The words of a file's name, without its ending."""
    name = unquote(key).rpartition("/")[2].rpartition(".")[0] or unquote(key).rpartition("/")[2]
    return re.sub(r"[\s_+.]+|(?<=\w)-(?=\w)", " ", name)


def read(key: str, content: bytes, found: Collector) -> None:
    """Add what a document says to ``found``.

    :raises UnreadableError: as :func:`extract` does.
    """
    kind = key.rpartition(".")[2].lower()
    if kind in _INSTEAD:
        raise UnreadableError(
            f"the text of a {kind} cannot be taken out, so nobody can say what it tells a model: "
            f"save it as {_INSTEAD[kind]}"
        )
    if kind not in _MODULES:
        raise UnreadableError(f"{kind or 'no ending'} is not a kind of document that is read")
    readers: Mapping[str, Callable[[str, bytes, Collector], None]] = vars(
        import_module(f".{_MODULES[kind]}", __package__)
    )
    try:
        readers["read"](kind, content, found)
    except RecursionError as error:
        raise UnreadableError("it is nested too deeply to be read") from error
    except MemoryError as error:
        raise UnreadableError("it takes too much memory to read") from error


def nested(name: str, content: bytes, found: Collector, where: str) -> None:
    """Add what a document inside of another says; what cannot be read there is left out, for Bedrock leaves it out too.

    :param where: what the inner document is to the outer.
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
