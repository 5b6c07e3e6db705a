"""Evaluates texts against a guardrail, as far as that is possible without a classifier.

Words, profanity, regular expressions and personal data are evaluated. Content filters, denied topics, prompt attacks
and grounding need a model: they are counted, but have no result.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-independent-api.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import regex

from . import denied_words, personal_data

Json = dict[str, Any]

#: Characters of a text unit: https://aws.amazon.com/bedrock/pricing/
UNIT = 1000
#: Timeout of a regular expression on one text, in seconds.
SECONDS = 1.0
_ACTIONS = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}


class SlowPatternError(ValueError):
    """A regular expression with excessive backtracking on a text."""


@dataclass(frozen=True)
class Part:
    """A text of a request, and its role for the guardrail.

    :param qualifiers: ``grounding_source``, ``query``, ``guard_content``. Without any, the text is guarded.
    """

    text: str
    qualifiers: tuple[str, ...] = ()

    @property
    def guarded(self) -> bool:
        """Whether policies other than grounding evaluate it."""
        return not self.qualifiers or "guard_content" in self.qualifiers


@dataclass
class Assessment:
    """The findings in the parts of one request."""

    blocked: bool = False
    #: The parts as they may be shown: with placeholders where something is masked.
    texts: list[str] = field(default_factory=list)
    masked: bool = False
    policies: Json = field(default_factory=dict)
    usage: Json = field(default_factory=dict)
    guarded: int = 0
    total: int = 0
    #: Findings that are already reported, by policy.
    noted: set[tuple[Any, ...]] = field(default_factory=set)

    @property
    def intervened(self) -> bool:
        """Whether anything was blocked or masked."""
        return self.blocked or self.masked

    @property
    def reason(self) -> str:
        """The reason for its action, in Bedrock's words."""
        return "Guardrail blocked." if self.blocked else "Guardrail masked." if self.masked else "No action."

    @property
    def coverage(self) -> Json:
        """The amount of evaluated text."""
        return {"textCharacters": {"guarded": self.guarded, "total": self.total}}

    def told(self, record: Mapping[str, Any], milliseconds: int) -> Json:
        """The member ``assessments`` of responses and traces."""
        metrics = {"guardrailProcessingLatency": milliseconds, "usage": self.usage, "guardrailCoverage": self.coverage}
        applied = {
            "guardrailId": record["GuardrailId"],
            "guardrailVersion": record["Version"],
            "guardrailArn": record["GuardrailArn"],
            "guardrailOrigin": ["REQUEST"],
            "guardrailOwnership": "SELF",
        }
        return {**self.policies, "invocationMetrics": metrics, "appliedGuardrailDetails": applied}


def assess(record: Mapping[str, Any], source: str, parts: Sequence[Part]) -> Assessment:
    """Evaluate the parts of a request or a response.

    :param record: a guardrail record of MiniStack.
    :param source: ``INPUT`` or ``OUTPUT``.
    :raises SlowPatternError: if one of the guardrail's expressions takes too long.
    """
    made = Assessment(total=sum(len(each.text) for each in parts))
    made.guarded = sum(len(each.text) for each in parts if each.guarded)
    for part in parts:
        made.texts.append(_assessed(made, record, source, part.text) if part.guarded else part.text)
    made.usage = _usage(record, parts, made.guarded)
    return made


def action_of(rule: Mapping[str, Any], source: str) -> str | None:
    """The action of a rule on a finding in the input or output. None if it does not evaluate it."""
    side = source.lower()
    if not rule.get(f"{side}Enabled", True):
        return None
    return str(rule.get(f"{side}Action") or rule.get("action") or "BLOCK")


