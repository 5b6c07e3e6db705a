"""Guardrails in the account: what they refuse to be, what is read of them, and what they make of calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.account.service_models import answer_problems

from .conftest import Local
from .test_resources import Stacks

Json = dict[str, Any]
MODEL = "amazon.nova-lite-v1:0"
POLICIES: Json = {
    "description": "All of it",
    "topicPolicyConfig": {
        "topicsConfig": [
            {"name": "Advice", "definition": "d" * 900, "examples": ["Where to invest?"], "type": "DENY"},
            {"name": "Law", "definition": "Questions of law.", "type": "DENY", "outputEnabled": False},
        ],
        "tierConfig": {"tierName": "STANDARD"},
    },
    "contentPolicyConfig": {
        "filtersConfig": [
            {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW", "inputModalities": ["TEXT", "IMAGE"]},
            {"type": "PROMPT_ATTACK", "inputStrength": "MEDIUM", "outputStrength": "NONE"},
        ],
        "tierConfig": {"tierName": "STANDARD"},
    },
    "wordPolicyConfig": {
        "wordsConfig": [{"text": "nightingale"}, {"text": "極秘"}],
        "managedWordListsConfig": [{"type": "PROFANITY"}],
    },
    "sensitiveInformationPolicyConfig": {
        "piiEntitiesConfig": [
            {"type": "EMAIL", "action": "ANONYMIZE"},
            {"type": "PHONE", "action": "BLOCK", "outputAction": "ANONYMIZE"},
        ],
        "regexesConfig": [{"name": "badge", "pattern": r"B-\d{6}", "action": "ANONYMIZE", "description": "Badges"}],
    },
    "contextualGroundingPolicyConfig": {
        "filtersConfig": [{"type": "GROUNDING", "threshold": 0.75}, {"type": "RELEVANCE", "threshold": 0.0}]
    },
    "crossRegionConfig": {"guardrailProfileIdentifier": "us.guardrail.v1:0"},
}
MESSAGES = {"blockedInputMessaging": "Not asked.", "blockedOutputsMessaging": "Not answered."}


@pytest.fixture
def make(local: Local) -> Iterator[Callable[..., str]]:
    """Makes guardrails that go with the test."""
    bedrock, made = local.client("bedrock"), []

    def create(name: str, **policies: Any) -> str:
        answer = bedrock.create_guardrail(name=name, **MESSAGES, **policies)
        made.append(answer["guardrailId"])
        return str(answer["guardrailId"])

    yield create
    for each in made:
        bedrock.delete_guardrail(guardrailIdentifier=each)


def subset(part: Any, whole: Any) -> bool:
    """Whether everything of ``part`` stands in ``whole``."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and subset(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list):
        return len(part) == len(whole) and all(subset(*pair) for pair in zip(part, whole, strict=True))
    return bool(part == whole)


def read(policies: Json) -> Json:
    """A request's policies as GetGuardrail calls them."""
    names = {"tierConfig": "tier"}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {names.get(key, key.removesuffix("Config")): renamed(each) for key, each in value.items()}
        return [renamed(each) for each in value] if isinstance(value, list) else value

    told: Json = renamed({key: value for key, value in policies.items() if key != "crossRegionConfig"})
    return told


def test_a_guardrail_is_read_as_it_was_made(local: Local, make: Callable[..., str]) -> None:
    bedrock = local.client("bedrock")
    found = bedrock.get_guardrail(guardrailIdentifier=make("whole", **POLICIES))
    assert answer_problems("bedrock", "GetGuardrail", found) in ([], _long_definition(found))
    assert subset({**read(POLICIES), **MESSAGES, "name": "whole", "version": "DRAFT", "status": "READY"}, found)
    assert found["crossRegionDetails"]["guardrailProfileId"] == "us.guardrail.v1:0"
    assert found["crossRegionDetails"]["guardrailProfileArn"].endswith(":guardrail-profile/us.guardrail.v1:0")
    assert found["topicPolicy"]["topics"][1]["outputEnabled"] is False
    assert found["topicPolicy"]["topics"][0]["outputEnabled"] is True
    assert bedrock.get_guardrail(guardrailIdentifier=found["guardrailArn"])["name"] == "whole"


