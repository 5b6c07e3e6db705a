"""The ZIP archive of an Office document: its parts, with size limits, and the text that no page or sheet shows.

https://ecma-international.org/publications-and-standards/standards/ecma-376/
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from .colours import Colour, of_hex
from .pieces import Collector, UnreadableError

#: Maximum decompressed size in bytes, of one part and of all parts.
_PART, _WHOLE = 48 * 1024 * 1024, 160 * 1024 * 1024
_MOST_PARTS = 20_000
_MOST_ELEMENTS = 1_500_000
_DEEPEST = 250
#: Minimum number of words of an instruction; shorter values are names and settings.
_SENTENCE = re.compile(r"\S+(?:\s+\S+){2,}|[^\x00-\x7f]{6,}|[A-Za-z0-9+/=_-]{40,}")
#: Values that Office writes and that look like words.
_OFFICE_S_OWN = re.compile(r"^(http://|https://schemas|urn:|[0-9A-F ]+$|[\d\s.,;:%#-]+$)", re.IGNORECASE)


class Archive:
    """The parts of one document.

    :raises UnreadableError: if it is damaged, encrypted, or decompresses to more than the maximum size.
    """

    def __init__(self, content: bytes, found: Collector) -> None:
        if content.startswith(b"\xd0\xcf\x11\xe0"):
            raise UnreadableError("it is encrypted: save it without a password")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise UnreadableError("it is damaged: no part of it can be opened") from error
        self._found, self._read = found, 0
        entries = self._zip.infolist()
        if len(entries) > _MOST_PARTS:
            raise UnreadableError(f"it has {len(entries):,} parts; the maximum is {_MOST_PARTS:,}")
        self.names = [each.filename for each in entries]
        if len(set(self.names)) != len(self.names):
            raise UnreadableError("it is damaged: two of its parts have the same name")
        self.left = dict.fromkeys(self.names)

    def bytes(self, name: str) -> bytes:
        """Returns the decompressed content of a part.

        :raises UnreadableError: if it is damaged or too large.
        """
        self._found.check()
        self.left.pop(name, None)
        try:
            with self._zip.open(name) as part:
                content = part.read(_PART + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise UnreadableError(f"it is damaged or encrypted: {name} cannot be decompressed") from error
        self._read += len(content)
        if len(content) > _PART or self._read > _WHOLE:
            raise UnreadableError("it decompresses to much more than its size")
        return content

    def xml(self, name: str) -> Element | None:
        """Returns the root element of an XML part; None if there is no such part.

        :raises UnreadableError: if it is damaged, declares entities, or is nested too deeply.
        """
        if name not in self.names:
            return None
        content, depth, count, root = self.bytes(name), 0, 0, None
        try:
            for event, element in iterparse(io.BytesIO(content), ("start", "end"), forbid_dtd=True):
                if event == "end":
                    depth -= 1
                    continue
                root = element if root is None else root
                depth, count = depth + 1, count + 1
                if depth > _DEEPEST or count > _MOST_ELEMENTS:
                    raise UnreadableError(f"it is nested too deeply or has too many elements: {name}")
                if not count % 10_000:
                    self._found.check()
        except UnreadableError:
            raise
        except DefusedXmlException as error:
            raise UnreadableError(f"it declares XML entities, which Office documents do not use: {name}") from error
        except (ParseError, ValueError, LookupError) as error:
            raise UnreadableError(f"it is damaged: {name} is not XML") from error
        return root

    def matching(self, pattern: str) -> list[str]:
        """Returns the names of matching parts, in numeric order."""
        found = [name for name in self.names if re.fullmatch(pattern, name, re.IGNORECASE)]
        return sorted(found, key=lambda name: [int(each) for each in re.findall(r"\d+", name)] + [0])

    @cached_property
    def theme(self) -> dict[str, Colour]:
        """Returns the colors of the theme by name."""
        found: dict[str, Colour] = {}
        for name in self.matching(r".*theme/theme\d*\.xml")[:1]:
            for element in self._elements(name, "clrScheme"):
                for each in element:
                    value = next((e.get("lastClr") or e.get("val") or "" for e in each), "")
                    if colour := of_hex(value):
                        found[local(each.tag)] = colour
        return found

    def _elements(self, name: str, wanted: str) -> Iterator[Element]:
        root = self.xml(name)
        if root is not None:
            yield from (each for each in root.iter() if local(each.tag) == wanted)

    def rest(self) -> None:
        """Adds the text of all other parts: properties, custom XML, comments, embedded files, and sentences."""
        from .reading import nested

        for name in self.matching(r".*comments?(/[^/]*|[^/]*)\.xml|.*/threadedComments/.*\.xml"):
            if name in self.left:
                self._texts(name, "comment")
        for name in self.matching(r"docProps/.*\.xml"):
            self._texts(name, "document properties", short=True)
        for name in self.matching(r"customXml/[^/]*\.xml"):
            self._texts(name, "custom XML")
        for name in list(self.left):
            if re.search(r"\.(docx|xlsx|pdf|html?|txt|md|csv)$", name, re.IGNORECASE):
                inner = re.sub(r"\.htm$", ".html", name, flags=re.IGNORECASE)
                nested(inner, self.bytes(name), self._found, f"embedded {name.rpartition('/')[2]}")
            elif name.lower().endswith((".xml", ".rels", ".vml")):
                self._texts(name, name, sentences=True)

    def _texts(self, name: str, where: str, *, short: bool = False, sentences: bool = False) -> None:
        """Adds text and attributes of a part that is not visible."""
        try:
            root = self.xml(name)
        except UnreadableError:
            if not sentences:
                raise
            return
        if root is None:
            return
        said: list[str] = []
        for element in root.iter():
            if local(element.tag) in ("p", "author", "comment", "text") and said and said[-1] != "\n":
                said.append("\n")
            values = [element.text or "", element.tail or "", *element.attrib.values()]
            if not (short or sentences):
                said += [each for each in values[:2] if each.strip()]
                values = values[2:]
            said += [f"\n{each}\n" for each in values if _worth(each, short)]
        self._found.add("".join(said), where, hidden=True)


def _worth(value: str, short: bool) -> bool:
    value = value.strip()
    return bool(value) and (short or bool(_SENTENCE.search(value))) and not _OFFICE_S_OWN.match(value)


def local(tag: object) -> str:
    """Returns a name without its namespace, which differs between strict and transitional documents."""
    return str(tag).rpartition("}")[2]


def attribute(element: Element | None, name: str, default: str = "") -> str:
    """Returns an attribute by its name without a namespace."""
    if element is None:
        return default
    return next((value for key, value in element.attrib.items() if local(key) == name), default)


def child(element: Element | None, *names: str) -> Element | None:
    """Returns the first child with a name, of that the first child with the next name, and so on."""
    for name in names:
        if element is None:
            return None
        element = next((each for each in element if local(each.tag) == name), None)
    return element
