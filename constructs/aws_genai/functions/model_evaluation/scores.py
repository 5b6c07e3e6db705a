"""Scores of answers against expected answers, from 0 to 1, as in SQuAD and ROUGE.

https://arxiv.org/abs/1606.05250, https://aclanthology.org/W04-1013
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

#: The metrics that may have a threshold.
METRICS = ("exact_match", "f1", "rouge_l")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_LONGEST = 2_000


def scores(pairs: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Returns the mean scores of pairs of an expected answer and the model's answer.

    :raises ValueError: if there is no pair.
    """
    totals = dict.fromkeys(METRICS, 0.0)
    count = 0
    for expected, given in pairs:
        count += 1
        wanted, got = _words(expected), _words(given)
        totals["exact_match"] += wanted == got
        totals["f1"] += _f1(sum((Counter(wanted) & Counter(got)).values()), wanted, got)
        totals["rouge_l"] += _f1(_common(wanted[:_LONGEST], got[:_LONGEST]), wanted[:_LONGEST], got[:_LONGEST])
    if not count:
        raise ValueError("there are no held-out records to evaluate with")
    return {name: round(totals[name] / count, 4) for name in METRICS}


def _words(text: str) -> list[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return _ARTICLES.sub(" ", plain).split()


def _f1(same: int, wanted: list[str], got: list[str]) -> float:
    if not wanted or not got:
        return float(wanted == got)
    return 2 * same / (len(wanted) + len(got))


def _common(one: list[str], other: list[str]) -> int:
    """Returns the length of the longest common subsequence of two texts, in words."""
    before = [0] * (len(other) + 1)
    for word in one:
        now = [0]
        for number, each in enumerate(other):
            now.append(before[number] + 1 if word == each else max(now[-1], before[number + 1]))
        before = now
    return before[-1]
