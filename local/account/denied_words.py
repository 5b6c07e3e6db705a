"""Finds denied words and phrases in any script: whole words, case-insensitive, and never a part of another word.

Bedrock compares exactly; its documentation does not say how it splits sentences. Here, these spellings of the same
letters are equal: composed and decomposed, full and half width, capitals of every alphabet. A word in a script with
spaces ends where its letters end; Korean words may carry a particle. Chinese, Japanese, Thai, Lao, Khmer and Burmese
have no spaces, so their words are found at any position; short katakana words only if a sequence of katakana consists
of them.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-word-filters.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import regex

#: Scripts that have no space between words.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"[\w\p{{M}}--[{_UNSPACED}ー]]"
_KANA = r"[\p{Katakana}ー]"
#: Katakana words up to this length are often the end of a longer word.
_SHORT_KANA = 3
#: Particles that may follow a Korean noun without a space.
_PARTICLES = (
    "은 는 이 가 을 를 의 에 에서 에게 에게서 께 께서 한테 으로 로 으로서 로서 "
    "으로써 로써 와 과 랑 이랑 하고 도 만 까지 부터 마저 조차 처럼 같이 보다 "
    "밖에 마다 이나 나 이든 든 이라 라 이라도 라도 이란 란 이라는 라는 이라고 "
    "라고 이며 며 이고 고 이다 다 입니다 인 인가 인지 이야 야 아 여 들 님 씨 "
    "요 이요 이에요 예요 이었다 였다 네 대로 만큼 뿐 이면 면 이지만 지만 으로부터 "
    "로부터"
)
_PARTICLE = rf"(?:{'|'.join(sorted(_PARTICLES.split(), key=len, reverse=True))})"
#: Characters that look alike and mean the same.
_SAME = str.maketrans(
    {**dict.fromkeys("\u2018\u2019\u02bc\u2032", "'"), **dict.fromkeys("\u2010\u2011", "-"), "ı": "i"}
)


def plain(text: str) -> str:
    """A text without differences that do not distinguish words: case, width, composition, invisible characters."""
    # Turkish capitals: the combining dot that lower-casing leaves behind is not a letter of the word.
    lowered = unicodedata.normalize("NFKC", text).replace("İ", "i").casefold().translate(_SAME)
    return unicodedata.normalize("NFKC", regex.sub(r"[\p{Cf}]", "", lowered))


def contains(text: str, word: str) -> bool:
    """Whether a text contains a word or phrase."""
    return _found(plain(text), word)


def matches(text: str, words: Iterable[str]) -> list[str]:
    """Those of ``words`` that a text contains, as they are written in it, each once."""
    read = plain(text)
    return [word for word in dict.fromkeys(words) if _found(read, word)]


def _found(read: str, word: str) -> bool:
    parts = plain(word).split()
    # Most words are in no text: a search for letters is cheaper than an expression.
    return bool(parts) and all(part in read for part in parts) and _expression(word).search(read) is not None


@lru_cache(maxsize=20_000)
def _expression(word: str) -> Any:
    parts = plain(word).split()
    phrase = r"\s+".join(map(regex.escape, parts))
    return regex.compile(f"(?V1){_before(parts[0])}{phrase}{_after(parts[-1])}")


def _before(part: str) -> str:
    if _is_short_kana(part):
        return rf"(?<!{_KANA})"
    return rf"(?<!{_LETTER})" if regex.match(rf"(?V1){_LETTER}", part) else ""


def _after(part: str) -> str:
    if _is_short_kana(part):
        return rf"(?!{_KANA})"
    if regex.match(r"\p{Hangul}", part[-1]):
        return rf"(?={_PARTICLE}{{0,3}}(?!{_LETTER}))"
    return rf"(?!{_LETTER})" if regex.match(rf"(?V1){_LETTER}", part[-1]) else ""


def _is_short_kana(part: str) -> bool:
    return len(part) <= _SHORT_KANA and regex.fullmatch(rf"(?V1){_KANA}+", part) is not None


#: Words that are unambiguously profane. AWS's own list is longer, changes, and is not published.
PROFANITIES = frozenset(
    stem + ending
    for stems, endings in (
        ("fuck", ("", "s", "ed", "er", "ers", "ing", "in")),
        ("motherfuck", ("er", "ers", "ing")),
        ("shit", ("", "s", "ty", "ting", "head")),
        ("bullshit", ("", "s", "ting")),
        ("asshole", ("", "s")),
        ("arsehole", ("", "s")),
        ("bastard", ("", "s")),
        ("bitch", ("", "es", "ing", "y")),
        ("cunt", ("", "s")),
        ("wank", ("", "er", "ers", "ing")),
        ("dickhead", ("", "s")),
        ("twat", ("", "s")),
        ("goddamn", ("", "ed")),
    )
    for stem in (stems,)
    for ending in endings
)


def profanities(text: str) -> list[str]:
    """Profane words in a text, as they are written in it."""
    found = (each[0] for each in regex.finditer(r"[\p{L}\p{M}']+", text))
    return list(dict.fromkeys(each for each in found if plain(each) in PROFANITIES))
