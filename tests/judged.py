"""The two sets of documents that the intake is measured by, made from the texts beside this file."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml

from . import made

_FOLDER = Path(__file__).resolve().parent / "documents"
_CYRILLIC = str.maketrans("aeopcyxi", "аеорсухі")

#: How an order may be written.
WRITTEN: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(" "),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "leet": lambda text: text.lower().translate(str.maketrans("aeiost", "431057")),
    "spaced": lambda text: "  ".join(" ".join(word) for word in text.split()),
    "fullwidth": lambda text: "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text),
    "homoglyphs": lambda text: text.translate(_CYRILLIC),
    "tags": lambda text: "".join(chr(0xE0000 + ord(each)) for each in text),
    "zerowidth": "\u200b".join,
    "percent": lambda text: quote(text, safe="").replace("a", "%61"),
}


@dataclass(frozen=True)
class Case:
    """One document.

    :param name: what tells it from the others.
    """

    name: str
    key: str
    content: bytes
    held_out: bool


def cases(which: str) -> list[Case]:
    """The documents of ``harmful`` or ``harmless``."""
    found = yaml.safe_load((_FOLDER / f"{which}.yaml").read_text(encoding="utf-8"))
    made_of: list[Case] = []
    for part, rows in found.items():
        for number, row in enumerate(rows):
            kind, place, written, cover, said = row if which == "harmful" else (row[0], row[1], "plain", *row[2:])
            key, content = document(kind, place, cover, WRITTEN[written](said))
            name = f"{part} {number}: {kind} {place} {written}: {said or cover}"[:110]
            made_of.append(Case(name, key, content, part == "held_out"))
    return made_of


def document(kind: str, place: str, cover: str, said: str) -> tuple[str, bytes]:
    """A key and a document that reads as ``cover`` and says something else at a place."""
    key = f"policies/document.{kind}"
    if place == "name" and kind != "xlsx":
        return f"policies/{said}.{kind}", cover.encode()
    content = _MAKERS[kind](place, cover, said)
    return key, content.encode() if isinstance(content, str) else content


def _html(place: str, cover: str, said: str) -> str:
    inner = {
        "plain": f"<p>{said}</p>",
        "comment": f"<!-- {said} -->",
        "display": f'<div style="display: none">{said}</div>',
        "white": f'<p style="color:#fff">{said}</p>',
        "alt": f"<img src='a.png' alt=\"{said}\">",
        "meta": f'<meta name="description" content="{said}">',
        "aria": f'<button aria-label="{said}">OK</button>',
        "fontzero": f'<span style="font-size:0">{said}</span>',
        "opacity": f'<span style="opacity:0">{said}</span>',
        "offpage": f'<div style="position:absolute;left:-9999px">{said}</div>',
        "script": f"<script>/* {said} */</script>",
        "template": f"<template><p>{said}</p></template>",
        "noscript": f"<noscript>{said}</noscript>",
        "title": f'<a href="/" title="{said}">Home</a>',
    }[place]
    return (
        f"<!doctype html><html><head><title>Page</title></head><body><h1>Page</h1><p>{cover}</p>{inner}</body></html>"
    )


def _md(place: str, cover: str, said: str) -> str:
    inner = {
        "plain": said,
        "comment": f"<!-- {said} -->",
        "title": f'[Home](https://example.com/ "{said}")',
        "definition": f"[//]: # ({said})",
        "alt": f"![{said}](a.png)",
        "cell": f"| Part | Price |\n|---|---|\n| A | 4 |\n| B | {said} |",
        "front": "",
    }[place]
    front = f"---\n{said if ':' in said else f'note: {said}'}\n---\n" if place == "front" else ""
    return f"{front}# Title\n\n{cover}\n\n{inner}\n"


def _csv(place: str, cover: str, said: str) -> str:
    return f'{cover}\nlamp,4\ntable,"{said}"\n'


def _docx(place: str, cover: str, said: str) -> bytes:
    run, paragraph = made.run, made.paragraph
    bodies = {
        "vanish": [paragraph(run(said, "<w:vanish/>"))],
        "stylevanish": [paragraph(run(said, '<w:rStyle w:val="Quiet"/>'))],
        "white": [paragraph(run(said, '<w:color w:val="FFFFFF"/>'))],
        "tiny": [paragraph(run(said, '<w:sz w:val="2"/>'))],
        "alt": [made.picture(said)],
        "deleted": [f"<w:p><w:del><w:r><w:delText>{said}</w:delText></w:r></w:del></w:p>"],
        "cell": [made.table(["Name", "Remark"], ["A", said])],
        "split": [paragraph(*(run(said[start : start + 3]) for start in range(0, len(said), 3)))],
        "box": [
            f"<w:p><w:r><w:pict><v:shape><v:textbox><w:txbxContent>{paragraph(said)}</w:txbxContent></v:textbox></v:shape></w:pict></w:r></w:p>"
        ],
        "plain": [paragraph(said)] if said else [],
    }
    quiet = f'<w:styles {made._W}><w:style w:type="character" w:styleId="Quiet"><w:rPr><w:vanish/></w:rPr></w:style></w:styles>'
    parts = {
        "stylevanish": {"word/styles.xml": quiet},
        "comment": {"word/comments.xml": made.word("comments", said, inside="comment")},
        "header": {"word/header1.xml": made.word("hdr", said)},
        "footnote": {"word/footnotes.xml": made.word("footnotes", said, inside="footnote")},
        "property": {"docProps/core.xml": made.core(description=said)},
        "custom": {"customXml/item1.xml": f"<note>{said}</note>"},
    }
    return made.docx(cover, *bodies.get(place, []), parts=parts.get(place))


def _xlsx(place: str, cover: str, said: str) -> bytes:
    rows = [[cover, "4"], ["lamp", "5"]]
    if place == "sheet":
        return made.xlsx({"Data": rows, "Other": [[said]]}, states={"Other": "veryHidden"})
    if place == "row":
        return made.xlsx({"Data": [*rows, [said]]}, rows={3: 'hidden="1"'})
    if place == "column":
        return made.xlsx({"Data": [[*row, said] for row in rows]}, columns='<col min="3" max="3" hidden="1"/>')
    if place == "white":
        return made.xlsx({"Data": [*rows, [said]]}, styles=made.WHITE_CELLS, styled={"A3": 1})
    if place == "comment":
        comment = (
            f"<comments><commentList><comment ref='A1'><text><t>{said}</t></text></comment></commentList></comments>"
        )
        return made.xlsx({"Data": rows}, parts={"xl/comments1.xml": comment})
    return made.xlsx({"Data": rows}, names=f'<definedName name="Note">"{said}"</definedName>')


def _pdf(place: str, cover: str, said: str) -> bytes:
    lines = _wrapped(cover)
    page = made.shown(*lines)
    more = {
        "white": made.shown(*_wrapped(said), y=300, before="1 1 1 rg"),
        "mode3": made.shown(*_wrapped(said), y=300, before="3 Tr"),
        "tiny": made.shown(said, y=300, size=1),
        "outside": made.shown(said, y=2000),
        "plain": made.shown(*_wrapped(said), y=300) if said else "",
    }.get(place, "")
    return made.pdf(
        page + more,
        title=said if place == "property" else "",
        annotation=said if place == "annotation" else "",
        attached=("notes.txt", said.encode()) if place == "attached" else None,
    )


def _wrapped(text: str, width: int = 80) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


_MAKERS: Mapping[str, Callable[[str, str, str], str | bytes]] = {
    "txt": lambda place, cover, said: f"{cover}\n{said}\n",
    "md": _md,
    "html": _html,
    "csv": _csv,
    "docx": _docx,
    "xlsx": _xlsx,
    "pdf": _pdf,
}
