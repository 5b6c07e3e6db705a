"""Markdown: the visible text, and comments, titles, definitions and alternative texts.

https://spec.commonmark.org/
"""

from __future__ import annotations

import re
from html import escape

from .pieces import Collector
from .plain import decoded
from .web import Page

#: Code in fences and backticks is visible text; addresses in angle brackets are not elements.
_AS_IT_IS = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=mark)[`~]*[ \t]*$|\Z))"
    r"|(?P<code>(?<!`)(?P<ticks>`{1,2})(?!`)[^`\n][^\n]{0,500}?(?<!`)(?P=ticks)(?!`))"
    r"|<(?P<link>(?:[a-z][a-z0-9+.-]{1,31}:|[\w.+-]{1,64}@)[^\s<>]*)>",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_TITLE = r"""(?:"(?P<{0}1>[^"]*)"|'(?P<{0}2>[^']*)'|\((?P<{0}3>[^)]*)\))"""
_DEFINITION = re.compile(
    r"^[ ]{0,3}\[(?P<label>[^\]\n]{1,999})\]:[ \t]*(?P<to><[^>\n]*>|\S*)(?:[ \t]*\n?[ \t]+"
    + _TITLE.format("t")
    + r")?[ \t]*$",
    re.MULTILINE,
)
_LINK = re.compile(
    r"(?P<image>!?)\[(?P<text>[^\[\]]{0,2000})\]\((?P<to><[^>\n]*>|[^\s)]*)(?:\s+" + _TITLE.format("t") + r")?\s*\)"
)
_PICTURE = re.compile(r"!\[(?P<text>[^\[\]]{1,2000})\](?:\[[^\]\n]*\])?")
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def read(_kind: str, content: bytes, found: Collector) -> None:
    """Adds the text."""
    text = decoded(content).replace("\r\n", "\n")
    if front := _FRONT.match(text):
        found.add(front[1], "front matter", hidden=True)
        text = text[front.end() :]
    inner = Collector(found.until, found.depth)
    Page(inner, raw=True).take(_AS_IT_IS.sub(_escaped, text))
    for piece in inner.pieces:
        if piece.hidden:
            found.add(piece.text, piece.where, hidden=True)
        else:
            _shown(piece.text, found)


def _escaped(found: re.Match[str]) -> str:
    return escape(found["link"] if found["link"] else found[0], quote=False)


def _shown(text: str, found: Collector) -> None:
    aside: list[tuple[str, str]] = []

    def defined(match: re.Match[str]) -> str:
        label, title = match["label"], _title(match)
        if label.strip() in ("//", "comment", "#", "") or title or not re.search(r"[/.#:]", match["to"]):
            aside.append((f"{label} {match['to']} {title}", "link definition"))
            return ""
        return match[0]

    def linked(match: re.Match[str]) -> str:
        if title := _title(match):
            aside.append((title, "link title"))
        if match["image"]:
            aside.append((match["text"], "alternative text"))
            return ""
        return f"{match['text']} ({match['to'].strip('<>')})" if match["to"] else match["text"]

    def pictured(match: re.Match[str]) -> str:
        aside.append((match["text"], "alternative text"))
        return ""

    text = _PICTURE.sub(pictured, _LINK.sub(linked, _DEFINITION.sub(defined, text)))
    found.add(text, "text")
    for said, where in aside:
        found.add(said, where, hidden=True)


def _title(match: re.Match[str]) -> str:
    return match["t1"] or match["t2"] or match["t3"] or ""
