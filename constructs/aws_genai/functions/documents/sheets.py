"""Excel workbooks: rows as lines, and the hidden text in sheets, rows, columns, cells and names.

Cells have the values that Excel stored; formulas are not computed.
https://learn.microsoft.com/en-us/office/open-xml/spreadsheet/structure-of-a-spreadsheetml-document
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element

from .colours import BLACK, WHITE, Colour, alike, of_hex
from .office import Archive, attribute, child, local
from .pieces import Collector, UnreadableError

_SMALLEST = 2.0
_TRUE = ("1", "true")
#: Indexed colors that are black or white.
_INDEXED: dict[str, Colour] = {"0": BLACK, "1": WHITE, "8": BLACK, "9": WHITE}
#: Built-in number formats of dates and times: ECMA-376, part 1, 18.8.30.
_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)})
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)


@dataclass(frozen=True)
class _Font:
    colour: Colour | None = None
    size: float = 11


@dataclass(frozen=True)
class _Format:
    font: _Font = _Font()
    behind: Colour | None = WHITE
    date: bool = False
    shows: bool = True

    @property
    def hidden(self) -> str:
        if not self.shows:
            return "cell with a format that hides its value"
        if self.font.size < _SMALLEST:
            return "tiny text"
        return "text in the color of its background" if alike(self.font.colour, self.behind) else ""


@dataclass
class _Text:
    """A text of one or more runs, some of which may be hidden."""

    seen: str = ""
    unseen: list[str] = field(default_factory=list)


def read(_kind: str, content: bytes, found: Collector) -> None:
    """Adds the text of a workbook."""
    archive = Archive(content, found)
    names = archive.matching(r"xl/workbook\d*\.xml")
    if not names:
        raise UnreadableError("it is damaged: it contains no workbook")
    _Workbook(archive, found, names[0]).read()
    archive.rest()


class _Workbook:
    def __init__(self, archive: Archive, found: Collector, name: str) -> None:
        self._archive, self._found, self._name = archive, found, name
        root = archive.xml(name)
        if root is None:
            raise UnreadableError("it is damaged: it contains no workbook")
        self._root = root
        self._formats = self._styles(archive.xml("xl/styles.xml"))
        self._texts = [self._string(each) for each in _elements(archive.xml("xl/sharedStrings.xml"), "si")]
        self._epoch = _EPOCH_1904 if attribute(child(root, "workbookPr"), "date1904") in _TRUE else _EPOCH

    def read(self) -> None:
        """Reads all sheets, then names and drawings."""
        targets = self._relations(self._name)
        for sheet in _elements(child(self._root, "sheets"), "sheet"):
            title = attribute(sheet, "name")
            state = attribute(sheet, "state", "visible")
            relation = next((v for k, v in sheet.attrib.items() if local(k) == "id" and "}" in k), "")
            part = targets.get(relation, "")
            if part in self._archive.names and part.endswith(".xml"):
                self._sheet(part, title, "" if state == "visible" else "hidden sheet")
        for each in _elements(child(self._root, "definedNames"), "definedName"):
            said = f"{attribute(each, 'name')} {each.text or ''} {attribute(each, 'comment')}"
            self._found.add(said, "defined name", hidden=True)
        for name in self._archive.matching(r"xl/(drawings/drawing|charts/chart|diagrams/data)\d*\.xml"):
            self._drawing(name)

    def _relations(self, name: str) -> dict[str, str]:
        folder, _, file = name.rpartition("/")
        root = self._archive.xml(f"{folder}/_rels/{file}.rels")
        found: dict[str, str] = {}
        for each in () if root is None else root:
            target = attribute(each, "Target")
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
            found[attribute(each, "Id")] = path
        return found

    def _sheet(self, part: str, title: str, why: str) -> None:
        root = self._archive.xml(part)
        if root is None:
            return
        self._found.add(title, "sheet title", hidden=bool(why))
        columns = [
            (int(_number(attribute(each, "min"), 0)), int(_number(attribute(each, "max"), 0)))
            for each in _elements(child(root, "cols"), "col")
            if attribute(each, "hidden") in _TRUE or _number(attribute(each, "width"), 9) < 0.3
        ]
        number = 0
        for row in _elements(child(root, "sheetData"), "row"):
            number = int(_number(attribute(row, "r"), number + 1))
            hidden = attribute(row, "hidden") in _TRUE or _number(attribute(row, "ht"), 15) < 1
            self._row(row, number, title, why or ("hidden row" if hidden else ""), columns)
        for each in root.iter():
            name = local(each.tag)
            if name in ("oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter"):
                self._found.add(re.sub(r'&(?:"[^"]*"|[A-Za-z]|\d+)', " ", each.text or ""), "header or footer")
            elif name == "dataValidation":
                for told in ("promptTitle", "prompt", "errorTitle", "error"):
                    self._found.add(attribute(each, told), "input message", hidden=True)
            elif name == "hyperlink":
                self._found.add(attribute(each, "tooltip"), "link title", hidden=True)

    def _row(self, row: Element, number: int, title: str, why: str, columns: list[tuple[int, int]]) -> None:
        cells: list[str] = []
        place, aside = 0, list[tuple[str, str]]()
        for cell in _elements(row, "c"):
            place = _column(attribute(cell, "r")) or place + 1
            text = self._value(cell)
            form = self._formats.get(attribute(cell, "s"), _Format())
            where = f"cell {_letters(place)}{number} of sheet {title}"
            if formula := (getattr(child(cell, "f"), "text", None) or ""):
                aside.append((formula, f"formula of {where}"))
            reason = why or ("hidden column" if any(low <= place <= high for low, high in columns) else form.hidden)
            if reason:
                aside.append((f"{text.seen}{''.join(text.unseen)}", f"{reason}, {where}"))
                continue
            aside += [(each, f"text in the color of its background, {where}") for each in text.unseen]
            if text.seen:
                cells.append(self._dated(text.seen) if form.date else text.seen)
        self._found.add(" | ".join(cells), f"row {number} of sheet {title}")
        for said, where in aside:
            self._found.add(said, where, hidden=True)

    def _value(self, cell: Element) -> _Text:
        kind, value = attribute(cell, "t", "n"), child(cell, "v")
        said = (value.text or "") if value is not None else ""
        if kind == "s":
            place = int(_number(said, -1))
            return self._texts[place] if 0 <= place < len(self._texts) else _Text()
        if kind == "inlineStr" or (kind != "s" and child(cell, "is") is not None):
            inner = child(cell, "is")
            return self._string(inner) if inner is not None else _Text()
        if kind == "b":
            return _Text("TRUE" if said == "1" else "FALSE")
        if kind == "n" and re.fullmatch(r"-?\d+\.\d{12,}", said):
            said = f"{float(said):.10g}"
        return _Text(said)

    def _dated(self, said: str) -> str:
        """Converts the serial number of a date to the date."""
        try:
            days = float(said)
            if days < 0:
                return said
            if days < 1:
                return (self._epoch + timedelta(days=days)).strftime("%H:%M")
            moment = self._epoch + timedelta(days=round(days * 86400) / 86400)
        except (ValueError, OverflowError):
            return said
        return moment.strftime("%Y-%m-%d" if days == int(days) else "%Y-%m-%d %H:%M")

    def _string(self, element: Element) -> _Text:
        found = _Text()
        for each in element:
            name = local(each.tag)
            if name == "t":
                found.seen += each.text or ""
            elif name == "r":
                said = "".join(part.text or "" for part in _elements(each, "t"))
                font = self._font(child(each, "rPr"), _Font())
                if font.size < _SMALLEST or alike(font.colour, WHITE):
                    found.unseen.append(said)
                else:
                    found.seen += said
            elif name == "rPh":
                found.unseen.append("".join(part.text or "" for part in _elements(each, "t")))
        return found

    def _drawing(self, name: str) -> None:
        root = self._archive.xml(name)
        if root is None:
            return
        lines: list[str] = []
        for each in root.iter():
            kind = local(each.tag)
            if kind == "cNvPr":
                for told in ("descr", "title"):
                    self._found.add(attribute(each, told), "alternative text", hidden=True)
            elif kind == "p":
                lines.append("".join(part.text or "" for part in each.iter() if local(part.tag) == "t"))
            elif kind == "v" and not re.fullmatch(r"[\d.eE+-]*", each.text or ""):
                lines.append(each.text or "")
        self._found.add("\n".join(line for line in lines if line.strip()), "drawing")

    # Formatting.

    def _styles(self, root: Element | None) -> dict[str, _Format]:
        fonts = [self._font(each, _Font()) for each in _elements(child(root, "fonts"), "font")]
        fills = [self._fill(each) for each in _elements(child(root, "fills"), "fill")]
        own = {
            attribute(each, "numFmtId"): attribute(each, "formatCode")
            for each in _elements(child(root, "numFmts"), "numFmt")
        }
        found: dict[str, _Format] = {}
        for number, each in enumerate(_elements(child(root, "cellXfs"), "xf")):
            font, fill = (int(_number(attribute(each, name), 0)) for name in ("fontId", "fillId"))
            code, id = own.get(attribute(each, "numFmtId"), ""), int(_number(attribute(each, "numFmtId"), 0))
            bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code)
            found[str(number)] = _Format(
                fonts[font] if font < len(fonts) else _Font(),
                fills[fill] if fill < len(fills) else WHITE,
                date=(id in _DATES if not code else bool(re.search(r"[ymdhs]", bare, re.IGNORECASE))),
                shows=not (code and not re.sub(r"[;\s]", "", code)),
            )
        return found

    def _font(self, element: Element | None, font: _Font) -> _Font:
        colour, size = child(element, "color"), child(element, "sz")
        return _Font(
            self._colour(colour) if colour is not None else font.colour,
            _number(attribute(size, "val"), font.size),
        )

    def _fill(self, element: Element) -> Colour | None:
        pattern = child(element, "patternFill")
        if pattern is None:
            return None
        if attribute(pattern, "patternType", "none") == "none":
            return WHITE
        inner = child(pattern, "fgColor")
        return self._colour(inner) if inner is not None else None

    def _colour(self, element: Element) -> Colour | None:
        if value := attribute(element, "rgb"):
            return of_hex(value[-6:])
        if (tint := _number(attribute(element, "tint"), 0)) and abs(tint) > 0.1:
            return None
        theme = attribute(element, "theme")
        if theme:
            # Indexes of the first colors of a theme are swapped in pairs.
            names = {"0": "lt1", "1": "dk1", "2": "lt2", "3": "dk2"}
            default = {"0": WHITE, "1": BLACK}.get(theme)
            return self._archive.theme.get(names.get(theme, f"accent{int(_number(theme, 4)) - 3}"), default)
        return _INDEXED.get(attribute(element, "indexed"))


def _elements(parent: Element | None, name: str) -> list[Element]:
    return [] if parent is None else [each for each in parent if local(each.tag) == name]


def _number(value: str, default: float) -> float:
    try:
        return float(value)
    except ValueError:
        return default


def _column(reference: str) -> int:
    number = 0
    for letter in re.match(r"[A-Z]*", reference.upper())[0]:  # type: ignore[index]
        number = number * 26 + ord(letter) - 64
    return number


def _letters(number: int) -> str:
    found = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        found = chr(65 + rest) + found
    return found
