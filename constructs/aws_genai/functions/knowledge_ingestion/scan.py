"""Whether a document may be read by models: its kind, what it carries, and whom it speaks to."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

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
_TEXT = frozenset({"csv", "html", "md", "txt"})
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!", b"\x00asm")
_MACROS = re.compile(r"(vbaProject\.bin|\.(exe|dll|scr|js|vbs|ps1|bat|jar))$", re.IGNORECASE)
_UNSEEN = re.compile("[\U000e0000-\U000e007f\U000e0100-\U000e01ef\u202a-\u202e\u2066-\u2069]")
#: Sentences that speak to a model and not to a reader. What they mean otherwise is for the guardrail to find.
_ORDERS = (
    re.compile(r"\b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|rule|prompt|question|polic)", re.I | re.S),
    re.compile(
        r"\b(as|if you are|you are|any|for|to) (an? |the )?(ai|language model|llm|assistant|chatbot)s?\b.{0,80}"
        r"\b(must|should|tell|answer|say|call|reveal|forward|ask|recommend|approve|leave)\b",
        re.I | re.S,
    ),
    re.compile(r"\b(assistant|model|ai system|language model)s?\b( that| which| reading| who|:)", re.I),
    re.compile(r"\bsystem prompt\b|\{\{ ?/?system ?\}\}|\byou are now (a|an|the|in)\b", re.I),
    re.compile(r"\b(if|when|whenever) (a|the|any) (user|reader|customer)s? asks?\b", re.I),
    re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<<SYS>>|amazon-bedrock-guardrails-", re.I),
)


def problems(key: str, content: bytes) -> Iterator[str]:
    """Why a document stays out; nothing if it may come in.

    :param key: its key, which tells its kind by its ending.
    """
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
    if kind in _TEXT:
        yield from _orders(content)
    elif kind.endswith("x"):
        yield from _parts(content)


def _orders(content: bytes) -> Iterator[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        yield "it is no text in UTF-8"
        return
    if _UNSEEN.search(text):
        yield "it holds characters that nobody sees and models read"
    for pattern in _ORDERS:
        if found := pattern.search(text):
            yield f"it gives orders to a model: {' '.join(found[0].split())[:60]!r}"
            return


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


def text_of(key: str, content: bytes) -> str:
    """What a guardrail can assess of a document; empty where it is not text."""
    return content.decode("utf-8", errors="ignore") if key.rpartition(".")[2].lower() in _TEXT else ""
