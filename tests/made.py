"""Documents of every kind, made as small as they can be, with whatever a test hides in them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_MORE = (
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
_S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
_TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip file of parts by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return made.getvalue()


def run(text: str, properties: str = "") -> str:
    """A run of Word, formatted by XML."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def paragraph(*runs: str, properties: str = "") -> str:
    """A paragraph of Word of runs, or of one plain text."""
    inner = "".join(each if each.startswith("<") else run(each) for each in runs)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inner}</w:p>"


def table(*rows: Sequence[str], cell: str = "") -> str:
    """A table of Word; ``cell`` formats each cell."""
    cells = ["".join(f"<w:tc><w:tcPr>{cell}</w:tcPr>{paragraph(each)}</w:tc>" for each in row) for row in rows]
    return f"<w:tbl>{''.join(f'<w:tr>{each}</w:tr>' for each in cells)}</w:tbl>"


def docx(*body: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """A document of Word of paragraphs and tables in XML, or of plain texts, and further parts."""
    inner = "".join(each if each.startswith("<") else paragraph(each) for each in body)
    kinds = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    relation = f'<Relationship Id="r1" Type="{_TYPES}/officeDocument" Target="word/document.xml"/>'
    return archive(
        {
            "[Content_Types].xml": kinds,
            "_rels/.rels": f"<Relationships {_PACKAGE}>{relation}</Relationships>",
            "word/document.xml": f"<w:document {_W} {_MORE}><w:body>{inner}</w:body></w:document>",
            **(parts or {}),
        }
    )


def word(root: str, *paragraphs: str, inside: str = "") -> str:
    """A part such as ``hdr``, ``footnotes`` or ``comments``, of paragraphs; ``inside`` wraps them."""
    inner = "".join(each if each.startswith("<") else paragraph(each) for each in paragraphs)
    inner = f'<w:{inside} w:id="1">{inner}</w:{inside}>' if inside else inner
    return f"<w:{root} {_W}>{inner}</w:{root}>"


def picture(description: str) -> str:
    """A paragraph of Word with a drawing that says what it shows."""
    return f'<w:p><w:r><w:drawing><wp:inline><wp:docPr id="1" name="Picture 1" descr={quoteattr(description)}/></wp:inline></w:drawing></w:r></w:p>'


def core(**properties: str) -> str:
    """The properties of a document of Office."""
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in properties.items())
    return f"<coreProperties>{inner}</coreProperties>"


