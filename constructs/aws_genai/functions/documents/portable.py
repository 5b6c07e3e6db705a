"""PDF documents: the visible text of pages, and the text that is drawn but not visible.

pypdf decodes the document. Visibility is determined here, from the graphics state at each text-showing operator.
https://opensource.adobe.com/dc-acrobat-sdk-docs/pdfstandards/PDF32000_2008.pdf
"""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pypdf import PageObject, PdfReader
from pypdf.generic import (
    ContentStream,
    DecodedStreamObject,
    DictionaryObject,
    EncodedStreamObject,
    IndirectObject,
    NameObject,
    StreamObject,
)

from .colours import BLACK, WHITE, Colour, alike
from .pieces import Collector, UnreadableError

# pypdf logs every irregularity that it tolerates.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_Matrix = tuple[float, float, float, float, float, float]
_Box = tuple[float, float, float, float]
_Operation = tuple[list[Any], bytes]
_IDENTITY: _Matrix = (1, 0, 0, 1, 0, 0)

_MOST_PAGES = 5_000
_MOST_OPERATIONS = 3_000_000
#: Maximum numbers of filled areas that are stored, and of objects outside pages that are read.
_MOST_AREAS, _MOST_OBJECTS = 400, 50_000
_DEEPEST_FORM = 8
_SMALLEST = 2.0
_SHOW = (b"Tj", b"TJ", b"'", b'"')
_PAINT = (b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*")
#: Color spaces whose values do not determine lightness.
_OTHER_SPACES = ("/Separation", "/DeviceN", "/Pattern", "/Indexed", "/Lab")


def read(_kind: str, content: bytes, found: Collector) -> None:
    """Adds the text of a document.

    :raises UnreadableError: if it is damaged, encrypted, or has too many pages.
    """
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("it is encrypted: save it without a password")
        pages = len(reader.pages)
    except UnreadableError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableError(_told(error)) from error
    if pages > _MOST_PAGES:
        raise UnreadableError(f"it has {pages:,} pages; the maximum is {_MOST_PAGES:,}")
    budget = [_MOST_OPERATIONS]
    place = "it"
    try:
        off = _off(reader)
        for number, page in enumerate(reader.pages, 1):
            found.check()
            place = f"page {number}"
            _Page(reader, page, f"page {number}", found, off, budget).read()
        place = "content outside its pages"
        _beside(reader, found)
    except (UnreadableError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise UnreadableError(_told(error, place)) from error


def _told(error: Exception, place: str = "it") -> str:
    if "AES" in str(error) or "crypt" in str(error).lower() or type(error).__name__ == "FileNotDecryptedError":
        return "it is encrypted: save it without a password"
    return f"it is damaged: {place} cannot be read"


@dataclass(frozen=True)
class _State:
    """The graphics state that determines how text is drawn."""

    matrix: _Matrix = _IDENTITY
    colour: Colour | None = BLACK
    space: str = ""
    opaque: float = 1.0
    size: float = 0.0
    width: float = 100.0
    mode: int = 0
    leading: float = 0.0


@dataclass(frozen=True)
class _Shown:
    """The position of a text, and the operator that shows it."""

    stream: int
    place: int
    x: float
    y: float


@dataclass
class _Stream:
    """The operators of a page or a form XObject, and the reasons why text of some is hidden."""

    owner: Any
    operations: list[_Operation] = field(default_factory=list)
    why: dict[int, str] = field(default_factory=dict)


class _Page:
    def __init__(
        self, reader: PdfReader, page: PageObject, where: str, found: Collector, off: frozenset[int], budget: list[int]
    ) -> None:
        self._reader, self._page, self._where, self._found = reader, page, where, found
        self._off, self._budget = off, budget
        box = page.cropbox
        self._box: _Box = (float(box.left), float(box.bottom), float(box.right), float(box.top))
        self._areas: list[tuple[_Box, Colour | None]] = []
        self._shown: list[_Shown] = []
        self._streams: list[_Stream] = []
        self._active: set[int] = set()

    def read(self) -> None:
        """Adds the visible text of the page, then its hidden text, then its annotations."""
        contents = self._page.get("/Contents")
        if contents is not None and self._page.get_contents() is not None:
            self._walk(self._page, ContentStream(contents.get_object(), self._reader), _State(), 0)
            self._tell()
        _annotations(self._page, self._where, self._found)

    def _tell(self) -> None:
        first, *forms = self._streams
        hiding = [each for each in forms if each.why]
        if not first.why and not hiding:
            self._found.add(self._page.extract_text(), self._where)
            return
        # A form with hidden text is extracted separately, and no longer with the page.
        names = {id(each.owner) for each in hiding}
        self._found.add(self._text(first, "", without=names), self._where)
        for each in hiding:
            self._found.add(self._text(each, "", without=names), self._where)
        for each in (first, *hiding):
            for why in dict.fromkeys(each.why.values()):
                self._found.add(self._text(each, why, without=None), f"{why}, {self._where}", hidden=True)

    def _text(self, stream: _Stream, why: str, *, without: set[int] | None) -> str:
        """Returns the text that is hidden for one reason, or the visible text.

        :param without: forms that are not drawn; with None, no form is drawn.
        """
        kept: list[_Operation] = []
        objects = _resources(stream.owner).get("/XObject")
        known = objects.get_object() if objects is not None else {}
        for place, (operands, operator) in enumerate(stream.operations):
            if operator in _SHOW and stream.why.get(place, "") != why:
                if operator in (b"'", b'"'):
                    kept.append(([], b"T*"))
            elif operator == b"Do" and operands:
                target = known.get(operands[0])
                if without is not None and target is not None and id(target.get_object()) not in without:
                    kept.append((operands, operator))
            else:
                kept.append((operands, operator))
        made = ContentStream(None, self._reader)
        made.operations = kept
        drawn = DecodedStreamObject()
        drawn.set_data(made.get_data())
        if stream.owner is self._page:
            page = PageObject(self._reader)
            page.update({name: value for name, value in dict.items(self._page) if name != "/Contents"})
            page[NameObject("/Resources")] = _resources(self._page)
            page[NameObject("/Contents")] = drawn
            return page.extract_text()
        drawn.update(
            {name: value for name, value in dict.items(stream.owner) if name not in ("/Filter", "/DecodeParms")}
        )
        return str(self._page.extract_xform_text(cast(EncodedStreamObject, drawn)))

    def _walk(self, owner: Any, content: ContentStream, state: _State, depth: int) -> None:  # noqa: ANN401
        """Processes the operators of one stream."""
        stream = _Stream(owner, list(content.operations))
        number = len(self._streams)
        self._streams.append(stream)
        self._budget[0] -= len(stream.operations)
        if self._budget[0] < 0:
            raise UnreadableError("its pages have more drawing operators than the maximum")
        self._found.check()
        resources = _resources(owner)
        stack: list[_State] = []
        line = text = _IDENTITY
        path: list[tuple[float, float]] = []
        marked: list[str] = []
        for place, (operands, operator) in enumerate(stream.operations):
            numbers = [float(each) for each in operands if isinstance(each, (int, float))]
            if operator == b"q":
                if len(stack) < 1000:
                    stack.append(state)
            elif operator == b"Q":
                state = stack.pop() if stack else state
            elif operator == b"cm" and len(numbers) == 6:
                state = replace(state, matrix=_times(_matrix(numbers), state.matrix))
            elif operator == b"BT":
                line = text = _IDENTITY
            elif operator in (b"Td", b"TD") and len(numbers) == 2:
                if operator == b"TD":
                    state = replace(state, leading=-numbers[1])
                line = text = _times((1, 0, 0, 1, numbers[0], numbers[1]), line)
            elif operator == b"Tm" and len(numbers) == 6:
                line = text = _matrix(numbers)
            elif operator == b"T*":
                line = text = _times((1, 0, 0, 1, 0, -state.leading), line)
            elif operator == b"Tr" and numbers:
                state = replace(state, mode=int(numbers[-1]))
            elif operator == b"TL" and numbers:
                state = replace(state, leading=numbers[-1])
            elif operator == b"Tz" and numbers:
                state = replace(state, width=numbers[-1])
            elif operator == b"Tf" and numbers:
                state = replace(state, size=numbers[-1])
            elif operator in (b"g", b"rg", b"k", b"sc", b"scn", b"cs"):
                state = _coloured(state, operator, operands, numbers, resources)
            elif operator == b"gs" and operands:
                state = _blended(state, operands[0], resources)
            elif operator in _SHOW:
                if operator in (b"'", b'"'):
                    line = text = _times((1, 0, 0, 1, 0, -state.leading), line)
                self._show(number, stream, place, operands, state, text, next((each for each in marked if each), ""))
            elif operator == b"re" and len(numbers) == 4:
                x, y, width, height = numbers
                path += [_point(state.matrix, x + dx, y + dy) for dx in (0, width) for dy in (0, height)]
            elif operator in (b"m", b"l", b"c", b"v", b"y") and len(numbers) >= 2:
                path.append(_point(state.matrix, numbers[-2], numbers[-1]))
            elif operator in _PAINT:
                self._paint(path, state)
                path = []
            elif operator in (b"n", b"S", b"s"):
                path = []
            elif operator in (b"sh", b"INLINE IMAGE", b"BI"):
                self._area(self._box if operator == b"sh" else _square(state.matrix), None)
            elif operator in (b"BDC", b"BMC"):
                marked.append(self._mark(operator, operands, resources))
            elif operator == b"EMC" and marked:
                marked.pop()
            elif operator == b"Do" and operands:
                self._draw(operands[0], resources, state, depth)

    def _show(
        self, number: int, stream: _Stream, place: int, operands: list[Any], state: _State, text: _Matrix, marked: str
    ) -> None:
        whole = _times(text, state.matrix)
        height = state.size * math.hypot(whole[2], whole[3])
        x, y = whole[4], whole[5] + 0.3 * height
        said = _length(operands)
        if not said:
            return
        why = marked or self._reason(state, x, y, height, said)
        if why:
            stream.why[place] = why
        else:
            self._shown.append(_Shown(number, place, x, y))

    def _reason(self, state: _State, x: float, y: float, height: float, said: int) -> str:
        """Returns the reason why a text is hidden; empty if it is visible."""
        left, bottom, right, top = self._box
        if x > right or y > top or y < bottom or x + said * height * 0.6 < left:
            return "text outside the page"
        if abs(height) < _SMALLEST or state.width < 5:
            return "tiny text"
        behind: Colour | None = WHITE
        pictured = False
        for (x0, y0, x1, y1), colour in reversed(self._areas):
            if x0 - 1 <= x <= x1 + 1 and y0 - 1 <= y <= y1 + 1:
                behind, pictured = colour, colour is None
                break
        if state.mode in (3, 7):
            # Scanned documents have the recognized text under or over the image, so that it can be searched.
            return "" if pictured else "invisible text"
        if state.opaque < 0.1:
            return "transparent text"
        if state.mode in (0, 2, 4, 6) and alike(state.colour, behind):
            return "text in the color of its background"
        return ""

    def _paint(self, path: list[tuple[float, float]], state: _State) -> None:
        if path and state.opaque > 0.1:
            xs, ys = [x for x, _ in path], [y for _, y in path]
            whole = len(path) <= 8 and state.opaque > 0.9
            self._area((min(xs), min(ys), max(xs), max(ys)), state.colour if whole else None, covers=whole)

    def _area(self, box: _Box, colour: Colour | None, *, covers: bool = False) -> None:
        """Records a filled area, which covers earlier text."""
        self._areas.append((box, colour))
        if len(self._areas) > _MOST_AREAS:
            del self._areas[0]
        x0, y0, x1, y1 = box
        if not covers or y1 - y0 < 4 or len(self._shown) > 20_000:
            return
        left = []
        for each in self._shown:
            if x0 <= each.x <= x1 and y0 <= each.y <= y1:
                self._streams[each.stream].why[each.place] = "covered text"
            else:
                left.append(each)
        self._shown = left

    def _mark(self, operator: bytes, operands: list[Any], resources: DictionaryObject) -> str:
        """Returns why marked content is hidden; adds its alternative text."""
        given = operands[1] if len(operands) > 1 else None
        if isinstance(given, NameObject):
            named = resources.get("/Properties")
            raw = dict.get(named.get_object(), given) if named is not None else None
            if operands[0] == "/OC" and isinstance(raw, IndirectObject) and raw.idnum in self._off:
                return "text in a hidden layer"
            given = raw.get_object() if raw is not None else None
        if isinstance(given, DictionaryObject):
            for name in ("/ActualText", "/Alt", "/E"):
                if name in given:
                    self._found.add(_string(given[name]), f"alternative text, {self._where}", hidden=True)
        return ""

    def _draw(self, name: Any, resources: DictionaryObject, state: _State, depth: int) -> None:  # noqa: ANN401
        """Draws an image, which makes the background unknown, or a form with operators of its own."""
        objects = resources.get("/XObject")
        target = objects.get_object().get(name) if objects is not None else None
        target = target.get_object() if target is not None else None
        if not isinstance(target, StreamObject):
            return
        if target.get("/Subtype") == "/Image":
            self._area(_square(state.matrix), None)
        elif target.get("/Subtype") == "/Form" and depth < _DEEPEST_FORM and id(target) not in self._active:
            matrix = [float(each) for each in target.get("/Matrix", _IDENTITY)]
            self._active.add(id(target))
            inner = replace(state, matrix=_times(_matrix(matrix), state.matrix))
            self._walk(target, ContentStream(target, self._reader), inner, depth + 1)
            self._active.discard(id(target))


def _coloured(
    state: _State, operator: bytes, operands: list[Any], numbers: list[float], resources: DictionaryObject
) -> _State:
    if operator == b"cs":
        return replace(state, space=_space(operands, resources), colour=BLACK)
    if operator in (b"sc", b"scn") and (
        state.space in _OTHER_SPACES or any(isinstance(e, NameObject) for e in operands)
    ):
        return replace(state, colour=None)
    if len(numbers) == 1:
        return replace(state, colour=(numbers[0],) * 3)
    if len(numbers) == 3:
        return replace(state, colour=(numbers[0], numbers[1], numbers[2]))
    if len(numbers) == 4:
        cyan, magenta, yellow, black = numbers
        return replace(
            state, colour=((1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black))
        )
    return replace(state, colour=None)


def _space(operands: list[Any], resources: DictionaryObject) -> str:
    name = operands[0] if operands else ""
    named = resources.get("/ColorSpace")
    defined = named.get_object().get(name) if named is not None else None
    if defined is None:
        return str(name)
    defined = defined.get_object()
    return str(defined[0] if isinstance(defined, list) and defined else defined)


def _blended(state: _State, name: Any, resources: DictionaryObject) -> _State:  # noqa: ANN401
    named = resources.get("/ExtGState")
    given = named.get_object().get(name) if named is not None else None
    given = given.get_object() if given is not None else {}
    if "/Font" in given:
        state = replace(state, size=float(given["/Font"][1]))
    return replace(state, opaque=float(given["/ca"])) if "/ca" in given else state


def _resources(owner: Any) -> DictionaryObject:  # noqa: ANN401 - a page or a form
    """Returns the resources of a stream; pages inherit them."""
    for _ in range(50):
        if owner is None:
            break
        if "/Resources" in owner:
            found = owner["/Resources"].get_object()
            return found if isinstance(found, DictionaryObject) else DictionaryObject()
        parent = owner.get("/Parent")
        owner = parent.get_object() if parent is not None else None
    return DictionaryObject()


def _matrix(numbers: list[float]) -> _Matrix:
    a, b, c, d, e, f = numbers
    return a, b, c, d, e, f


def _times(one: _Matrix, other: _Matrix) -> _Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def _point(matrix: _Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _square(matrix: _Matrix) -> _Box:
    corners = [_point(matrix, x, y) for x in (0, 1) for y in (0, 1)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _length(operands: list[Any]) -> int:
    """Returns the approximate number of letters that an operator shows; 0 for spaces only."""
    shown = operands[-1] if operands else ""
    parts = shown if isinstance(shown, list) else [shown]
    return sum(len(each) for each in parts if isinstance(each, (str, bytes)) and each.strip())


def _off(reader: PdfReader) -> frozenset[int]:
    """Returns the layers that are hidden when the document is opened."""
    root = cast(DictionaryObject, reader.trailer["/Root"].get_object())
    given = root.get("/OCProperties")
    if given is None:
        return frozenset()
    default = given.get_object().get("/D", DictionaryObject()).get_object()
    found = {each.idnum for each in default.get("/OFF", ()) if isinstance(each, IndirectObject)}
    if default.get("/BaseState") == "/OFF":
        every = {each.idnum for each in given.get_object().get("/OCGs", ()) if isinstance(each, IndirectObject)}
        found |= every - {each.idnum for each in default.get("/ON", ()) if isinstance(each, IndirectObject)}
    return frozenset(found)


def _annotations(page: PageObject, where: str, found: Collector) -> None:
    """Adds the annotations, links and form fields of a page."""
    given = page.get("/Annots")
    for each in given.get_object() if given is not None else ():
        note = each.get_object()
        if not isinstance(note, DictionaryObject):
            continue
        kind = str(note.get("/Subtype", "")).strip("/")
        for name in ("/Contents", "/RC", "/Subj", "/TU", "/V", "/DV", "/T"):
            if name in note and isinstance(value := note[name], (str, bytes, StreamObject)):
                told = re.sub(r"<[^>]*>", " ", _string(value)) if name == "/RC" else _string(value)
                seen = (kind == "FreeText" and name == "/Contents") or (kind == "Widget" and name == "/V")
                seen = seen and not int(note.get("/F", 0)) & 0b100010
                place = "form field" if kind == "Widget" else "annotation"
                found.add(told, f"{place}, {where}", hidden=not seen)
        action = note.get("/A")
        if action is not None and isinstance(action.get_object(), DictionaryObject):
            for name in ("/URI", "/JS"):
                if name in action.get_object():
                    found.add(_string(action.get_object()[name]), f"link, {where}", hidden=True)


def _beside(reader: PdfReader, found: Collector) -> None:
    """Adds properties, bookmarks, scripts, attachments and alternative texts."""
    from .reading import nested

    for value in (reader.metadata or {}).values():
        found.add(_string(value), "document properties", hidden=True)
    root = cast(DictionaryObject, reader.trailer["/Root"].get_object())
    described = root.get("/Metadata")
    if described is not None and isinstance(described.get_object(), StreamObject):
        text = described.get_object().get_data()[:1_000_000].decode("utf-8", errors="ignore")
        found.add(re.sub(r"<[^>]*>|\s+", " ", text), "document properties", hidden=True)
    for title in _titles(reader.outline, 0):
        found.add(title, "bookmark", hidden=True)
    for name, texts in _spoken(root.get("/StructTreeRoot")):
        found.add(texts, name, hidden=True)
    for name in ("/OpenAction", "/AA"):
        action = root.get(name)
        if action is not None and isinstance(action.get_object(), DictionaryObject) and "/JS" in action.get_object():
            found.add(_string(action.get_object()["/JS"]), "script", hidden=True)
    for name, contents in reader.attachments.items():
        found.add(name, "name of an attachment", hidden=True)
        for content in contents:
            found.check()
            nested(name, content, found, f"attachment {name}")


def _titles(outline: Any, depth: int) -> Iterator[str]:  # noqa: ANN401 - lists in lists
    for each in outline if depth < 50 else ():
        if isinstance(each, list):
            yield from _titles(each, depth + 1)
        else:
            yield str(each.title)


def _spoken(tree: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - an object of a PDF
    waiting, seen = [tree] if tree is not None else [], 0
    known: set[int] = set()
    while waiting and seen < _MOST_OBJECTS:
        element = waiting.pop().get_object()
        seen += 1
        if isinstance(element, list):
            waiting += list(element)
        elif isinstance(element, DictionaryObject) and id(element) not in known:
            known.add(id(element))
            for name in ("/Alt", "/ActualText", "/E", "/T"):
                if name in element and isinstance(element[name], (str, bytes)):
                    yield "alternative text", _string(element[name])
            if "/K" in element:
                waiting.append(dict.get(element, "/K"))


def _string(value: Any) -> str:  # noqa: ANN401 - an object of a PDF
    value = value.get_object() if hasattr(value, "get_object") else value
    if isinstance(value, StreamObject):
        value = value.get_data()[:1_000_000]
    return value.decode("utf-8", errors="ignore") if isinstance(value, bytes) else str(value)
