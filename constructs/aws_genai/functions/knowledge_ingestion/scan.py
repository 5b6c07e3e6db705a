"""Screens a document: its format, executable content, and instructions for a model."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..documents import SlowError, UnreadableError, extract_apart
from ..untrusted.orders import orders

#: File formats that Amazon Bedrock reads, by extension, with the first bytes of their files if those are fixed.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/knowledge-base-ds.html
KINDS: dict[str, tuple[bytes, ...]] = {
    "csv": (),
    "doc": (b"\xd0\xcf\x11\xe0",),
    "docx": (b"PK\x03\x04",),
    "html": (),
    "md": (),
    "pdf": (b"%PDF-",),
    "txt": (),
    "xls": (b"\xd0\xcf\x11\xe0",),
    "xlsx": (b"PK\x03\x04",),
}
#: Maximum size of a document in bytes: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
LARGEST = 50 * 1024 * 1024
#: Maximum number of characters of a document, about a thousand pages; the guardrail evaluates all of them.
MOST_CHARACTERS = 2_000_000
#: Maximum number of seconds to read a document, and to search its text for instructions.
READING, JUDGING = 40.0, 30.0
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"\x00asm")
_MACROS = re.compile(r"(vbaProject\.bin|\.(exe|dll|scr|js|vbs|ps1|bat|jar))$", re.IGNORECASE)
#: Maximum number of instructions that are reported for a document.
_TOLD = 5


@dataclass(frozen=True)
class Look:
    """The result of screening a document.

    :param problems: reasons to quarantine it; empty if it is accepted.
    :param text: its text, hidden text included, which a guardrail evaluates.
    :param final: whether no reviewer can release it: it is or contains a program, or Bedrock cannot read its format.
    :param shown: the text that readers of the document see.
    """

    problems: tuple[str, ...]
    text: str = ""
    final: bool = False
    shown: str = ""


def look(key: str, content: bytes, seconds: float = READING + JUDGING) -> Look:
    """Screens a document: first its format, then its text.

    :param key: key of the document. The extension determines the format.
    :param seconds: maximum number of seconds.
    :raises SlowError: if it takes longer.
    """
    if found := tuple(_form(key, content)):
        return Look(found, final=True)
    share = seconds / (READING + JUDGING)
    try:
        extracted = extract_apart(key, content, seconds=READING * share)
    except SlowError:
        raise
    except UnreadableError as error:
        return Look((str(error),))
    pieces = extracted.pieces
    # A file name of one or two words is too short to be evaluated.
    text = "\n".join(each.text for each in pieces if each.where != "file name" or each.text.count(" ") > 1)
    if len(text) > MOST_CHARACTERS:
        return Look((f"it has {len(text):,} characters; the maximum is {MOST_CHARACTERS:,}: split it",), text)
    try:
        found = tuple(str(each) for each in islice(orders(pieces, seconds=JUDGING * share), _TOLD))
    except TimeoutError as error:
        raise SlowError from error
    return Look(found, text, shown=extracted.text)


def problems(key: str, content: bytes) -> Iterator[str]:
    """Returns the reasons to quarantine a document; none if it is accepted."""
    try:
        yield from look(key, content).problems
    except SlowError as error:
        yield str(error)


def _form(key: str, content: bytes) -> Iterator[str]:
    """Returns the problems with the format of a document."""
    kind = key.rpartition(".")[2].lower()
    if kind not in KINDS:
        yield f"{kind or 'a file without an extension'} is not a supported document format"
        return
    if len(content) > LARGEST:
        yield f"it has {len(content)} bytes; the maximum is {LARGEST}"
        return
    if content.startswith(_PROGRAMS):
        yield "it is a program"
        return
    if KINDS[kind] and not content.startswith(KINDS[kind]):
        yield f"its content is not in {kind} format"
        return
    if kind.endswith("x"):
        yield from _parts(content)


def _parts(content: bytes) -> Iterator[str]:
    """Returns the problems with the archive of an Office document, which may contain programs."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            carried = [name for name in archive.namelist() if _MACROS.search(name)]
            large = sum(each.file_size for each in archive.infolist()) > 20 * LARGEST
    except zipfile.BadZipFile:
        yield "it is damaged"
        return
    if carried:
        yield f"it contains a program: {carried[0]}"
    if large:
        yield "it decompresses to much more than its size"