def xlsx(
    sheets: Mapping[str, Sequence[Sequence[str]]],
    *,
    states: Mapping[str, str] | None = None,
    styles: str = "",
    styled: Mapping[str, int] | None = None,
    rows: Mapping[int, str] | None = None,
    columns: str = "",
    names: str = "",
    parts: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """A workbook of Excel.

    :param states: ``hidden`` sheets.
    :param styles: fonts, fills and cell formats in XML.
    :param styled: the format of a cell by its reference.
    :param rows: attributes of rows by number.
    """
    made: dict[str, str | bytes] = {}
    listed, relations = "", ""
    for number, (title, lines) in enumerate(sheets.items(), 1):
        state = (states or {}).get(title, "visible")
        listed += f'<sheet name={quoteattr(title)} sheetId="{number}" state="{state}" r:id="r{number}"/>'
        relations += f'<Relationship Id="r{number}" Type="{_TYPES}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        data = ""
        for line, cells in enumerate(lines, 1):
            inner = ""
            for column, text in enumerate(cells):
                place = f"{chr(65 + column)}{line}"
                form = (styled or {}).get(place)
                style = f' s="{form}"' if form is not None else ""
                inner += f'<c r="{place}" t="inlineStr"{style}><is><t>{escape(text)}</t></is></c>'
            data += f'<row r="{line}" {(rows or {}).get(line, "")}>{inner}</row>'
        hidden = f"<cols>{columns}</cols>" if columns else ""
        made[f"xl/worksheets/sheet{number}.xml"] = f"<worksheet {_S}>{hidden}<sheetData>{data}</sheetData></worksheet>"
    defined = f"<definedNames>{names}</definedNames>" if names else ""
    made["xl/workbook.xml"] = f"<workbook {_S} {_R}><sheets>{listed}</sheets>{defined}</workbook>"
    made["xl/_rels/workbook.xml.rels"] = f"<Relationships {_PACKAGE}>{relations}</Relationships>"
    if styles:
        made["xl/styles.xml"] = f"<styleSheet {_S}>{styles}</styleSheet>"
    return archive({**made, **(parts or {})})


#: Cells in format 1 are white.
WHITE_CELLS = (
    '<fonts><font><sz val="11"/></font><font><sz val="11"/><color rgb="FFFFFFFF"/></font></fonts>'
    "<fills><fill><patternFill patternType='none'/></fill></fills>"
    '<cellXfs><xf fontId="0" fillId="0"/><xf fontId="1" fillId="0"/></cellXfs>'
)


def shown(*lines: str, x: int = 72, y: int = 720, size: int = 12, before: str = "") -> str:
    """Operators that show lines of a page, after others."""
    said = " ".join(f"({_literal(line)}) Tj T*" for line in lines)
    return f"BT {before} /F1 {size} Tf {size + 2} TL {x} {y} Td {said} ET\n"


def _literal(text: str) -> str:
    for each in ("\\", "(", ")"):
        text = text.replace(each, f"\\{each}")
    return text


def pdf(
    *pages: str,
    title: str = "",
    annotation: str = "",
    attached: tuple[str, bytes] | None = None,
    resources: str = "",
    extra: Sequence[bytes] = (),
    catalogue: str = "",
) -> bytes:
    """A document in PDF of pages, each of operators.

    :param title: a property of the document.
    :param annotation: a note on the first page.
    :param attached: a file in it.
    :param resources: further resources of each page.
    :param extra: objects from number 10 on.
    :param catalogue: more of the catalogue.
    """
    first = 10 + len(extra)
    kids = [first + 2 * number for number in range(len(pages))]
    objects: dict[int, bytes] = {
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    }
    objects[4] = f"<< /Title ({_literal(title)}) >>".encode("latin-1")
    objects |= {10 + number: each for number, each in enumerate(extra)}
    if annotation:
        objects[5] = f"<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /Contents ({_literal(annotation)}) >>".encode(
            "latin-1"
        )
    if attached:
        content = zlib.compress(attached[1])
        head = f"<< /Type /EmbeddedFile /Filter /FlateDecode /Length {len(content)} >>".encode()
        objects[7] = head + b"\nstream\n" + content + b"\nendstream"
        objects[8] = f"<< /Type /Filespec /F ({attached[0]}) /EF << /F 7 0 R >> >>".encode()
        catalogue += f" /Names << /EmbeddedFiles << /Names [({attached[0]}) 8 0 R] >> >>"
    objects[1] = f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>".encode()
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[2] = f"<< /Type /Pages /Kids [{listed}] /Count {len(pages)} >>".encode()
    for number, (kid, page) in enumerate(zip(kids, pages, strict=True)):
        content = zlib.compress(page.encode("cp1252"))
        notes = " /Annots [5 0 R]" if annotation and not number else ""
        objects[kid] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {kid + 1} 0 R{notes} "
            f"/Resources << /Font << /F1 3 0 R >> {resources} >> >>"
        ).encode()
        head = f"<< /Filter /FlateDecode /Length {len(content)} >>".encode()
        objects[kid + 1] = head + b"\nstream\n" + content + b"\nendstream"
    made = io.BytesIO()
    made.write(b"%PDF-1.7\n")
    places = {}
    for number in sorted(objects):
        places[number] = made.tell()
        made.write(f"{number} 0 obj\n".encode() + objects[number] + b"\nendobj\n")
    start, most = made.tell(), max(objects) + 1
    made.write(f"xref\n0 {most}\n0000000000 65535 f \n".encode())
    for number in range(1, most):
        made.write(f"{places[number]:010d} 00000 n \n".encode() if number in places else b"0000000000 65535 f \n")
    info = " /Info 4 0 R" if title else ""
    made.write(f"trailer\n<< /Size {most} /Root 1 0 R{info} >>\nstartxref\n{start}\n%%EOF\n".encode())
    return made.getvalue()