def _long_definition(_found: Json) -> list[str]:
    # The service model knows the classic tier's length only.
    constraint = "Member must have length less than or equal to 200"
    return [f"Value at 'topicPolicy.topics.1.member.definition' failed to satisfy constraint: {constraint}"]


def test_an_update_replaces_all_and_versions_stay(local: Local, make: Callable[..., str]) -> None:
    bedrock = local.client("bedrock")
    name = make("versions", **POLICIES)
    first = bedrock.create_guardrail_version(guardrailIdentifier=name, description="the first")["version"]
    bedrock.update_guardrail(guardrailIdentifier=name, name="renamed", **MESSAGES)
    draft = bedrock.get_guardrail(guardrailIdentifier=name)
    assert draft["name"] == "renamed"
    assert "wordPolicy" not in draft
    kept = bedrock.get_guardrail(guardrailIdentifier=name, guardrailVersion=first)
    assert (kept["version"], kept["description"], kept["name"]) == ("1", "the first", "versions")
    assert subset(read({key: POLICIES[key] for key in ("wordPolicyConfig", "contentPolicyConfig")}), kept)
    assert bedrock.create_guardrail_version(guardrailIdentifier=name)["version"] == "2"
    listed = bedrock.list_guardrails(guardrailIdentifier=name)
    assert answer_problems("bedrock", "ListGuardrails", listed) == []
    assert [each["version"] for each in listed["guardrails"]] == ["DRAFT", "1", "2"]
    bedrock.delete_guardrail(guardrailIdentifier=name, guardrailVersion="2")
    assert bedrock.create_guardrail_version(guardrailIdentifier=name)["version"] == "3"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        bedrock.get_guardrail(guardrailIdentifier=name, guardrailVersion="2")
    assert {each["version"] for each in bedrock.list_guardrails()["guardrails"] if each["id"] == name} == {"DRAFT"}


def test_no_more_versions_than_the_quota(local: Local, make: Callable[..., str]) -> None:
    bedrock, name = local.client("bedrock"), make("many")
    for _ in range(20):
        bedrock.create_guardrail_version(guardrailIdentifier=name)
    with pytest.raises(ClientError, match="ServiceQuotaExceeded"):
        bedrock.create_guardrail_version(guardrailIdentifier=name)


def test_names_are_unique(local: Local, make: Callable[..., str]) -> None:
    make("taken")
    with pytest.raises(ClientError, match="ConflictException"):
        make("taken")
    other = make("other")
    with pytest.raises(ClientError, match="ConflictException"):
        local.client("bedrock").update_guardrail(guardrailIdentifier=other, name="taken", **MESSAGES)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        (
            {
                "sensitiveInformationPolicyConfig": {
                    "regexesConfig": [{"name": "p", "pattern": "a(?!b)", "action": "BLOCK"}]
                }
            },
            "ahead",
        ),
        (
            {
                "contentPolicyConfig": {
                    "filtersConfig": [{"type": "PROMPT_ATTACK", "inputStrength": "LOW", "outputStrength": "LOW"}]
                }
            },
            "must be NONE",
        ),
        (
            {"topicPolicyConfig": {"topicsConfig": [{"name": "t", "definition": "d" * 201, "type": "DENY"}]}},
            "CLASSIC tier takes 200",
        ),
        ({"wordPolicyConfig": {"wordsConfig": [{"text": "w" * 101}]}}, "equal to 100"),
        ({"crossRegionConfig": {"guardrailProfileIdentifier": "eu.guardrail.v1:0"}}, "cannot be used from this Region"),
    ],
)
def test_the_api_refuses_what_bedrock_refuses(
    local: Local, make: Callable[..., str], policies: Json, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as error:
        make("refused", **policies)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError, match=words):
        local.client("bedrock").update_guardrail(
            guardrailIdentifier=make("sound"), name="sound", **MESSAGES, **policies
        )


