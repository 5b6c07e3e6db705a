"""What a guardrail makes of texts: what is blocked, masked, told and counted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local.account.assessment import Part, SlowPatternError, assess

Json = dict[str, Any]


def guardrail(**policies: Any) -> Json:
    arn = "arn:aws:bedrock:us-east-1:000000000000:guardrail/abc"
    return {"GuardrailId": "abc", "GuardrailArn": arn, "Version": "1", **policies}


def sensitive(pii: dict[str, Any] | None = None, **patterns: str) -> Json:
    kinds = [
        {"type": kind, **({"action": each} if isinstance(each, str) else each)} for kind, each in (pii or {}).items()
    ]
    regexes = [{"name": name, "pattern": each, "action": "ANONYMIZE"} for name, each in patterns.items()]
    return guardrail(SensitiveInformationPolicy={"piiEntitiesConfig": kinds, "regexesConfig": regexes})


def words(*texts: str, **more: Any) -> Json:
    return guardrail(WordPolicy={"wordsConfig": [{"text": each} for each in texts], **more})


def test_what_is_masked_has_its_kind_in_braces() -> None:
    found = assess(
        sensitive({"EMAIL": "ANONYMIZE", "PHONE": "ANONYMIZE"}, badge=r"B-\d{6}"),
        "OUTPUT",
        [Part("Mail a@example.com or b@example.com, badge B-123456."), Part("Call 415-555-0123."), Part("Nothing.")],
    )
    assert found.texts == ["Mail {EMAIL} or {EMAIL}, badge {badge}.", "Call {PHONE}.", "Nothing."]
    assert (found.masked, found.blocked, found.reason) == (True, False, "Guardrail masked.")
    policy = found.policies["sensitiveInformationPolicy"]
    assert [(each["match"], each["action"]) for each in policy["piiEntities"]] == [
        ("a@example.com", "ANONYMIZED"),
        ("b@example.com", "ANONYMIZED"),
        ("415-555-0123", "ANONYMIZED"),
    ]
    assert policy["regexes"] == [
        {"name": "badge", "match": "B-123456", "regex": r"B-\d{6}", "action": "ANONYMIZED", "detected": True}
    ]


def test_of_two_matches_in_one_place_the_longer_is_masked() -> None:
    found = assess(
        sensitive({"EMAIL": "ANONYMIZE", "URL": "ANONYMIZE"}, digits=r"\d+"),
        "INPUT",
        [Part("see https://example.com/a@example.com/42 and 43")],
    )
    assert found.texts == ["see {URL} and {digits}"]


def test_a_block_beats_a_mask() -> None:
    found = assess(sensitive({"EMAIL": "ANONYMIZE", "PHONE": "BLOCK"}), "INPUT", [Part("a@example.com, 415-555-0123")])
    assert (found.blocked, found.reason) == (True, "Guardrail blocked.")


@pytest.mark.parametrize(
    ("rule", "source", "action"),
    [
        ({"action": "BLOCK", "inputAction": "NONE"}, "INPUT", "NONE"),
        ({"action": "BLOCK", "inputAction": "NONE"}, "OUTPUT", "BLOCKED"),
        ({"action": "BLOCK", "outputAction": "ANONYMIZE"}, "OUTPUT", "ANONYMIZED"),
        ({"action": "BLOCK", "inputEnabled": False}, "INPUT", None),
        ({"action": "ANONYMIZE", "outputEnabled": False}, "INPUT", "ANONYMIZED"),
        ({"action": "NONE"}, "OUTPUT", "NONE"),
    ],
)
def test_questions_and_answers_have_actions_of_their_own(rule: Json, source: str, action: str | None) -> None:
    found = assess(sensitive({"EMAIL": rule}), source, [Part("a@example.com")])
    told = found.policies.get("sensitiveInformationPolicy", {}).get("piiEntities", [])
    assert [each["action"] for each in told] == ([action] if action else [])
    assert found.blocked is (action == "BLOCKED")
    assert found.masked is (action == "ANONYMIZED")
    assert found.intervened is (action in ("BLOCKED", "ANONYMIZED"))


def test_words_and_profanity_are_told_apart() -> None:
    record = words("project nightingale", managedWordListsConfig=[{"type": "PROFANITY", "inputAction": "NONE"}])
    found = assess(record, "INPUT", [Part("Project Nightingale is shit")])
    assert found.policies["wordPolicy"] == {
        "customWords": [{"match": "project nightingale", "action": "BLOCKED", "detected": True}],
        "managedWordLists": [{"match": "shit", "type": "PROFANITY", "action": "NONE", "detected": True}],
    }
    assert found.blocked
    assert not assess(record, "INPUT", [Part("shit")]).blocked
    assert assess(record, "OUTPUT", [Part("shit")]).blocked


def test_what_is_only_a_source_is_not_assessed() -> None:
    record = words("nightingale")
    source, query = Part("nightingale", ("grounding_source",)), Part("nightingale", ("query",))
    assert not assess(record, "INPUT", [source, query]).blocked
    assert assess(record, "INPUT", [source, Part("nightingale", ("query", "guard_content"))]).blocked
    assert assess(record, "INPUT", [Part("nightingale")]).blocked


@pytest.mark.parametrize(("characters", "units"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (25_000, 25)])
def test_units_are_counted_for_the_policies_there_are(characters: int, units: int) -> None:
    record = guardrail(
        WordPolicy={"wordsConfig": [{"text": "x1"}]},
        SensitiveInformationPolicy={"piiEntitiesConfig": [{"type": "EMAIL", "action": "BLOCK"}]},
        TopicPolicy={"topicsConfig": []},
    )
    found = assess(record, "INPUT", [Part("a" * characters)])
    assert found.usage == {
        "topicPolicyUnits": units,
        "contentPolicyUnits": 0,
        "wordPolicyUnits": units,
        "sensitiveInformationPolicyUnits": units,
        "sensitiveInformationPolicyFreeUnits": 0,
        "contextualGroundingPolicyUnits": 0,
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 0,
        "automatedReasoningPolicies": 0,
    }
    assert found.coverage == {"textCharacters": {"guarded": characters, "total": characters}}


@pytest.mark.parametrize("pattern", [r"(x+x+)+y", r"(a|a)*b", r"^(\w+\s?)*$"])
def test_expressions_that_backtrack_end_in_time(pattern: str) -> None:
    begun = time.perf_counter()
    text = "x" * 5000 + "a" * 5000 + "a " * 2000 + "!"
    try:
        assess(sensitive(slow=pattern), "INPUT", [Part(text)])
    except SlowPatternError as error:
        assert pattern in str(error)
    assert time.perf_counter() - begun < 5


def test_a_slow_expression_is_named() -> None:
    with pytest.raises(SlowPatternError, match=r"takes more than 1 s on \d+ characters"):
        assess(sensitive(slow=r"(.*?,){12}P"), "INPUT", [Part("1," * 300)])


@pytest.mark.parametrize(
    ("pattern", "text", "masked"),
    [
        (r"\p{Lu}{3}-\d+", "id ÄÖÜ-12 here", "id {own} here"),
        (r"(?<year>20\d\d)", "in 2024", "in {own}"),
        (r"(?i)secret", "SECRET Secret", "{own} {own}"),
        (r"a*+b", "aaab", "{own}"),
        (r"x*", "no match of nothing", "no match of nothing"),
        (r"^line$", "line", "{own}"),
    ],
)
def test_expressions_of_other_dialects_are_read(pattern: str, text: str, masked: str) -> None:
    assert assess(sensitive(own=pattern), "OUTPUT", [Part(text)]).texts == [masked]


def test_an_assessment_tells_what_was_looked_at() -> None:
    record = words("nightingale")
    told = assess(record, "INPUT", [Part("A question")]).told(record, 3)
    assert set(told) == {"invocationMetrics", "appliedGuardrailDetails"}
    assert told["invocationMetrics"]["guardrailProcessingLatency"] == 3
    assert told["appliedGuardrailDetails"]["guardrailVersion"] == "1"
