"""What Bedrock refuses of a guardrail is refused by the local account, by the library and by the settings alike."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from aws_genai.errors import InvalidValueError
from aws_genai.models.access.options import DeniedTopic, GuardrailOptions
from local.account.guardrail_rules import RefusedError, check, check_config, check_content

Json = dict[str, Any]
ACROSS = {"guardrailProfileIdentifier": "us.guardrail.v1:0"}
PROFILES = frozenset({"us.guardrail.v1:0"})


def whole(**members: Any) -> Json:
    return {"name": "guard", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no", **members}


def topic(**members: Any) -> Json:
    return {"name": "Advice", "definition": "Advice on money.", "type": "DENY", **members}


def topics(*every: Json, tier: str = "") -> Json:
    return {"topicsConfig": list(every), **({"tierConfig": {"tierName": tier}} if tier else {})}


def regexes(*patterns: str) -> Json:
    named = [{"name": f"p{number}", "pattern": each, "action": "BLOCK"} for number, each in enumerate(patterns)]
    return {"regexesConfig": named}


def content(kind: str = "HATE", into: str = "HIGH", out: str = "HIGH", **more: Any) -> Json:
    return {"filtersConfig": [{"type": kind, "inputStrength": into, "outputStrength": out}], **more}


ACCEPTED: dict[str, Json] = {
    "nothing but messages": whole(),
    "a name of fifty": whole(name="a" * 50),
    "messages of 500": whole(blockedInputMessaging="m" * 500, blockedOutputsMessaging="m" * 500),
    "thirty topics": whole(topicPolicyConfig=topics(*(topic(name=f"t{each}") for each in range(30)))),
    "a definition of 200": whole(topicPolicyConfig=topics(topic(definition="d" * 200))),
    "a definition of 1000 in the standard tier": whole(
        topicPolicyConfig=topics(topic(definition="d" * 1000), tier="STANDARD"), crossRegionConfig=ACROSS
    ),
    "five examples of 100": whole(topicPolicyConfig=topics(topic(examples=["e" * 100] * 5))),
    "10,000 words": whole(wordPolicyConfig={"wordsConfig": [{"text": f"w{each}"} for each in range(10_000)]}),
    "a word of 100": whole(wordPolicyConfig={"wordsConfig": [{"text": "w" * 100}]}),
    "ten patterns of 500": whole(sensitiveInformationPolicyConfig=regexes(*["a" * 500] * 10)),
    "a class of letters": whole(sensitiveInformationPolicyConfig=regexes(r"\p{L}+[(?=)]", r"\(?=x")),
    "a threshold of 0.99": whole(
        contextualGroundingPolicyConfig={"filtersConfig": [{"type": "GROUNDING", "threshold": 0.99}]}
    ),
    "prompt attacks": whole(contentPolicyConfig=content("PROMPT_ATTACK", "HIGH", "NONE")),
    "a profile by its ARN": whole(
        crossRegionConfig={
            "guardrailProfileIdentifier": "arn:aws:bedrock:us-east-1:000000000000:guardrail-profile/us.guardrail.v1:0"
        },
        contentPolicyConfig=content(tierConfig={"tierName": "STANDARD"}),
    ),
}
REFUSED: dict[str, tuple[Json, str]] = {
    "no name": ({key: value for key, value in whole().items() if key != "name"}, "at 'name'"),
    "a name of 51": (whole(name="a" * 51), "less than or equal to 50"),
    "a name with a space": (whole(name="a b"), "regular expression pattern"),
    "an empty message": (whole(blockedInputMessaging=""), "greater than or equal to 1"),
    "a message of 501": (whole(blockedOutputsMessaging="m" * 501), "less than or equal to 500"),
    "a description of 201": (whole(description="d" * 201), "less than or equal to 200"),
    "31 topics": (whole(topicPolicyConfig=topics(*(topic(name=f"t{each}") for each in range(31)))), "equal to 30"),
    "no topic": (whole(topicPolicyConfig=topics()), "greater than or equal to 1"),
    "a topic of 101": (whole(topicPolicyConfig=topics(topic(name="t" * 101))), "equal to 100"),
    "a topic with a colon": (whole(topicPolicyConfig=topics(topic(name="a: b"))), "regular expression pattern"),
    "two topics of one name": (whole(topicPolicyConfig=topics(topic(), topic())), "stands 2 times"),
    "a definition of 201 in the classic tier": (
        whole(topicPolicyConfig=topics(topic(definition="d" * 201))),
        "the CLASSIC tier takes 200",
    ),
    "a definition of 1001": (
        whole(topicPolicyConfig=topics(topic(definition="d" * 1001), tier="STANDARD"), crossRegionConfig=ACROSS),
        "less than or equal to 1000",
    ),
    "six examples": (whole(topicPolicyConfig=topics(topic(examples=["e"] * 6))), "equal to 5"),
    "an example of 101": (whole(topicPolicyConfig=topics(topic(examples=["e" * 101]))), "equal to 100"),
    "a topic that is allowed": (whole(topicPolicyConfig=topics(topic(type="ALLOW"))), "enum value set: [DENY]"),
    "10,001 words": (
        whole(wordPolicyConfig={"wordsConfig": [{"text": "w"}] * 10_001}),
        "less than or equal to 10000",
    ),
    "a word of 101": (whole(wordPolicyConfig={"wordsConfig": [{"text": "w" * 101}]}), "equal to 100"),
    "an empty word": (whole(wordPolicyConfig={"wordsConfig": [{"text": ""}]}), "equal to 1"),
    "eleven patterns": (whole(sensitiveInformationPolicyConfig=regexes(*["a"] * 11)), "quota of 10"),
    "a pattern of 501": (whole(sensitiveInformationPolicyConfig=regexes("a" * 501)), "equal to 500"),
    "a look ahead": (whole(sensitiveInformationPolicyConfig=regexes(r"a(?=b)")), "looks ahead or behind"),
    "a negative look ahead": (whole(sensitiveInformationPolicyConfig=regexes(r"a(?!b)")), "looks ahead or behind"),
    "a look behind": (whole(sensitiveInformationPolicyConfig=regexes(r"(?<=a)b")), "looks ahead or behind"),
    "a negative look behind": (whole(sensitiveInformationPolicyConfig=regexes(r"(?<!a)b")), "looks ahead or behind"),
    "no pattern at all": (whole(sensitiveInformationPolicyConfig=regexes("a(b")), "is invalid"),
    "personal data twice": (
        whole(
            sensitiveInformationPolicyConfig={
                "piiEntitiesConfig": [{"type": "EMAIL", "action": each} for each in ("BLOCK", "ANONYMIZE")]
            }
        ),
        "PII entity EMAIL stands 2 times",
    ),
    "unknown personal data": (
        whole(sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "SHOE_SIZE", "action": "BLOCK"}]}),
        "enum value set",
    ),
    "an unknown action": (
        whole(sensitiveInformationPolicyConfig={"piiEntitiesConfig": [{"type": "EMAIL", "action": "MASK"}]}),
        "enum value set",
    ),
    "a threshold of 1": (
        whole(contextualGroundingPolicyConfig={"filtersConfig": [{"type": "GROUNDING", "threshold": 1}]}),
        "less than or equal to 0.99",
    ),
    "a threshold below 0": (
        whole(contextualGroundingPolicyConfig={"filtersConfig": [{"type": "RELEVANCE", "threshold": -0.1}]}),
        "greater than or equal to 0",
    ),
    "prompt attacks in answers": (
        whole(contentPolicyConfig=content("PROMPT_ATTACK")),
        "its output strength must be NONE",
    ),
    "a filter twice": (
        whole(contentPolicyConfig={"filtersConfig": content()["filtersConfig"] * 2}),
        "content filter HATE stands 2 times",
    ),
    "an unknown strength": (whole(contentPolicyConfig=content(into="EXTREME")), "enum value set"),
    "the standard tier without a profile": (
        whole(contentPolicyConfig=content(tierConfig={"tierName": "STANDARD"})),
        "needs a cross-Region guardrail profile",
    ),
    "a profile of another geography": (
        whole(crossRegionConfig={"guardrailProfileIdentifier": "eu.guardrail.v1:0"}),
        "cannot be used from this Region",
    ),
    "a profile that is none": (whole(crossRegionConfig={"guardrailProfileIdentifier": "my-own-profile-1"}), "pattern"),
    "three reasoning policies": (
        whole(
            automatedReasoningPolicyConfig={
                "policies": [
                    f"arn:aws:bedrock:us-east-1:000000000000:automated-reasoning-policy/abcdefghijk{each}:1"
                    for each in range(3)
                ]
            },
            crossRegionConfig=ACROSS,
        ),
        "less than or equal to 2",
    ),
    "reasoning in one Region": (
        whole(
            automatedReasoningPolicyConfig={
                "policies": ["arn:aws:bedrock:us-east-1:000000000000:automated-reasoning-policy/abcdefghijkl:1"]
            }
        ),
        "needs a cross-Region guardrail profile",
    ),
    "a confidence of 2": (
        whole(automatedReasoningPolicyConfig={"policies": [], "confidenceThreshold": 2}, crossRegionConfig=ACROSS),
        "less than or equal to 1",
    ),
    "201 tags": (whole(tags=[{"key": f"k{each}", "value": "v"} for each in range(201)]), "equal to 200"),
    "a tag with a star": (whole(tags=[{"key": "k*", "value": "v"}]), "regular expression pattern"),
    "a key that is none": (whole(kmsKeyId="a key"), "regular expression pattern"),
}


@pytest.mark.parametrize("request_", ACCEPTED.values(), ids=ACCEPTED)
def test_what_bedrock_takes_is_taken(request_: Json) -> None:
    check("CreateGuardrail", request_, PROFILES)


@pytest.mark.parametrize(("request_", "words"), REFUSED.values(), ids=REFUSED)
def test_what_bedrock_refuses_is_refused(request_: Json, words: str) -> None:
    with pytest.raises(RefusedError) as error:
        check("CreateGuardrail", request_, PROFILES)
    assert words in str(error.value)


def applied(*blocks: Json, **members: Any) -> Json:
    return {
        "guardrailIdentifier": "abc123",
        "guardrailVersion": "DRAFT",
        "source": "INPUT",
        "content": list(blocks),
        **members,
    }


def block(text: str, *qualifiers: str) -> Json:
    return {"text": {"text": text, **({"qualifiers": list(qualifiers)} if qualifiers else {})}}


IMAGE = {"image": {"format": "png", "source": {"bytes": base64.b64encode(b"x" * 100).decode()}}}


@pytest.mark.parametrize(
    "request_",
    [
        applied(block("a" * 25_000)),
        applied(
            block("a" * 100_000, "grounding_source"), block("q" * 1000, "query"), block("a" * 5000, "guard_content")
        ),
        applied(block("a"), outputScope="FULL"),
        applied(*[IMAGE] * 20),
        applied(block("a"), guardrailVersion="7"),
    ],
)
def test_contents_that_are_assessed(request_: Json) -> None:
    check_content(request_)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (applied(block("a" * 25_001)), "26 text units"),
        (applied(block("a" * 15_000), block("a" * 15_000)), "30 text units"),
        (applied(block("a"), source="MODEL"), "[INPUT, OUTPUT]"),
        (applied(block("a"), outputScope="ALL"), "[INTERVENTIONS, FULL]"),
        (applied(block("a", "secret")), "grounding_source"),
        (applied(block("a"), guardrailVersion="0"), "pattern"),
        (applied(block("a"), guardrailVersion="latest"), "pattern"),
        (applied(block("a"), guardrailIdentifier="No Guard"), "pattern"),
        (applied({"text": {}}), "at 'content.1.member.text.text'"),
        (applied({}), "Exactly one member"),
        (applied(block("q" * 1001, "query")), "text of query has 1001"),
        (applied(block("q" * 100_001, "grounding_source")), "text of grounding_source"),
        (applied(*[IMAGE] * 21), "21 images"),
        (applied({"image": {"format": "gif", "source": {"bytes": "eA=="}}}), "[png, jpeg]"),
        ({key: value for key, value in applied().items() if key != "content"}, "at 'content'"),
    ],
)
def test_contents_that_are_refused(request_: Json, words: str) -> None:
    with pytest.raises(RefusedError) as error:
        check_content(request_)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "on"}, "[enabled, disabled, enabled_full]"),
        ({"guardrailIdentifier": "abc"}, "without a guardrailVersion"),
        ({"guardrailVersion": "1"}, "without a guardrailIdentifier"),
        ({"guardrailIdentifier": "abc", "guardrailVersion": "v1"}, "pattern"),
    ],
)
def test_half_a_guardrail_is_refused(config: Json, words: str) -> None:
    with pytest.raises(RefusedError) as error:
        check_config(config)
    assert words in str(error.value)


def denied(name: str = "t", definition: str = "d", **more: Any) -> Json:
    return {"denied_topics": {name: DeniedTopic(definition=definition, **more)}}


POLICIES: Mapping[str, tuple[Callable[[], Json], str]] = {
    "31 topics": (lambda: {"denied_topics": {f"t{n}": DeniedTopic(definition="d") for n in range(31)}}, "at most 30"),
    "a topic of 101": (lambda: denied("t" * 101), "at most 100 ASCII letters"),
    "a topic with a colon": (lambda: denied("a: b"), "at most 100 ASCII letters"),
    "a topic without a definition": (lambda: denied(definition=""), "at least 1 character"),
    "a definition of 201": (lambda: denied(definition="d" * 201), "maximum of this tier is 200"),
    "a definition of 1001": (lambda: {**denied(definition="d" * 1001), "cross_region": True}, "at most 1000"),
    "six examples": (lambda: denied(examples=list("abcdef")), "at most 5"),
    "an example of 101": (lambda: denied(examples=["e" * 101]), "at most 100"),
    "10,001 words": (lambda: {"denied_words": [f"w{n}" for n in range(10_001)]}, "at most 10000"),
    "a word of 101": (lambda: {"denied_words": ["w" * 101]}, "at most 100 characters"),
    "an empty word": (lambda: {"denied_words": [" "]}, "consists of spaces only"),
    "eleven patterns": (lambda: {"patterns": {f"p{n}": "a" for n in range(11)}}, "at most 10"),
    "a pattern of 501": (lambda: {"patterns": {"p": "a" * 501}}, "at most 500"),
    "a look ahead": (lambda: {"patterns": {"p": "a(?=b)"}}, "uses lookahead or lookbehind"),
    "a look behind": (lambda: {"patterns": {"p": "(?<!a)b"}}, "uses lookahead or lookbehind"),
    "no pattern at all": (lambda: {"patterns": {"p": "a(b"}}, "not a regular expression"),
    "unknown personal data": (
        lambda: {"pii": {"SHOE_SIZE": "BLOCK"}},
        "not a type of personally identifiable information",
    ),
    "a threshold of 1": (lambda: {"grounding_threshold": 1.0}, "at most 0.99"),
    "a threshold below 0": (lambda: {"relevance_threshold": -0.1}, "at least 0"),
}


@pytest.mark.parametrize(("policy", "words"), POLICIES.values(), ids=POLICIES)
def test_the_library_refuses_the_same(policy: Callable[[], Json], words: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        GuardrailOptions(**policy())
    assert words in str(error.value)


@pytest.mark.parametrize("pattern", [r"\p{L}+", r"\pL", r"(?<year>\d{4})", "[(?=)]", r"\(?=x", "a" * 500])
def test_patterns_of_other_dialects_pass_the_library(pattern: str) -> None:
    GuardrailOptions(patterns={"p": pattern})
