"""HTML pages: the text that a browser shows, and the hidden text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from html.parser import HTMLParser

from .colours import BLACK, WHITE, Colour, alike, of_css
from .pieces import Collector
from .plain import decoded

#: https://html.spec.whatwg.org/multipage/syntax.html#void-elements
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
_BLOCK_NAMES = (
    "address article aside blockquote body br button caption dd details dialog div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main nav ol option p pre section summary table tbody "
    "tfoot thead title tr ul"
)
#: Elements whose content browsers do not show.
_NOT_SHOWN_NAMES = "datalist desc metadata noembed noframes noscript script style template title"
_OTHER_NAMES = (
    "a abbr acronym audio b bdi bdo big canvas center cite code colgroup data del dfn em font i iframe ins kbd label "
    "map mark meter math nobr object optgroup output path picture progress q rp rt ruby s samp select slot small span "
    "strike strong sub sup svg td text textarea th time tt u var video"
)
_VOID, _BLOCKS = frozenset(_VOID_NAMES.split()), frozenset(_BLOCK_NAMES.split())
_NOT_SHOWN = frozenset(_NOT_SHOWN_NAMES.split())
_KNOWN = _VOID | _BLOCKS | _NOT_SHOWN | frozenset(_OTHER_NAMES.split())
#: Attributes that contain text for readers.
_SAYING = re.compile(
    r"alt|title|aria-(label|description|placeholder|roledescription|valuetext)|placeholder|summary|content|value|label"
    r"|data-.+|srcdoc|cite|prompt|download",
    re.IGNORECASE,
)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
#: A CSS rule with a simple selector: a class, an id or an element.
_SELECTED = re.compile(r"([a-zA-Z][\w-]*)?([.#][\w-]+)?$")
_LENGTH = re.compile(r"^(-?\d*\.?\d+)\s*(px|pt|em|rem|%|vw|vh|cm|mm|in|pc|ex|ch)?")
_POINTS = {"px": 1.0, "pt": 1.33, "em": 16.0, "rem": 16.0, "%": 0.16, "cm": 37.8, "mm": 3.78, "in": 96.0, "pc": 16.0}
_SMALLEST, _FAR = 2.5, 500.0
_DEEPEST = 1000


@dataclass(frozen=True)
class _Look:
    """The style of an element, which its children inherit."""

    name: str = ""
    why: str = ""
    colour: Colour | None = BLACK
    behind: Colour | None = WHITE
    opaque: bool = True

    @property
    def hidden(self) -> str:
        """Returns the reason why its text is hidden; empty if it is visible."""
        if self.why:
            return self.why
        if not self.opaque:
            return "transparent text"
        return "text in the color of its background" if alike(self.colour, self.behind) else ""


def read(_kind: str, content: bytes, found: Collector) -> None:
    """Adds the text of a page."""
    page = Page(found)
    page.take(decoded(content))


class Page(HTMLParser):
    """Reads HTML, and Markdown that contains HTML.

    :param raw: whether line breaks are preserved and unknown elements are text, as in Markdown.
    """

    def __init__(self, found: Collector, *, raw: bool = False, where: str = "text") -> None:
        super().__init__(convert_charrefs=True)
        self._found, self._raw, self._where = found, raw, where
        self._stack = [_Look()]
        self._text: list[str] = []
        self._asides: list[tuple[str, str]] = []
        self._from = ""
        self._rules: dict[str, dict[str, str]] = {}

    def take(self, text: str) -> None:
        """Reads a complete text."""
        for block in re.findall(r"<style[^>]*>(.*?)(?:</style|$)", text, re.IGNORECASE | re.DOTALL):
            self._learn(block)
        self.feed(text)
        self.close()
        self._flush()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Applies the style of an element, and adds the text of its attributes."""
        if self._raw and tag not in _KNOWN:
            self._say(self.get_starttag_text() or "")
            return
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS and not self._raw:
            self._say("\n")
        elif tag in ("td", "th"):
            self._say(" | ")
        look = self._look(tag, given)
        for name, value in given.items():
            self._attribute(tag, name, value, given)
        if tag not in _VOID and len(self._stack) < _DEEPEST:
            self._stack.append(look)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Handles a self-closing tag, which closes its element in SVG but not in HTML."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and tag in ("path", "use", "rect", "circle", "line", "polygon", "g", "stop"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Returns to the parent element."""
        if self._raw and tag not in _KNOWN:
            self._say(f"</{tag}>")
            return
        for place in range(len(self._stack) - 1, 0, -1):
            if self._stack[place].name == tag:
                del self._stack[place:]
                break
        if tag in _BLOCKS and not self._raw:
            self._say("\n")

    def handle_data(self, data: str) -> None:
        """Reads the text of an element."""
        self._say(data)

    def handle_comment(self, data: str) -> None:
        """Adds a comment as hidden text."""
        self._aside(data, "HTML comment")

    def handle_decl(self, decl: str) -> None:
        """Adds a declaration as hidden text."""
        self._aside(decl, "HTML declaration")

    def unknown_decl(self, data: str) -> None:
        """Adds an XML section as hidden text."""
        self._aside(data, "HTML declaration")

    def handle_pi(self, data: str) -> None:
        """Adds a processing instruction as hidden text."""
        self._aside(data, "HTML declaration")

    def _say(self, text: str) -> None:
        why = self._stack[-1].hidden
        if why != self._from:
            self._flush()
            self._from = why
        self._text.append(text)

    def _aside(self, text: str, where: str) -> None:
        """Adds text that is not part of the surrounding text."""
        if len(text.strip()) > 1:
            self._asides.append((text, where))
            if len(self._asides) > 1000:
                self._flush()

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text = []
        if not self._raw:
            text = re.sub(r"[ \t\r\f]*\n\s*", "\n", re.sub(r"[ \t]+", " ", text))
        self._found.add(text, self._from or self._where, hidden=bool(self._from))
        asides, self._asides = self._asides, []
        for said, where in asides:
            self._found.add(said, where, hidden=True)

    def _attribute(self, tag: str, name: str, value: str, given: Mapping[str, str]) -> None:
        if name.lower().startswith("on") or (
            name in ("href", "src") and value.lower().startswith(("javascript:", "data:"))
        ):
            self._aside(value, f"attribute {name}")
        elif not _SAYING.fullmatch(name):
            return
        elif name == "srcdoc":
            Page(self._found, where="embedded page").take(value[:1_000_000])
        elif tag == "meta" and name == "content":
            self._aside(value, f"meta {given.get('name') or given.get('property') or ''}".strip())
        else:
            self._aside(value, f"attribute {name}")

    def _learn(self, sheet: str) -> None:
        """Reads the rules of a style sheet that have simple selectors."""
        for selectors, body in _RULE.findall(re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)):
            for selector in selectors.split(","):
                last = selector.split()[-1] if selector.split() else ""
                if (selected := _SELECTED.fullmatch(last)) and last:
                    self._rules.setdefault(selected[2] or selected[1].lower(), {}).update(_declarations(body))

    def _look(self, tag: str, given: Mapping[str, str]) -> _Look:
        style: dict[str, str] = dict(self._rules.get(tag, {}))
        for name in given.get("class", "").split():
            style |= self._rules.get(f".{name}", {})
        style |= self._rules.get(f"#{given.get('id', '')}", {})
        if "bgcolor" in given:
            style["background-color"] = given["bgcolor"]
        if tag == "font" and "color" in given:
            style["color"] = given["color"]
        style |= _declarations(given.get("style", ""))
        look = replace(self._stack[-1], name=tag)
        if tag in _NOT_SHOWN:
            return replace(look, why=tag)
        if "hidden" in given or (tag == "input" and given.get("type", "").lower() == "hidden"):
            return replace(look, why="hidden element")
        if tag == "svg":
            look = replace(look, colour=None)
        return _styled(look, style) if style else look


