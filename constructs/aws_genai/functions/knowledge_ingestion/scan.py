"""Whether a document may be read by models: its kind, what it carries, and whom it speaks to."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ..documents import SlowError, UnreadableError, extract_apart
from ..untrusted.orders import orders

#: Kinds that Amazon Bedrock reads, by ending: how their files begin, where they begin alike.
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
#: Most bytes of a document: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
LARGEST = 50 * 1024 * 1024
#: Characters of a document at most, which are about two thousand pages.
MOST_CHARACTERS = 4_000_000
#: Seconds that reading a document may take, and judging what it says.
READING, JUDGING = 40.0, 30.0
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"\x00asm")
_MACROS = re.compile(r"(vbaProject\.bin|\.(exe|dll|scr|js|vbs|ps1|bat|jar))$", re.IGNORECASE)
#: Orders at most that are told of one document.
_TOLD = 5


@dataclass(frozen=True)
class Look:
    """What was seen of a document.

    :param problems: why it stays out; none if it may come in.
    :param text: what it says, with what readers do not see, for a guardrail to assess.
    :param final: whether no reviewer can let it in: it is a program, carries one, or is nothing that Bedrock reads.
    """

    problems: tuple[str, ...]
    text: str = ""
    final: bool = False


def look(key: str, content: bytes, seconds: float = READING + JUDGING) -> Look:
    """Look at a document: its form, then who it speaks to and what it asks for.

    :param key: its key, which tells its kind by its ending.
    :param seconds: how long that may take.
    :raises SlowError: if it takes longer.
    """
    if found := tuple(_form(key, content)):
        return Look(found, final=True)
    share = seconds / (READING + JUDGING)
    try:
        pieces = extract_apart(key, content, seconds=READING * share).pieces
    except SlowError:
        raise
    except UnreadableError as error:
        return Look((str(error),))
    # A name of one or two words says nothing that could be assessed.
    text = "\n".join(each.text for each in pieces if each.where != "file name" or each.text.count(" ") > 1)
    if len(text) > MOST_CHARACTERS:
        return Look((f"it holds {len(text):,} characters; {MOST_CHARACTERS:,} are the most: split it",), text)
    try:
        found = tuple(str(each) for each in islice(orders(pieces, seconds=JUDGING * share), _TOLD))
    except TimeoutError as error:
        raise SlowError from error
    return Look(found, text)


def problems(key: str, content: bytes) -> Iterator[str]:
    """Why a document stays out; nothing if it may come in."""
    try:
        yield from look(key, content).problems
    except SlowError as error:
        yield str(error)


def _form(key: str, content: bytes) -> Iterator[str]:
    """What is wrong with a document whatever it says."""
    kind = key.rpartition(".")[2].lower()
    if kind not in KINDS:
        yield f"{kind or 'no ending'} is not a kind of document"
        return
    if len(content) > LARGEST:
        yield f"it has {len(content)} bytes; {LARGEST} are the most"
        return
    if content.startswith(_PROGRAMS):
        yield "it is a program"
        return
    if KINDS[kind] and not content.startswith(KINDS[kind]):
        yield f"it is no {kind}"
        return
    if kind.endswith("x"):
        yield from _parts(content)


def _parts(content: bytes) -> Iterator[str]:
    """A document of Office is an archive, and may carry programs."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            carried = [name for name in archive.namelist() if _MACROS.search(name)]
            large = sum(each.file_size for each in archive.infolist()) > 20 * LARGEST
    except zipfile.BadZipFile:
        yield "it is damaged"
        return
    if carried:
        yield f"it carries a program: {carried[0]}"
    if large:
        yield "it unpacks to far more than it holds"