TEMPLATE: Json = {
    "Name": "template",
    "BlockedInputMessaging": "no",
    "BlockedOutputsMessaging": "no",
    "TopicPolicyConfig": {
        "TopicsConfig": [{"Name": "Advice", "Definition": "d" * 300, "Type": "DENY"}],
        "TopicsTierConfig": {"TierName": "STANDARD"},
    },
    "ContentPolicyConfig": {
        "FiltersConfig": [{"Type": "HATE", "InputStrength": "HIGH", "OutputStrength": "HIGH"}],
        "ContentFiltersTierConfig": {"TierName": "STANDARD"},
    },
    "ContextualGroundingPolicyConfig": {"FiltersConfig": [{"Type": "GROUNDING", "Threshold": "0.7"}]},
    "CrossRegionConfig": {
        "GuardrailProfileArn": "arn:aws:bedrock:us-east-1:666666666666:guardrail-profile/us.guardrail.v1:0"
    },
}


@pytest.fixture(scope="module")
def stacks(local: Local) -> Stacks:
    return Stacks(replace(local.account, account="666666666666"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"TopicPolicyConfig": {"TopicsConfig": [{"Name": "t", "Definition": "d" * 201, "Type": "DENY"}]}}, "CLASSIC"),
        (
            {
                "SensitiveInformationPolicyConfig": {
                    "RegexesConfig": [{"Name": "p", "Pattern": "(?<=a)b", "Action": "BLOCK"}]
                }
            },
            "looks ahead or behind",
        ),
        ({"ContextualGroundingPolicyConfig": {"FiltersConfig": [{"Type": "GROUNDING", "Threshold": 1}]}}, "0.99"),
        ({"WordPolicyConfig": {"WordsConfig": [{"Text": "w" * 101}]}}, "equal to 100"),
    ],
)
def test_templates_make_the_same(stacks: Stacks, request: pytest.FixtureRequest, change: Json, words: str) -> None:
    name = "".join(each for each in request.node.name if each.isalnum())[:60]
    resource = {"Type": "AWS::Bedrock::Guardrail", "Properties": {**TEMPLATE, **change}}
    made = stacks.create(name, {"Resources": {"Case": resource}})
    try:
        if words:
            assert made["StackStatus"] == "ROLLBACK_COMPLETE"
            assert words in stacks.reasons(name)
            return
        found = stacks.account.client("bedrock").get_guardrail(guardrailIdentifier=stacks.physical_id(name))
        assert found["topicPolicy"]["tier"] == found["contentPolicy"]["tier"] == {"tierName": "STANDARD"}
        assert found["contextualGroundingPolicy"]["filters"][0]["threshold"] == 0.7
        assert found["crossRegionDetails"]["guardrailProfileId"] == "us.guardrail.v1:0"
    finally:
        stacks.delete(name)


def test_texts_alone_are_assessed(local: Local, make: Callable[..., str]) -> None:
    runtime, name = local.client("bedrock-runtime"), make("texts", **POLICIES)

    def apply(*texts: str, source: str = "INPUT", version: str = "DRAFT", guardrail: str = name) -> Json:
        content = [{"text": {"text": each}} for each in texts]
        answer: Json = runtime.apply_guardrail(
            guardrailIdentifier=guardrail, guardrailVersion=version, source=source, content=content
        )
        assert answer_problems("bedrock-runtime", "ApplyGuardrail", answer) == []
        return answer

    masked = apply("Mail a@example.com", "badge B-123456", "and nothing")
    assert [each["text"] for each in masked["outputs"]] == ["Mail {EMAIL}", "badge {badge}", "and nothing"]
    assert (masked["action"], masked["actionReason"]) == ("GUARDRAIL_INTERVENED", "Guardrail masked.")
    blocked = apply("call 415-555-0123")
    assert (blocked["outputs"], blocked["actionReason"]) == ([{"text": "Not asked."}], "Guardrail blocked.")
    assert apply("call 415-555-0123", source="OUTPUT")["outputs"] == [{"text": "call {PHONE}"}]
    assert apply("Nightingale", source="OUTPUT")["outputs"] == [{"text": "Not answered."}]
    harmless = apply("What happened in 2008-2019?")
    assert (harmless["action"], harmless["outputs"]) == ("NONE", [])
    assert harmless["usage"]["sensitiveInformationPolicyUnits"] == harmless["usage"]["topicPolicyUnits"] == 1
    for wrong, code in (
        ({"version": "9"}, "ResourceNotFoundException"),
        ({"guardrail": "absent"}, "ResourceNotFoundException"),
    ):
        with pytest.raises(ClientError) as error:
            apply("x", **wrong)
        assert error.value.response["Error"]["Code"] == code
    with pytest.raises(ClientError, match="26 text units"):
        apply("a" * 25_001)


