"""Profiles of traffic, and the distance between two profiles.

The distance between two distributions is the population stability index: below 0.1 they are similar, above 0.25 they
differ.
https://scholarworks.wmich.edu/dissertations/3208/
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .records import Exchange

#: Upper bounds of the classes of text lengths, in words; one more class holds longer texts.
_EDGES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)
_WORDS = re.compile(r"\w+")
#: Number of words that are compared individually; all other words are one class.
_VOCABULARY = 200
#: Replaces a share of zero, so that the index stays finite.
_NONE = 0.0005
#: Phrases with which a model declines to answer.
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|i can(?:no|')t (?:help|assist|answer|provide)|as an ai)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Profile:
    """The distributions of one window of traffic, as shares."""

    records: int
    question_lengths: Sequence[float]
    answer_lengths: Sequence[float]
    words: dict[str, float]
    empty: float
    refused: float

    def as_json(self) -> dict[str, Any]:
        """Returns the profile as JSON."""
        return asdict(self)


def profile(exchanges: Iterable[Exchange]) -> Profile:
    """Returns the profile of a window."""
    found = list(exchanges)
    answers = [each.answer for each in found if each.answer is not None]
    words: Counter[str] = Counter()
    for each in found:
        words.update({word.lower() for word in _WORDS.findall(each.question)})
    total = sum(words.values()) or 1
    return Profile(
        len(found),
        _lengths([each.question for each in found]),
        _lengths(answers),
        {word: count / total for word, count in words.most_common(_VOCABULARY)},
        sum(not answer.strip() for answer in answers) / len(answers) if answers else 0.0,
        sum(bool(_REFUSAL.search(answer)) for answer in answers) / len(answers) if answers else 0.0,
    )


def drift(before: Profile, now: Profile) -> dict[str, float]:
    """Returns the distances between two windows, by metric."""
    return {
        "QuestionDrift": _index(before.question_lengths, now.question_lengths),
        "AnswerDrift": _index(before.answer_lengths, now.answer_lengths),
        "TopicDrift": _topics(before.words, now.words),
    }


def _lengths(texts: Sequence[str]) -> list[float]:
    counts = [0] * (len(_EDGES) + 1)
    for text in texts:
        words = len(_WORDS.findall(text))
        counts[sum(words > edge for edge in _EDGES)] += 1
    return [round(count / len(texts), 6) for count in counts] if texts else [0.0] * len(counts)


def _index(before: Sequence[float], now: Sequence[float]) -> float:
    if not sum(before) or not sum(now):
        return 0.0
    pairs = [(max(b, _NONE), max(n, _NONE)) for b, n in zip(before, now, strict=True)]
    return round(sum((n - b) * math.log(n / b) for b, n in pairs), 4)


def _topics(before: dict[str, float], now: dict[str, float]) -> float:
    """Returns the index over the words that were common before; all other words are one class."""
    if not before or not now:
        return 0.0
    known = list(before)
    first, second = [before[word] for word in known], [now.get(word, 0.0) for word in known]
    return _index([*first, max(0.0, 1 - sum(first))], [*second, max(0.0, 1 - sum(second))])
