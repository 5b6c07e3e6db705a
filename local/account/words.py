"""Vectors of words and texts from the static embeddings in PyPI's wordllama: 256 numbers per token, MIT license.

Nothing is loaded before the first text, and nothing is downloaded. If the package cannot be installed, vectors
are computed from the letters of words: they match other forms of the same words, but no synonyms.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
import zlib
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

logger = logging.getLogger("bedrock-embeddings")

#: Length of a vector, before it is converted to the dimension of the requested model.
SIZE = 256
#: Vector length from which a token has full weight: common ones ("the": 1.6) are shorter than "hotel" (20).
_COMMON = 15.0
#: The vector length of a word that has a gloss.
_GLOSSED = 16.0
_GLOSSES = Path(__file__).with_name("glosses.txt")
_WORD = re.compile(r"[^\W\d_]+|\d+")
#: English words that do not indicate the subject of a question.
_FUNCTION_WORDS = frozenset(
    _WORD.findall("""
        a about after all also an and any are as at be been before being but by can could did do does down each else
        for from get gets got had has have having he her here his how i if in into is it its just many may me might
        more most much must my no nor not of off on once one only or other our out over own per same shall she
        should since so some such than that the their them then there these they this those through to too under
        until up upon us was we were what when where which while who whom whose why will with would yes you your
        yours
    """)
)


@cache
def numpy() -> Any:
    """NumPy, loaded on first use, with one thread: texts are short, and functions run beside it."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        import numpy as found
    finally:
        # NumPy reads these variables while it loads; functions inherit the environment.
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
    return found


class _Source(Protocol):
    #: The source of the vectors. Those of two sources cannot be compared.
    name: str

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text."""

    def rows(self, tokens: Sequence[int]) -> Any:
        """The vectors of tokens."""


class _WordLlama:
    name = "wordllama"

    def __init__(self) -> None:
        numpy()
        import wordllama

        # The package's own search does not find the tokenizer that it contains, unless it is given the package's path.
        held = Path(wordllama.__file__).parent
        model = wordllama.WordLlama.load(cache_dir=held, disable_download=True)
        self._tokenizer, self._table = model.tokenizer, model.embedding
        # It truncates and pads for batches; here every token of one text counts.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def rows(self, tokens: Sequence[int]) -> Any:
        return self._table[list(tokens)]


class _Letters:
    """Vectors of sequences of three letters, pseudo-random but always the same."""

    name = "letters"
    _ROWS = 8192

    def __init__(self) -> None:
        np = numpy()
        self._table = np.random.default_rng(5).standard_normal((self._ROWS, SIZE)).astype("float32")

    def tokens(self, text: str) -> list[int]:
        padded = (f"<{word}>" for word in split(text))
        return [
            zlib.crc32(word[start : start + 3].encode()) % self._ROWS
            for word in padded
            for start in range(max(1, len(word) - 2))
        ]

    def rows(self, tokens: Sequence[int]) -> Any:
        return self._table[list(tokens)]


_loading = threading.Lock()


@cache
def _load() -> _Source:
    try:
        return _WordLlama()
    except ImportError:
        logger.warning("wordllama is not installed: texts are found by the letters of words, not by what they mean")
        return _Letters()


def source() -> _Source:
    """The source of vectors, loaded at the first call."""
    with _loading:
        return _load()


def split(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def telling(words: Iterable[str]) -> list[str]:
    """Words without common ones; all of them if there are no others."""
    given = list(words)
    return [word for word in given if word not in _FUNCTION_WORDS] or given


def count(text: str) -> int:
    """The number of tokens of a text."""
    return len(source().tokens(text))


@cache
def _glosses() -> dict[str, str]:
    """Synonyms for words whose tokens are misleading."""
    lines = _GLOSSES.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def _gloss(word: str) -> str | None:
    known = _glosses()
    return known.get(word) or (known.get(word[:-1]) if word.endswith("s") else None)


def of_text(text: str) -> Any:
    """The mean of a text's tokens. Its direction indicates the subject of the text, as rare words have long vectors."""
    np = numpy()
    total, number, start = np.zeros(SIZE, dtype="float32"), 0, 0
    for place in _WORD.finditer(text):
        if _gloss(place[0].lower()) is None:
            continue
        total, number = _added(total, number, text[start : place.start()])
        total, number = total + _of_word(place[0].lower())[0] * _GLOSSED, number + 1
        start = place.end()
    total, number = _added(total, number, text[start:])
    return total / number if number else total


def _added(total: Any, number: int, text: str) -> tuple[Any, int]:
    tokens = source().tokens(text)
    return (total + source().rows(tokens).sum(axis=0), number + len(tokens)) if tokens else (total, number)


@lru_cache(maxsize=50_000)
def _of_word(word: str) -> tuple[Any, float]:
    np = numpy()
    found = source()
    gloss = _gloss(word)
    if gloss is not None:
        return unit(sum(unit(found.rows(found.tokens(each)).sum(axis=0)) for each in gloss.split())), _GLOSSED
    tokens = found.tokens(word)
    if not tokens:
        return np.zeros(SIZE, dtype="float32"), 0.0
    vector = found.rows(tokens).sum(axis=0)
    length = float(np.linalg.norm(vector))
    return vector / (length or 1.0), length


def of_word(word: str) -> Any:
    """A word's vector, of length 1."""
    return _of_word(word)[0]


def rarity(word: str) -> float:
    """How specific a word is, whatever the subject, from 0 to 1."""
    return min(1.0, _of_word(word)[1] / _COMMON)


def unit(vectors: Any) -> Any:
    """Vectors of length 1, or of 0 where there is nothing."""
    np = numpy()
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


@cache
def _turned(size: int, dimension: int) -> Any:
    """A linear map that keeps lengths and angles of vectors; one to a smaller dimension keeps them approximately."""
    np = numpy()
    chance = np.random.default_rng(20_250_101)
    if dimension < size:
        fewer = np.linalg.qr(chance.standard_normal((size, dimension)))[0]
        return (fewer * math.sqrt(size / dimension)).astype("float32")
    # Orthogonal blocks side by side. Only the last is not square, so that few have to be computed.
    whole = max(0, dimension // size - 1)
    square = np.linalg.qr(chance.standard_normal((size, size)))[0]
    rest = dimension - whole * size
    last = np.linalg.qr(chance.standard_normal((rest, size)))[0].T * math.sqrt(rest / dimension)
    share = math.sqrt(size / dimension)
    blocks = [square[:, chance.permutation(size)] * chance.choice([-share, share], size) for _ in range(whole)]
    return np.concatenate([*blocks, last], axis=1).astype("float32")


def brought_to(vectors: Any, dimension: int) -> Any:
    """Vectors of ``dimension`` numbers that have the same similarities as the given ones."""
    return vectors @ _turned(vectors.shape[-1], dimension)