def test_conversations_pass_through_it(local: Local, make: Callable[..., str]) -> None:
    runtime, name = local.client("bedrock-runtime"), make("conversations", **POLICIES)

    def converse(*blocks: Json, trace: str = "enabled", version: str = "DRAFT") -> Json:
        config = {"guardrailIdentifier": name, "guardrailVersion": version, "trace": trace}
        answer: Json = runtime.converse(
            modelId=MODEL, messages=[{"role": "user", "content": list(blocks)}], guardrailConfig=config
        )
        return answer

    blocked = converse({"text": "Tell me of Nightingale"})
    assert answer_problems("bedrock-runtime", "Converse", blocked) == []
    assert blocked["stopReason"] == "guardrail_intervened"
    assert blocked["output"]["message"]["content"] == [{"text": "Not asked."}]
    assert blocked["usage"] == {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}
    trace = blocked["trace"]["guardrail"]
    assert trace["actionReason"] == "Guardrail blocked."
    assert trace["inputAssessment"][name]["wordPolicy"]["customWords"][0]["match"] == "nightingale"
    assert "outputAssessments" not in trace
    masked = converse({"text": "Mail a@example.com"}, {"text": "or b@example.com"})
    assert answer_problems("bedrock-runtime", "Converse", masked) == []
    assert masked["stopReason"] == "end_turn"
    entities = masked["trace"]["guardrail"]["inputAssessment"][name]["sensitiveInformationPolicy"]["piiEntities"]
    assert [each["match"] for each in entities] == ["a@example.com", "b@example.com"]
    assert masked["trace"]["guardrail"]["outputAssessments"][name]
    assert "trace" not in converse({"text": "Hello"}, trace="disabled")
    marked = converse({"text": "nightingale"}, {"guardContent": {"text": {"text": "a question"}}})
    # The question passed; the answer repeats it.
    assert marked["trace"]["guardrail"]["outputAssessments"]
    with pytest.raises(ClientError, match="identifier or version provided in the request does not exist") as error:
        converse({"text": "Hello"}, version="8")
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_invocations_pass_through_it(local: Local, make: Callable[..., str]) -> None:
    runtime, name = local.client("bedrock-runtime"), make("invocations", **POLICIES)

    def invoke(text: str) -> Json:
        body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
        answer = runtime.invoke_model(
            modelId=MODEL, body=json.dumps(body), guardrailIdentifier=name, guardrailVersion="DRAFT", trace="ENABLED"
        )
        told: Json = json.loads(answer["body"].read())
        return told

    blocked = invoke("Tell me of Nightingale")
    assert blocked["amazon-bedrock-guardrailAction"] == "INTERVENED"
    assert "Not asked." in json.dumps(blocked)
    assert blocked["amazon-bedrock-trace"]["guardrail"]["input"][name]["wordPolicy"]
    assert invoke("Hello")["amazon-bedrock-guardrailAction"] == "NONE"
    masked = invoke("My badge is B-123456")
    assert masked["amazon-bedrock-guardrailAction"] == "INTERVENED"
    # What the model heard is what it repeats.
    assert "B-123456" not in json.dumps({key: each for key, each in masked.items() if key != "amazon-bedrock-trace"})
