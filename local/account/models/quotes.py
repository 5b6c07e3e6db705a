"""Not a language model: answers questions over documents with the sentences that match the question best.

It processes as much in a millisecond as a small language model on a laptop in a second, and invents nothing.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from .. import vectors
from .asked import Question

#: A document between markers, as the project's functions pass it to a model.
_DOCUMENT = re.compile(
    r'<(?P<mark>document-[a-z]+) source="(?P<source>[^"]*)">\n(?P<text>.*?)\n</(?P=mark)>', re.DOTALL
)
#: A quotation of the conversation is not a document.
_CONVERSATION = "earlier conversation"
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9])")
_MOST_SENTENCES, _MOST_WORDS = 3, 80
#: Maximum length of a line without a full stop that counts as a heading.
_HEADING = 60
#: Reduction of a document's score for each document that was found before it.
_LATER = 0.08


@dataclass(frozen=True)
class _Unit:
    """A sentence, or the row of a table."""

    source: str
    rank: int
    #: The text above it: a heading, or the header of its table.
    head: str
    text: str


def reply(question: Question) -> str:
    """The sentences of the documents in a question that match it best, or why there are none."""
    asked, documents = _read(question)
    units = [
        unit
        for rank, (source, text) in enumerate(documents)
        for unit in _units(source, rank, text)
        if unit.text.strip()
    ]
    if not units:
        return "I repeat what documents say, and this question came without one that its asker may read."
    likeness = vectors.relevance(asked, [f"{unit.head} {unit.text}" for unit in units])
    scores = [score * (1 - _LATER * unit.rank) for score, unit in zip(likeness, units, strict=True)]
    # A document that matches contains more than one sentence on the subject.
    by_source: dict[str, list[int]] = {}
    for each in sorted(range(len(units)), key=lambda each: -scores[each]):
        by_source.setdefault(units[each].source, []).append(each)
    same = max(by_source.values(), key=lambda found: sum(scores[each] for each in found[:_MOST_SENTENCES]))
    best = same[0]
    chosen, words = [best], len(units[best].text.split())
    for each in same:
        words += len(units[each].text.split()) if each != best else 0
        if len(chosen) == _MOST_SENTENCES or words > _MOST_WORDS:
            break
        # Chunks overlap: the end of one sentence may be the beginning of another.
        if each != best and not any(units[each].text in units[other].text for other in chosen):
            chosen.append(each)
    return f"{' '.join(_shown(units[each]) for each in sorted(chosen))} ({units[best].source})"


def _read(question: Question) -> tuple[str, list[tuple[str, str]]]:
    """The question, and its documents by their names, in the order in which they were found."""
    parts = question.messages[-1]["content"] if question.messages else []
    texts = [each.get("text") or each.get("guardContent", {}).get("text", {}).get("text") or "" for each in parts]
    documents = [
        (html.unescape(found["source"]), found["text"]) for text in texts for found in _DOCUMENT.finditer(text)
    ]
    asked = "\n".join(_DOCUMENT.sub("", text).strip() for text in texts).strip()
    return asked, [each for each in documents if each[0] != _CONVERSATION]


def _units(source: str, rank: int, text: str) -> list[_Unit]:
    made: list[_Unit] = []
    head = names = prose = ""

    def told() -> None:
        nonlocal prose
        made.extend(_Unit(source, rank, head, each) for each in _SENTENCE.split(prose.strip()) if each)
        prose = ""

    for line in (each.strip() for each in text.splitlines()):
        if " | " in line:
            told()
            if names:
                cells = zip(names.split(" | "), line.split(" | "), strict=False)
                row = "; ".join(f"{name}: {cell}" for name, cell in cells if cell)
                made.append(_Unit(source, rank, head, row))
            names = names or line
            continue
        names = ""
        ended = not prose or prose.endswith((".", "!", "?"))
        if line.startswith("#") or (line and ended and len(line) < _HEADING and line[-1] not in ".!?:;,"):
            told()
            head = line.lstrip("# ")
        elif line:
            prose = f"{prose} {line}"
        else:
            told()
    told()
    return made


def _shown(unit: _Unit) -> str:
    return unit.text if unit.text.endswith((".", "!", "?")) else f"{unit.text}."
