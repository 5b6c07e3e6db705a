"""Splits documents into chunks as a data source defines.

https://docs.aws.amazon.com/bedrock/latest/userguide/kb-chunking.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import words

#: The default of a data source: about 300 tokens that end with a sentence, if one ends there.
DEFAULT_TOKENS, DEFAULT_OVERLAP_PERCENT = 300, 20
#: A chunk ends with a sentence if one ends in this last share of the chunk.
_LATE = 0.6
_PIECE = re.compile(r"\S+\s*")
_ENDS = re.compile(r"[.!?…。！？][\"')\]]?\s+$|\n\s*\n\s*$|[|;]\s*\n$")


@dataclass(frozen=True)
class Chunk:
    """A chunk of a document.

    :param text: the text that is embedded and searched.
    :param parent: the parent chunk that is returned in its place, with hierarchical chunking. None otherwise.
    :param metadata: metadata of the chunk, which take precedence over those of the document.
    """

    text: str
    parent: str | None = None
    metadata: Mapping[str, Any] | None = None


def chunks(text: str, configuration: Mapping[str, Any] | None) -> list[Chunk]:
    """The chunks of a text. Empty for a blank text.

    :param configuration: a data source's ``vectorIngestionConfiguration``, if it has one.
    """
    if not text.strip():
        return []
    how = (configuration or {}).get("chunkingConfiguration") or {}
    match how.get("chunkingStrategy"):
        case "NONE":
            return [Chunk(text.strip())]
        case "FIXED_SIZE":
            size = how.get("fixedSizeChunkingConfiguration") or {}
            most = int(size.get("maxTokens", DEFAULT_TOKENS))
            overlap = most * int(size.get("overlapPercentage", DEFAULT_OVERLAP_PERCENT)) // 100
            return [Chunk(part) for part in _cut(_pieces(text), most, overlap)]
        case "HIERARCHICAL":
            return list(_hierarchical(text, how["hierarchicalChunkingConfiguration"]))
        case "SEMANTIC":
            return list(_semantic(text, how["semanticChunkingConfiguration"]))
        case _:
            overlap = DEFAULT_TOKENS * DEFAULT_OVERLAP_PERCENT // 100
            return [Chunk(part) for part in _cut(_pieces(text), DEFAULT_TOKENS, overlap)]


@lru_cache(maxsize=50_000)
def _weight(word: str) -> int:
    return max(1, words.count(word))


def _pieces(text: str) -> list[str]:
    """A text in words, each with the blanks that follow it."""
    return _PIECE.findall(text)


def _cut(pieces: Sequence[str], most: int, overlap: int) -> Iterator[str]:
    """Parts with a maximum number of tokens, each of which begins with the last tokens of the one before."""
    weights = [_weight(each.strip()) for each in pieces]
    start = 0
    while start < len(pieces):
        end, held = start, 0
        while end < len(pieces) and (held + weights[end] <= most or end == start):
            held += weights[end]
            end += 1
        if end < len(pieces):
            end = _sentence_end(pieces, start, end)
        yield "".join(pieces[start:end]).strip()
        if end >= len(pieces):
            return
        back, repeated = end, 0
        while back > start + 1 and repeated + weights[back - 1] <= overlap:
            back -= 1
            repeated += weights[back]
        start = back


def _sentence_end(pieces: Sequence[str], start: int, end: int) -> int:
    earliest = start + int((end - start) * _LATE)
    return next((place for place in range(end, earliest, -1) if _ENDS.search(pieces[place - 1])), end)


def _hierarchical(text: str, how: Mapping[str, Any]) -> Iterator[Chunk]:
    large, small = (int(level["maxTokens"]) for level in how["levelConfigurations"])
    overlap = int(how.get("overlapTokens", 0))
    for parent in _cut(_pieces(text), large, 0):
        for child in _cut(_pieces(parent), small, min(overlap, small - 1)):
            yield Chunk(child, parent)


def _semantic(text: str, how: Mapping[str, Any]) -> Iterator[Chunk]:
    """Parts that end where a sentence is less similar to its neighbors than most are."""
    np = words.numpy()
    sentences = list(_sentences(text))
    around = int(how.get("bufferSize", 0))
    groups = ["".join(sentences[max(0, place - around) : place + around + 1]) for place in range(len(sentences))]
    vectors = words.unit(np.array([words.of_text(each) for each in groups]))
    apart = 1 - (vectors[:-1] * vectors[1:]).sum(axis=1)
    limit = np.percentile(apart, float(how.get("breakpointPercentileThreshold", 95))) if len(apart) else 0.0
    breaks = [place + 1 for place, distance in enumerate(apart) if distance >= limit]
    most = int(how.get("maxTokens", DEFAULT_TOKENS))
    for first, last in zip([0, *breaks], [*breaks, len(sentences)], strict=True):
        for part in _cut(_pieces("".join(sentences[first:last])), most, 0):
            yield Chunk(part)


def _sentences(text: str) -> Iterator[str]:
    held = ""
    for piece in _pieces(text):
        held += piece
        if _ENDS.search(piece):
            yield held
            held = ""
    if held:
        yield held
