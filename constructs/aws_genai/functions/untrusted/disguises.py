"""Decodes obfuscated text: look-alike and invisible letters, added spaces, and encodings.

https://www.unicode.org/reports/tr39/
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

#: Invisible characters between letters: zero-width spaces, joiners, fillers, and bidirectional controls.
_BETWEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\U000e0100-\U000e01ef]"
)
_TAGS = re.compile("[\U000e0000-\U000e007f]+")
#: Flag emoji of regions consist of a black flag and tag characters.
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]{2,7}")
#: Variants of a Chinese character consist of the character and one selector.
_VARIANT = re.compile("(?<=[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\U000e0100-\U000e01ef]")
_SELECTORS = re.compile("[\U000e0100-\U000e01ef]|[\ufe00-\ufe0f]{2,}")
_OVERRIDE = re.compile("[\u202d\u202e]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe]")
#: Letters of other scripts that look like Latin letters, and that NFKC does not convert.
_ALIKE = {
    ord(other): latin
    for latin, others in {
        "a": "аαɑᴀ", "b": "вьβʙᖯ", "c": "сᴄϲⲥ", "d": "ԁᴅժɗ", "e": "еєεᴇҽ", "f": "ꜰғẝ", "g": "ɡɢց", "h": "һнհʜ",
        "i": "іιıɩɪꭵ", "j": "јյᴊ", "k": "кκᴋ", "l": "ӏⅼʟꓲ", "m": "мᴍ", "n": "пηոɴ", "o": "оοօᴏⲟꓳσ", "p": "рρᴘ",
        "q": "ԛզ", "r": "гʀꮁɾ", "s": "ѕꜱ", "t": "тτᴛ", "u": "υսᴜʋ", "v": "νᴠѵ", "w": "ԝωᴡɯ", "x": "хχ", "y": "уγʏү",
        "z": "ᴢʐ",
    }.items()
    for other in others
}  # fmt: skip
_LEET = str.maketrans("0134578@$!|€", "oieastbasiie")
_LEET_SIGN = re.compile(r"[a-z][0134578@$!|€][a-z]")
_LEET_WORD = re.compile(r"(?<![\w@$!])(?=[\w@$!|€]*[a-z])(?=[\w@$!|€]*[0134578@$!|€])[\w@$!|€]{3,24}")
_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_][ \t._*~/\\|-]{1,3}){7,}[^\W\d_](?!\w)")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4}[\r\n]{0,2}){5,}[A-Za-z0-9+/_-]{0,3}={0,2}")
_BASE32 = re.compile(r"(?<![A-Z2-7])(?:[A-Z2-7]{8}){3,}[A-Z2-7]{0,7}={0,6}")
_HEX = re.compile(r"(?:(?:\\x|0x|%|\\u00|&#x)?[0-9a-fA-F]{2}[\s,;:-]{0,2}){12,}")
_BITS = re.compile(r"(?:[01]{8}\s?){8,}")
_NUMBERS = re.compile(r"(?:(?:&#|\\)?(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])[\s,;]{1,2}){10,}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){4,}")
#: Obfuscations that people can read, and those that lose the spaces between words.
SEEN = frozenset({"digits instead of letters", "look-alike letters", "invisible characters"})
SPACELESS = frozenset({"spaces between letters", "invisible letters", "invisible characters", "reversed text"})
#: Words of which an instruction contains at least one, for decodings that apply to any text.
_TELLING = ("instruct", "ignore", "disregard", "assistant", "prompt", "forget", "anweisung", "regeln", "consignes")
#: Maximum number of encoded characters that are decoded in one text.
_MOST_DECODED = 400_000


def unseen(text: str) -> bool:
    """Returns whether a text contains invisible characters that models read and no script needs."""
    text = _VARIANT.sub("", _FLAG.sub("", text))
    if _TAGS.search(text) or _SELECTORS.search(text):
        return True
    return bool(_OVERRIDE.search(text)) and not _RIGHT_TO_LEFT.search(text)


def fold(text: str) -> str:
    """Returns the text in lower case and in NFKC, without accents and invisible characters."""
    text = unicodedata.normalize("NFKC", _BETWEEN.sub("", _TAGS.sub("", text)))
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.casefold())
    return "".join(each for each in parts if not unicodedata.combining(each))


def views(text: str) -> Iterator[tuple[str, str]]:
    """Returns the text itself, and the text after each decoding with the name of the obfuscation.

    Obfuscations that are not present are omitted.
    """
    plain = fold(text)
    yield plain, ""
    if _TAGS.search(text):
        letters = (chr(ord(each) - 0xE0000) for each in text if 0xE0020 <= ord(each) <= 0xE007E)
        yield fold("".join(letters)), "invisible letters"
    if selected := "".join(_SELECTORS.findall(text)):
        numbers = [ord(each) - 0xFE00 if ord(each) < 0xFF00 else ord(each) - 0xE0100 + 16 for each in selected]
        yield fold(bytes(each for each in numbers if each < 256).decode("utf-8", "ignore")), "invisible letters"
    if _BETWEEN.search(text):
        if (spaced := fold(_BETWEEN.sub(" ", text))) != plain:
            yield spaced, "invisible characters"
        if "\u202e" in text:
            runs = re.findall("\u202e([^\u202c\n]{8,})", text)
            yield fold(" ".join(each[::-1] for each in runs)), "reversed text"
    if not plain.isascii() and (latin := _latin(plain)) != plain:
        yield latin, "look-alike letters"
    if len(_LEET_SIGN.findall(plain)) > 3:
        yield _LEET_WORD.sub(lambda found: found[0].translate(_LEET), plain), "digits instead of letters"
    for found in _SPACED.finditer(plain):
        words = re.split(r"\s{2,}|(?<=[^\s])[/|](?=[^\s])", found[0])
        yield " ".join(re.sub(r"[^\w]|_", "", word) for word in words), "spaces between letters"
    yield from _decoded(text)
    for made, name in ((codecs.encode(plain, "rot13"), "rot13"), (plain[::-1], "reversed text")):
        if any(word in made for word in _TELLING):
            yield made, name


def _latin(text: str) -> str:
    """Converts words of look-alike letters to Latin letters. Words with other letters are not changed."""

    def made(found: re.Match[str]) -> str:
        word = found[0].translate(_ALIKE)
        return word if word.isascii() else found[0]

    return re.sub(r"\w*[^\W\x00-\x7f]\w*", made, text)


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    """Decodes sequences of encoded text."""
    budget = _MOST_DECODED
    for name, pattern, decode in _CODES:
        for found in pattern.finditer(text):
            budget -= len(found[0])
            if budget < 0:
                return
            made = decode(found[0])
            if made and _readable(made):
                yield fold(made), name
                # Nested encodings are decoded once.
                for inner, other in ((p, d) for _, p, d in _CODES[:3] if (p.search(made))):
                    twice = other(next(inner.finditer(made))[0])
                    if twice and _readable(twice):
                        yield fold(twice), f"{name} twice"
    for name, whole in (
        ("character codes", unescape(text)),
        ("character codes", unquote(text)),
    ):
        if whole != text and ("&#" in text or re.search(r"(?:%[0-9a-fA-F]{2}[^%\s]{0,12}){4,}", text)):
            yield fold(whole), name


def _readable(text: str) -> bool:
    """Returns whether decoded bytes are readable text."""
    seen = sum(each.isprintable() or each in "\r\n\t" for each in text)
    words = sum(each.isalpha() or each.isspace() for each in text)
    return len(text) >= 8 and seen == len(text) and words > 0.75 * len(text)


def _of_base64(code: str) -> str:
    code = re.sub(r"\s", "", code).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        made = base64.b64decode(code[: len(code) - (len(code) % 4 == 1)] + "=" * (-len(code) % 4))
    except (binascii.Error, ValueError):
        return ""
    # The match may include an adjacent word at the beginning or the end.
    text = made.decode("utf-8", "replace")
    runs = re.findall(r"[^\ufffd\x00-\x08\x0b-\x1f\x7f]{8,}", text)
    return "\n".join(runs) if sum(map(len, runs)) > 0.7 * len(text) else ""


def _of_base32(code: str) -> str:
    code = code.rstrip("=")
    try:
        return base64.b32decode(code + "=" * (-len(code) % 8)).decode("utf-8", "strict")
    except (binascii.Error, ValueError):
        return ""


def _of_hex(code: str) -> str:
    try:
        digits = re.sub(r"\\x|0x|%|\\u00|&#x|[\s,;:-]", "", code)
        return bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "strict")
    except ValueError:
        return ""


def _of_bits(code: str) -> str:
    return bytes(int(each, 2) for each in re.findall(r"[01]{8}", code)).decode("utf-8", "ignore")


def _of_numbers(code: str) -> str:
    return "".join(chr(int(each)) for each in re.findall(r"\d{2,3}", code))


def _of_escapes(code: str) -> str:
    return "".join(chr(int(each, 16)) for each in re.findall(r"\\u([0-9a-fA-F]{4})", code))


_CODES = (
    ("base64", _BASE64, _of_base64),
    ("base32", _BASE32, _of_base32),
    ("hexadecimal", _HEX, _of_hex),
    ("binary", _BITS, _of_bits),
    ("character codes", _NUMBERS, _of_numbers),
    ("character codes", _ESCAPES, _of_escapes),
)
