"""Finds denied words in sentences that are written without spaces between words.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-word-filters.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import regex
from ministack.services import bedrock_runtime as runtime

#: Scripts that have no space between words.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_BEFORE, _AFTER = rf"(?<![\w--[{_UNSPACED}ー]])", rf"(?![\w--[{_UNSPACED}ー]])"
_ANY = regex.compile(rf"[{_UNSPACED}]")


def install() -> None:
    """Find them beside what the emulator finds, which takes a whole such sentence for one word."""
    runtime._evaluate_guardrail = _finding(runtime._evaluate_guardrail)


def _finding(evaluate: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def evaluated(record: dict[str, Any], source: str, text: str) -> dict[str, Any]:
        result = evaluate(record, source, text)
        if not _ANY.search(text):
            return result
        policy = result["assessment"].get("wordPolicy", {})
        words = list(policy.get("customWords", []))
        seen = {each["match"] for each in words}
        for each in (record.get("WordPolicy") or {}).get("wordsConfig") or []:
            applies, action = runtime._guardrail_filter_applies(each, source)
            word = each.get("text", "")
            if applies and action != "NONE" and word and word not in seen and contains(text, word):
                words.append({"match": word, "action": "BLOCKED", "detected": True})
        if len(words) > len(seen):
            result["assessment"]["wordPolicy"] = {**policy, "customWords": words}
            result["blocked"] = True
        return result

    return evaluated


def contains(text: str, word: str) -> bool:
    """Whether a text has a word: between spaces, or beside letters of a script that has none."""
    before = "" if _ANY.match(word[0]) else _BEFORE
    after = "" if _ANY.match(word[-1]) else _AFTER
    return regex.search(f"(?V1i){before}{regex.escape(word)}{after}", text) is not None
