"""What Bedrock rejects in a guardrail: lengths, numbers, patterns, and combinations.

The service model of botocore has most limits. The others are on these pages:
https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tiers.html
https://docs.aws.amazon.com/general/latest/gr/bedrock.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import regex

from . import service_models

Json = dict[str, Any]

#: Maximum number of guardrails per account and Region, versions per guardrail, regular expressions per guardrail.
MOST_GUARDRAILS, MOST_VERSIONS, MOST_PATTERNS = 100, 20, 10
#: Maximum length of a topic definition, by tier.
_DEFINITIONS = {"CLASSIC": 200, "STANDARD": 1000}
#: Maximum threshold of a grounding check: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html
MOST_THRESHOLD = 0.99
#: Limits of one ApplyGuardrail request: text units, images, bytes of an image.
MOST_UNITS, MOST_IMAGES, MOST_IMAGE_BYTES = 25, 20, 4 * 1024 * 1024
#: Maximum number of characters in a grounding check, by type of text.
_GROUNDING = {"grounding_source": 100_000, "query": 1_000}
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
_LOOKAROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?:<?[=!])")


class RefusedError(ValueError):
    """Bedrock's error for an invalid guardrail."""

    def __init__(self, message: str, code: str = "ValidationException") -> None:
        super().__init__(message)
        self.code = code


def check(operation: str, request: Mapping[str, Any], profiles: frozenset[str] | None = None) -> None:
    """Reject what CreateGuardrail or UpdateGuardrail rejects.

    :param operation: which of the two.
    :param request: in the API's spelling.
    :param profiles: ids of the guardrail profiles of the Region, None if they are not known.
    :raises RefusedError: with the name of the invalid member.
    """
    if problems := service_models.request_problems("bedrock", operation, request, _bounds()):
        raise RefusedError(service_models.told(problems))
    if problems := [*_rules(request, profiles)]:
        raise RefusedError(" ".join(problems))
    patterns = (request.get("sensitiveInformationPolicyConfig") or {}).get("regexesConfig") or []
    if len(patterns) > MOST_PATTERNS:
        reason = f"{len(patterns)} regular expressions exceed the quota of {MOST_PATTERNS} per guardrail"
        raise RefusedError(reason, "ServiceQuotaExceededException")


def check_content(request: Mapping[str, Any]) -> None:
    """Reject requests that ApplyGuardrail rejects.

    :raises RefusedError: with the name of the invalid member.
    """
    if problems := service_models.request_problems("bedrock-runtime", "ApplyGuardrail", request):
        raise RefusedError(service_models.told(problems))
    texts = [each["text"] for each in request["content"] if "text" in each]
    images = [each["image"] for each in request["content"] if "image" in each]
    plain = sum(
        len(each["text"]) for each in texts if set(each.get("qualifiers") or ["guard_content"]) >= {"guard_content"}
    )
    if plain > MOST_UNITS * 1000:
        units = -(-plain // 1000)
        raise RefusedError(f"The text has {units} text units of 1000 characters; a request takes {MOST_UNITS}")
    for qualifier, most in _GROUNDING.items():
        held = sum(len(each["text"]) for each in texts if qualifier in (each.get("qualifiers") or []))
        if held > most:
            raise RefusedError(f"The text of {qualifier} has {held} characters; a request takes {most}")
    if len(images) > MOST_IMAGES:
        raise RefusedError(f"The request has {len(images)} images; it takes {MOST_IMAGES}")
    for image in images:
        if len(str(image["source"].get("bytes", ""))) * 3 // 4 > MOST_IMAGE_BYTES:
            raise RefusedError("An image has more than 4 MB")


def check_config(config: Mapping[str, Any]) -> None:
    """Reject a ``guardrailConfig`` of Converse with an incomplete guardrail, or with an invalid trace value.

    :raises RefusedError: with the name of the invalid member.
    """
    problems = service_models.request_problems(
        "bedrock-runtime", "Converse", {"modelId": "any", "guardrailConfig": dict(config)}
    )
    if problems:
        raise RefusedError(service_models.told(problems))
    for one, other in (("guardrailIdentifier", "guardrailVersion"), ("guardrailVersion", "guardrailIdentifier")):
        if config.get(one) and not config.get(other):
            raise RefusedError(f"guardrailConfig names a {one} without a {other}")


def check_pattern(pattern: str) -> str | None:
    """The error in a regular expression of a guardrail. None if it is valid.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html
    """
    if _LOOKAROUND.search(_CLASS.sub("", pattern)):
        return f"The regular expression {pattern} looks ahead or behind, which guardrails do not support."
    try:
        regex.compile(pattern)
    except regex.error as error:
        return f"The regular expression {pattern} is invalid: {error}."
    return None


@cache
def _bounds() -> service_models.Bounds:
    return {
        ("GuardrailTopicDefinition", "max"): _DEFINITIONS["STANDARD"],
        ("GuardrailContextualGroundingFilterConfigThresholdDouble", "max"): MOST_THRESHOLD,
    }


def _rules(request: Mapping[str, Any], profiles: frozenset[str] | None) -> Iterator[str]:
    topics = request.get("topicPolicyConfig") or {}
    content = request.get("contentPolicyConfig") or {}
    sensitive = request.get("sensitiveInformationPolicyConfig") or {}
    grounding = request.get("contextualGroundingPolicyConfig") or {}
    across = (request.get("crossRegionConfig") or {}).get("guardrailProfileIdentifier")
    tier = _tier(topics)
    for each in topics.get("topicsConfig") or []:
        if len(each["definition"]) > _DEFINITIONS[tier]:
            yield (
                f"The definition of the topic {each['name']} has {len(each['definition'])} characters; "
                f"the {tier} tier takes {_DEFINITIONS[tier]}."
            )
    for what, entries, name in (
        ("topic", topics.get("topicsConfig"), "name"),
        ("content filter", content.get("filtersConfig"), "type"),
        ("PII entity", sensitive.get("piiEntitiesConfig"), "type"),
        ("regular expression", sensitive.get("regexesConfig"), "name"),
        ("contextual grounding filter", grounding.get("filtersConfig"), "type"),
        ("managed word list", (request.get("wordPolicyConfig") or {}).get("managedWordListsConfig"), "type"),
        ("tag", request.get("tags"), "key"),
    ):
        for value, times in Counter(each[name] for each in entries or []).items():
            if times > 1:
                yield f"The {what} {value} stands {times} times."
    for each in content.get("filtersConfig") or []:
        if each["type"] == "PROMPT_ATTACK" and each["outputStrength"] != "NONE":
            yield "The filter PROMPT_ATTACK looks at prompts only: its output strength must be NONE."
    for each in sensitive.get("regexesConfig") or []:
        if problem := check_pattern(each["pattern"]):
            yield problem
    standard = [name for name, policy in (("topic", topics), ("content", content)) if _tier(policy) == "STANDARD"]
    if standard and not across:
        yield f"The STANDARD tier of the {' and the '.join(standard)} policy needs a cross-Region guardrail profile."
    if request.get("automatedReasoningPolicyConfig") and not across:
        yield "An automated reasoning policy needs a cross-Region guardrail profile."
    if across and profiles is not None and str(across).rpartition("/")[2] not in profiles:
        yield f"The guardrail profile {across} cannot be used from this Region."


def _tier(policy: Mapping[str, Any]) -> str:
    return str((policy.get("tierConfig") or {}).get("tierName") or "CLASSIC")
