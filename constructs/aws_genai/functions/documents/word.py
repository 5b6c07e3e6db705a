"""Word documents: text in reading order with tables, notes and text boxes, and the hidden text in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from .colours import BLACK, WHITE, Colour, alike, of_css, of_hex
from .office import Archive, attribute, child, local
from .pieces import Collector, UnreadableError

#: Font size in half-points below which text is not legible.
_SMALLEST = 4
_OFF = ("0", "false", "off", "none")
_DELETED, _COMMENT, _ALTERNATIVE, _FIELD = "deleted text", "comment", "alternative text", "field code"
_MAIN = r"word/document\d*\.xml"
#: Names of theme colors in a document, and in the theme itself.
_THEME = {"background1": "lt1", "light1": "lt1", "text1": "dk1", "dark1": "dk1", "background2": "lt2", "light2": "lt2"}
_THEME |= {"text2": "dk2", "dark2": "dk2"}


@dataclass(frozen=True)
class _Look:
    """The formatting of text. On an unknown background, all text is considered visible."""

    vanish: bool = False
    colour: Colour | None = None
    size: float = 20
    scale: float = 100
    behind: Colour | None = WHITE
    marked: bool = False
    why: str = ""

    @property
    def hidden(self) -> str:
        if self.why:
            return self.why
        if self.vanish:
            return "hidden text"
        if self.size < _SMALLEST or self.scale < 10:
            return "tiny text"
        return "text in the color of its background" if alike(self.colour, self.behind) else ""


@dataclass
class _Style:
    based_on: str
    properties: list[Element] = field(default_factory=list)
    shaded: bool = False


def read(_kind: str, content: bytes, found: Collector) -> None:
    """Adds the text of a document."""
    archive = Archive(content, found)
    mains = archive.matching(_MAIN)
    if not mains:
        raise UnreadableError("it is damaged: it contains no document")
    _Document(archive, found).read(mains)
    archive.rest()


_Handler = Callable[["_Document", Element, _Look], None]


class _Document:
    def __init__(self, archive: Archive, found: Collector) -> None:
        self._archive, self._found = archive, found
        self._styles: dict[str, _Style] = {}
        self._defaults = _Look()
        self._default_paragraph = ""
        self._line: list[tuple[str, str]] = []
        self._where = "text"
        self._learn(archive.xml("word/styles.xml"))

    def read(self, mains: list[str]) -> None:
        """Reads all parts that pages show, and comments."""
        for name in self._parts("header"):
            self._part(name, "header")
        for name in mains:
            self._part(name, "text")
        for kind in ("footnotes", "endnotes"):
            for name in self._parts(kind):
                self._part(name, kind[:-1])
        for name in self._parts("footer"):
            self._part(name, "footer")
        for name in self._parts("comments"):
            self._part(name, _COMMENT, replace(self._defaults, why=_COMMENT))
        for name in self._archive.matching(r"word/glossary/document\d*\.xml"):
            self._part(name, "building block", replace(self._defaults, why="building block"))
        for name in self._archive.matching(r"word/(charts|diagrams)/(chart|data)\d*\.xml"):
            self._part(name, "chart")

    def _parts(self, kind: str) -> list[str]:
        return self._archive.matching(rf"word/{kind}\d*\.xml")

    def _part(self, name: str, where: str, look: _Look | None = None) -> None:
        root = self._archive.xml(name)
        if root is None:
            return
        look = look or self._defaults
        if (painted := child(root, "background")) is not None:
            look = replace(look, behind=self._colour(painted, "color"))
        self._where = where
        self._walk(root, look)
        self._end()

    def _walk(self, element: Element, look: _Look) -> None:
        handle = _HANDLERS.get(local(element.tag))
        if handle:
            handle(self, element, look)
            return
        for each in element:
            self._walk(each, look)

    def _children(self, element: Element, look: _Look, *but: str) -> None:
        for each in element:
            if local(each.tag) not in but:
                self._walk(each, look)

    # Text.

    def _say(self, text: str, why: str) -> None:
        if text:
            self._line.append((text, why))

    def _end(self) -> None:
        """Ends a paragraph: adds its visible text as one piece, and each run of hidden text as one."""
        line, self._line = self._line, []
        runs: list[tuple[str, str]] = []
        for text, why in line:
            if runs and runs[-1][1] == why:
                runs[-1] = (runs[-1][0] + text, why)
            else:
                runs.append((text, why))
        seen = "".join(text for text, why in runs if not why)
        self._found.add(seen, self._where)
        for text, why in runs:
            if why:
                self._found.add(text, why, hidden=True)

    def _aside(self, text: str, why: str) -> None:
        if text.strip():
            self._line.append((text, why))
            self._line.append(("", ""))

    # Elements.

    def _paragraph(self, element: Element, look: _Look) -> None:
        outer = self._line
        self._line = []
        properties = child(element, "pPr")
        name = attribute(child(properties, "pStyle"), "val") or self._default_paragraph
        look = self._shaded(self._styled(look, name), properties)
        if properties is not None and child(properties, "numPr") is not None and look.hidden == "":
            self._say("- ", "")
        self._children(element, look, "pPr")
        if [text for text, _ in self._line if text.strip() and text != "- "]:
            self._end()
        self._line = outer

    def _run(self, element: Element, look: _Look) -> None:
        properties = child(element, "rPr")
        if properties is not None:
            look = self._styled(look, attribute(child(properties, "rStyle"), "val"))
            look = self._formatted(look, properties)
        self._children(element, look, "rPr")

    def _text(self, element: Element, look: _Look) -> None:
        self._say(element.text or "", look.hidden)

    def _deleted(self, element: Element, look: _Look) -> None:
        self._children(element, replace(look, why=look.why or _DELETED))

    def _code(self, element: Element, look: _Look) -> None:
        self._aside(element.text or "", _FIELD)

    def _table(self, element: Element, look: _Look) -> None:
        style = attribute(child(element, "tblPr", "tblStyle"), "val")
        if self._is_shaded(style):
            # A style can shade cells in many ways, so the background is not determined.
            look = replace(look, behind=None)
        look = self._shaded(look, child(element, "tblPr"))
        outer, self._where = self._where, "table" if self._where == "text" else self._where
        for caption in ("tblCaption", "tblDescription"):
            self._found.add(attribute(child(element, "tblPr", caption), "val"), _ALTERNATIVE, hidden=True)
        self._children(element, look, "tblPr")
        self._where = outer

    def _row(self, element: Element, look: _Look) -> None:
        """Reads a row as one line, since its cells belong together."""
        if child(element, "trPr", "hidden") is not None:
            look = replace(look, why=look.why or "hidden row")
        if child(element, "trPr", "del") is not None:
            look = replace(look, why=look.why or _DELETED)
        first, found, cells = True, self._found, []
        for each in self._cells(element):
            self._found = Collector(found.until, found.depth)
            self._children(each, self._shaded(look, child(each, "tcPr")), "tcPr")
            self._end()
            seen = " ".join(piece.text for piece in self._found.pieces if not piece.hidden)
            hidden = [piece for piece in self._found.pieces if piece.hidden]
            cells.append((seen, hidden))
            first = False
        self._found = found
        if first:
            return
        self._found.add(" | ".join(seen for seen, _ in cells), self._where)
        for number, (_, hidden) in enumerate(cells, 1):
            for piece in hidden:
                self._found.add(piece.text, f"{piece.where} in cell {number} of a table", hidden=True)

    def _cells(self, element: Element) -> list[Element]:
        found: list[Element] = []
        for each in element:
            if local(each.tag) == "tc":
                found.append(each)
            elif local(each.tag) not in ("trPr", "tblPrEx"):
                found += self._cells(each)
        return found

    def _pictured(self, element: Element, look: _Look) -> None:
        """Reads a drawing and its alternative text."""
        for name in ("descr", "title", "alt", "string", "tooltip"):
            self._aside(attribute(element, name), _ALTERNATIVE)
        if re.search(r"\s\S+\s", name := attribute(element, "name")):
            self._aside(name, _ALTERNATIVE)
        if attribute(element, "hidden").lower() in ("1", "true") or "visibility:hidden" in attribute(element, "style"):
            look = replace(look, why=look.why or "hidden drawing")
        self._children(element, look)

    def _box(self, element: Element, look: _Look) -> None:
        """Reads text in a box, whose background is unknown."""
        if not look.why:
            look = replace(look, behind=None if look.behind == WHITE else look.behind)
        outer, self._where = self._where, "text box"
        line, self._line = self._line, []
        self._children(element, look)
        self._end()
        self._line, self._where = line, outer

    def _alternatives(self, element: Element, look: _Look) -> None:
        """Reads alternate content. The fallback is read if its text differs."""
        found, said = self._found, list[Collector]()
        for each in element:
            self._found = Collector(found.until, found.depth)
            line, self._line = self._line, []
            self._children(each, look)
            self._end()
            self._line = line
            said.append(self._found)
        self._found = found
        for number, collector in enumerate(said):
            known = {piece.text for other in said[:number] for piece in other.pieces}
            for piece in collector.pieces:
                if piece.text not in known:
                    self._found.add(
                        piece.text, piece.where if not number else "fallback", hidden=piece.hidden or number > 0
                    )

    def _structured(self, element: Element, look: _Look) -> None:
        for name in ("alias", "tag"):
            self._aside(attribute(child(element, "sdtPr", name), "val"), "content control")
        self._children(element, look, "sdtPr", "sdtEndPr")

    def _linked(self, element: Element, look: _Look) -> None:
        self._aside(attribute(element, "tooltip"), "link title")
        self._children(element, look)

    def _written(self, element: Element, look: _Look) -> None:
        """Reads the text of a chart or a diagram, paragraph by paragraph."""
        self._children(element, look)
        self._end()

    def _value(self, element: Element, look: _Look) -> None:
        if self._where == "chart":
            self._say(f"{element.text or ''} ", look.hidden)

    # Formatting.

    def _learn(self, root: Element | None) -> None:
        if root is None:
            return
        defaults = child(root, "docDefaults", "rPrDefault", "rPr")
        if defaults is not None:
            self._defaults = self._formatted(self._defaults, defaults)
        for each in root:
            if local(each.tag) != "style":
                continue
            id = attribute(each, "styleId")
            style = _Style(attribute(child(each, "basedOn"), "val"))
            style.properties = [p for p in (child(each, "pPr"), child(each, "rPr")) if p is not None]
            style.shaded = any(local(e.tag) == "shd" for e in each.iter())
            self._styles[id] = style
            if attribute(each, "type") == "paragraph" and attribute(each, "default") in ("1", "true"):
                self._default_paragraph = id

    def _is_shaded(self, name: str) -> bool:
        for _ in range(20):
            style = self._styles.get(name)
            if style is None:
                return False
            if style.shaded:
                return True
            name = style.based_on
        return False

    def _styled(self, look: _Look, name: str) -> _Look:
        chain: list[_Style] = []
        while (style := self._styles.get(name)) and len(chain) < 20:
            chain.append(style)
            name = style.based_on
        for style in reversed(chain):
            for properties in style.properties:
                look = self._formatted(look, properties)
        return look

    def _formatted(self, look: _Look, properties: Element) -> _Look:
        changed: dict[str, object] = {}
        for each in properties:
            name, value = local(each.tag), attribute(each, "val")
            if name in ("vanish", "specVanish", "webHidden"):
                changed["vanish"] = value not in _OFF
            elif name == "color":
                changed["colour"] = self._colour(each, "val")
            elif name == "sz":
                changed["size"] = _number(value, look.size)
            elif name == "w" and value:
                changed["scale"] = _number(value.rstrip("%"), 100)
            elif name == "highlight" and value != "none":
                changed["behind"] = of_css(value)[0]
            elif name == "del":
                changed["why"] = look.why or _DELETED
            elif name == "textFill":
                filled = next((e for e in each.iter() if local(e.tag) in ("srgbClr", "schemeClr")), None)
                changed["colour"] = self._drawn(filled)
        return self._shaded(replace(look, **changed), properties)  # type: ignore[arg-type]

    def _shaded(self, look: _Look, properties: Element | None) -> _Look:
        shade = child(properties, "shd")
        if shade is None:
            return look
        if attribute(shade, "fill") in ("auto", "") and not attribute(shade, "themeFill"):
            return look
        return replace(look, behind=self._colour(shade, "fill"))

    def _colour(self, element: Element, name: str) -> Colour | None:
        value = attribute(element, name)
        theme = attribute(element, "themeColor" if name in ("val", "color") else "themeFill")
        if theme and of_hex(value) is None:
            return self._archive.theme.get(_THEME.get(theme, theme))
        return of_hex(value) if value != "auto" else None

    def _drawn(self, element: Element | None) -> Colour | None:
        value = attribute(element, "val")
        return of_hex(value) or {"bg1": WHITE, "lt1": WHITE, "tx1": BLACK, "dk1": BLACK}.get(value)


def _number(value: str, default: float) -> float:
    try:
        return float(re.sub(r"(pt|%)$", "", value)) * (2 if value.endswith("pt") else 1)
    except ValueError:
        return default


def _blank(text: str) -> _Handler:
    return lambda document, _element, look: document._say(text, look.hidden)


def _nothing(_document: _Document, _element: Element, _look: _Look) -> None:
    """Ignores properties, which contain formatting but no text."""


_HANDLERS: Mapping[str, _Handler] = {
    "p": _Document._paragraph,
    "r": _Document._run,
    "t": _Document._text,
    "delText": lambda document, element, look: document._say(element.text or "", look.why or _DELETED),
    "delInstrText": _Document._code,
    "instrText": _Document._code,
    "del": _Document._deleted,
    "moveFrom": _Document._deleted,
    "tab": _blank("\t"),
    "br": _blank("\n"),
    "cr": _blank("\n"),
    "noBreakHyphen": _blank("-"),
    "tbl": _Document._table,
    "tr": _Document._row,
    "docPr": _Document._pictured,
    "cNvPr": _Document._pictured,
    "shape": _Document._pictured,
    "rect": _Document._pictured,
    "textpath": _Document._pictured,
    "imagedata": _Document._pictured,
    "txbxContent": _Document._box,
    "AlternateContent": _Document._alternatives,
    "sdt": _Document._structured,
    "hyperlink": _Document._linked,
    "pt": _Document._written,
    "v": _Document._value,
    **dict.fromkeys(("sectPr", "pPr", "rPr", "tblPr", "tblGrid", "tcPr", "trPr"), _nothing),
}
