"""Writes minimal Word, Excel and PDF files with a few paragraphs and tables.

The output depends on the text only: no time, no compression, no random id.
"""

from __future__ import annotations

import io
import textwrap
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import yaml

FOLDER = Path(__file__).parent
#: The text of the files that this module writes.
SOURCE = FOLDER / "binary.yaml"

#: A paragraph (one that begins with "# " or "## " is a heading), or the rows of a table.
Block = str | Sequence[Sequence[Any]]
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = "application/vnd.openxmlformats-officedocument"
#: Characters per line and lines per page, in 11 point Helvetica on A4.
_COLUMNS, _LINES = 92, 46


def made() -> dict[str, bytes]:
    """The files by their names in the folder of documents."""
    content: Mapping[str, Sequence[Any]] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return {name: _WRITERS[name.rpartition(".")[2]](blocks) for name, blocks in content.items()}


def docx(blocks: Sequence[Block]) -> bytes:
    """A Word document: https://learn.microsoft.com/en-us/office/open-xml/word/structure-of-a-wordprocessingml-document."""
    body = "".join(_paragraph(each) if isinstance(each, str) else _table(each) for each in blocks)
    document = f'{_HEAD}<w:document xmlns:w="{_WORD}"><w:body>{body}<w:sectPr/></w:body></w:document>'
    parts = {"word/document.xml": (f"{_TYPES}.wordprocessingml.document.main+xml", document)}
    return _package(parts, "word/document.xml")


def xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of one sheet: https://learn.microsoft.com/en-us/office/open-xml/spreadsheet/structure-of-a-spreadsheetml-document."""
    written = "".join(
        f'<row r="{number}">{"".join(_cell(value, column, number) for column, value in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
    )
    sheet = f'{_HEAD}<worksheet xmlns="{_SHEET}"><sheetData>{written}</sheetData></worksheet>'
    book = (
        f'{_HEAD}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {
        "xl/workbook.xml": (f"{_TYPES}.spreadsheetml.sheet.main+xml", book),
        "xl/worksheets/sheet1.xml": (f"{_TYPES}.spreadsheetml.worksheet+xml", sheet),
    }
    refers = _relationships({"rId1": ("worksheet", "worksheets/sheet1.xml")})
    return _package(parts, "xl/workbook.xml", {"xl/_rels/workbook.xml.rels": refers})


def pdf(blocks: Sequence[Block]) -> bytes:
    """A PDF 1.4 file in one of the standard fonts of every PDF reader."""
    lines = [line for each in blocks for line in [*_lines(each), ""]]
    pages = [lines[start : start + _LINES] for start in range(0, len(lines), _LINES)]
    first = 4  # after the catalog, the page tree and the font
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        shown = "".join(f"({_escaped(line)}) Tj T*\n" for line in page)
        stream = f"BT /F1 11 Tf 15 TL 56 780 Td\n{shown}ET".encode("cp1252")
        objects += [
            (
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
                f"/Contents {first + 2 * number + 1} 0 R >>"
            ).encode(),
            b"<< /Length " + str(len(stream)).encode() + b" >>\nstream\n" + stream + b"\nendstream",
        ]
    return _numbered(objects)


def _numbered(objects: Sequence[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    start, size = len(out), len(objects) + 1
    out += f"xref\n0 {size}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def _lines(block: Block) -> list[str]:
    if isinstance(block, str):
        return textwrap.wrap(block.lstrip("# "), _COLUMNS)
    return ["   ".join(str(cell) for cell in row) for row in block]


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _paragraph(text: str) -> str:
    level = len(text) - len(text.lstrip("#"))
    style = f'<w:pPr><w:pStyle w:val="Heading{level}"/></w:pPr>' if level else ""
    return f'<w:p>{style}<w:r><w:t xml:space="preserve">{escape(text.lstrip("# "))}</w:t></w:r></w:p>'


def _table(rows: Sequence[Sequence[Any]]) -> str:
    cells = ("".join(f"<w:tc>{_paragraph(str(cell))}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl><w:tblPr/><w:tblGrid/>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def _cell(value: Any, column: int, row: int) -> str:
    place = f"{chr(ord('A') + column)}{row}"
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def _relationships(targets: Mapping[str, tuple[str, str]]) -> str:
    found = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{found}</Relationships>'


def _package(parts: Mapping[str, tuple[str, str]], main: str, refers: Mapping[str, str] | None = None) -> bytes:
    kinds = "".join(f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (kind, _) in parts.items())
    types = (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{kinds}</Types>'
    )
    files = {
        "[Content_Types].xml": types,
        "_rels/.rels": _relationships({"rId1": ("officeDocument", main)}),
        **{name: text for name, (_, text) in parts.items()},
        **(refers or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as package:
        for name, text in files.items():
            package.writestr(zipfile.ZipInfo(name), text.encode("utf-8"))
    return out.getvalue()


_WRITERS: dict[str, Callable[[Sequence[Any]], bytes]] = {"docx": docx, "xlsx": xlsx, "pdf": pdf}