def _assessed(made: Assessment, record: Mapping[str, Any], source: str, text: str) -> str:
    words, lists = record.get("WordPolicy") or {}, []
    rules = {each["text"]: action_of(each, source) for each in words.get("wordsConfig") or []}
    for word in denied_words.matches(text, (word for word, action in rules.items() if action)):
        lists.append(("customWords", {"match": word}, rules[word]))
    for each in words.get("managedWordListsConfig") or []:
        action = action_of(each, source)
        for word in denied_words.profanities(text) if action else ():
            lists.append(("managedWordLists", {"match": word, "type": each["type"]}, action))
    for place, found, action in lists:
        _note(made, "wordPolicy", place, {**found, "action": _ACTIONS[str(action)], "detected": True})
        made.blocked |= action == "BLOCK"
    return _masked(made, list(_sensitive(record, source, text)), text)


def _sensitive(record: Mapping[str, Any], source: str, text: str) -> Iterator[tuple[int, int, str, Json, str]]:
    """Locations of sensitive information: start, end, placeholder, reported finding, and action."""
    policy = record.get("SensitiveInformationPolicy") or {}
    actions = {each["type"]: action_of(each, source) for each in policy.get("piiEntitiesConfig") or []}
    for kind, start, end in personal_data.find(text, [kind for kind, action in actions.items() if action]):
        yield start, end, kind, {"match": text[start:end], "type": kind}, str(actions[kind])
    for rule in policy.get("regexesConfig") or []:
        action = action_of(rule, source)
        if action is None:
            continue
        for start, end in _spans(rule["pattern"], text):
            told = {"name": rule["name"], "match": text[start:end], "regex": rule["pattern"]}
            yield start, end, rule["name"], told, action


def _masked(made: Assessment, found: list[tuple[int, int, str, Json, str]], text: str) -> str:
    for *_, told, action in found:
        place = "piiEntities" if "type" in told else "regexes"
        _note(made, "sensitiveInformationPolicy", place, {**told, "action": _ACTIONS[action], "detected": True})
        made.blocked |= action == "BLOCK"
    shown, reached = [], 0
    for start, end, name, _, action in sorted(found, key=lambda each: (each[0], -each[1])):
        if action == "ANONYMIZE" and start >= reached:
            shown += [text[reached:start], f"{{{name}}}"]
            reached = end
    made.masked |= bool(shown)
    return "".join([*shown, text[reached:]])


def _note(made: Assessment, policy: str, place: str, found: Json) -> None:
    both = ("customWords", "managedWordLists") if policy == "wordPolicy" else ("piiEntities", "regexes")
    entries = made.policies.setdefault(policy, {each: [] for each in both})[place]
    key = (place, *found.values())
    if key not in made.noted:
        made.noted.add(key)
        entries.append(found)


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern)


def _spans(pattern: str, text: str) -> list[tuple[int, int]]:
    try:
        found = [match.span() for match in _compiled(pattern).finditer(text, timeout=SECONDS)]
    except TimeoutError as error:
        reason = (
            f"The regular expression {pattern} takes more than {SECONDS:g} s on {len(text)} characters; simplify it"
        )
        raise SlowPatternError(reason) from error
    return [each for each in found if each[0] < each[1]]


def _usage(record: Mapping[str, Any], parts: Sequence[Part], guarded: int) -> Json:
    units = -(-guarded // UNIT)
    sensitive = record.get("SensitiveInformationPolicy") or {}
    grounded = {name for each in parts for name in each.qualifiers} >= {"grounding_source", "query"}
    asked = sum(len(each.text) for each in parts) if grounded else 0
    return {
        "topicPolicyUnits": units if record.get("TopicPolicy") else 0,
        "contentPolicyUnits": units if record.get("ContentPolicy") else 0,
        "wordPolicyUnits": units if record.get("WordPolicy") else 0,
        "sensitiveInformationPolicyUnits": units if sensitive.get("piiEntitiesConfig") else 0,
        "sensitiveInformationPolicyFreeUnits": units if sensitive.get("regexesConfig") else 0,
        "contextualGroundingPolicyUnits": -(-asked // UNIT) if record.get("ContextualGroundingPolicy") else 0,
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 0,
        "automatedReasoningPolicies": 0,
    }