def _declarations(text: str) -> dict[str, str]:
    found = (each.partition(":") for each in text.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in found if value}


def _styled(look: _Look, style: Mapping[str, str]) -> _Look:
    """Returns the style of an element with these declarations.

    https://www.w3.org/TR/CSS/
    """
    if why := _unseen(style):
        return replace(look, why=why)
    behind = style.get("background-color") or style.get("background", "")
    if behind and behind not in ("none", "inherit", "initial"):
        colour = next((c for part in behind.split() if (c := of_css(part)[0])), None)
        if colour or "transparent" not in behind:
            # The colors of an image or a gradient are unknown.
            look = replace(look, behind=colour if "url(" not in behind and "gradient" not in behind else None)
    if "background-image" in style and style["background-image"] != "none":
        look = replace(look, behind=None)
    if (value := style.get("color")) and value not in ("inherit", "currentcolor"):
        colour, opaque = of_css(value)
        look = replace(look, colour=colour, opaque=opaque > 0.1)
    return look


def _unseen(style: Mapping[str, str]) -> str:
    value = {name: text.removesuffix("!important").strip() for name, text in style.items()}
    if value.get("display") == "none" or value.get("visibility") in ("hidden", "collapse"):
        return "hidden element"
    if "content-visibility" in value and value["content-visibility"] == "hidden":
        return "hidden element"
    opacity = _LENGTH.match(value.get("opacity", ""))
    if opacity and float(opacity[1]) * (0.01 if opacity[2] == "%" else 1) < 0.1:
        return "transparent text"
    size = value.get("font-size") or (value.get("font", "").split("/")[0].split() or [""])[-1]
    if size and (length := _pixels(size)) is not None and length < _SMALLEST:
        return "tiny text"
    for name in ("left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top"):
        if (length := _pixels(value.get(name, ""))) is not None and length < -_FAR:
            return "text outside the page"
    if re.match(r"rect\(\s*[01](px)?[\s,]+[01](px)?[\s,]+[01](px)?[\s,]+[01](px)?", value.get("clip", "")):
        return "clipped text"
    if re.match(r"inset\(\s*(50|100)%|circle\(\s*0|polygon\(\s*0 0\s*\)", value.get("clip-path", "")):
        return "clipped text"
    if "hidden" in value.get("overflow", "") and any(
        (length := _pixels(value.get(name, ""))) is not None and length <= 1
        for name in ("height", "width", "max-height", "max-width")
    ):
        return "clipped text"
    if re.search(r"scale[xy]?\(\s*0(\.0\d*)?\s*[,)]", value.get("transform", "")):
        return "tiny text"
    return ""


def _pixels(value: str) -> float | None:
    found = _LENGTH.match(value)
    return float(found[1]) * _POINTS.get(found[2] or "px", 10.0) if found else None
