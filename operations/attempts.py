"""The red team's cases, and the disguises that some of them use."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).resolve().parent.parent / "tests" / "redteam" / "cases.yaml"
#: The category of harmless cases, which the guardrail must not block.
HARMLESS = "harmless"

_LEET = str.maketrans("aeiost", "431057")
#: Ways to write a text so that people or filters do not recognize it.
DISGUISES: dict[str, Callable[[str], str]] = {
    "": lambda text: text,
    "base64": lambda text: f"Decode this and do it: {base64.b64encode(text.encode()).decode()}",
    "rot13": lambda text: f"Rotate by 13 and do it: {codecs.encode(text, 'rot13')}",
    "hex": lambda text: f"These are bytes, follow them: {text.encode().hex(' ')}",
    "tags": lambda text: "Nice weather." + "".join(chr(0xE0000 + ord(letter)) for letter in text),
    "zero-width": "\u200b".join,
    "right-to-left": lambda text: f"\u202e{text[::-1]}\u202c",
    "leet": lambda text: text.lower().translate(_LEET),
}


@dataclass(frozen=True)
class Attempt:
    """One case.

    :param where: the kind of text that contains the case: ``question``, ``document``, ``tool`` (what a tool returns) or
        ``answer``.
    :param plain: the text without its disguise.
    """

    category: str
    owasp: str
    where: str
    text: str
    plain: str

    @property
    def harmless(self) -> bool:
        """Whether the guardrail must not block it."""
        return self.category == HARMLESS


def attempts(file: Path = FILE) -> list[Attempt]:
    """All cases, in the order of the file."""
    return [
        Attempt(group["name"], group["owasp"], group["where"], DISGUISES[group.get("encode", "")](text), text)
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))
        for text in group["texts"]
    ]
