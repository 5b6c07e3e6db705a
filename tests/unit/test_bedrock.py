"""Which models of Bedrock may be called, with which knobs, and under whose name."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam, aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from aws_genai.application import Inference, UsageBudgetOptions
from aws_genai.data import load
from aws_genai.data.bedrock import USES, check_allowed, check_destinations, check_model, destinations, proposed
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, WorkloadRole
from aws_genai.foundation.organization import model_policy
from aws_genai.models import (
    ApplicationProfiles,
    BedrockCatalogue,
    Guardrail,
    ModelAccess,
    ModelAccessOptions,
    ModelParameters,
)
from aws_genai.models.access.inference import requests_of
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

CLAUDE = "us.anthropic.claude-sonnet-4-6"
NOVA = "us.amazon.nova-lite-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
TODAY = date(2026, 11, 25)
REGIONS = set(load("regions")["regions"])


@pytest.mark.parametrize("name", BedrockCatalogue.names())
def test_every_model_of_bedrock_is_whole(name: str) -> None:
    model = BedrockCatalogue.get(name)
    assert model.mode in USES
    # Whoever is not called is told why: it has ended, or nobody knows where it is.
    assert model.callable_from() or refused(name)
    assert model.in_region == bool(model.regions)
    assert all(region in REGIONS for region in model.regions or ())
    for profile, sources in model.routes.items():
        assert profile in model.inference_profiles
        assert not profile.startswith("global.")
        for source, to in sources.items():
            assert source in REGIONS
            assert to
            assert set(to) <= REGIONS
    assert not set(model.supports) & set(model.supports_not)
    if model.end_of_life:
        assert date.fromisoformat(model.end_of_life) > date(2024, 1, 1)


def refused(model: str, region: str | None = None) -> str:
    with pytest.raises(InvalidValueError) as error:
        check_model(model, region, today=TODAY)
    return str(error.value)


@pytest.mark.parametrize(
    ("model", "region", "words"),
    [
        ("meta.llama3-1-405b-instruct-v1:0", None, ["end of life on 2026-07-07", "Did you mean"]),
        ("eu.amazon.nova-lite-v1:0", "us-east-1", ["cannot be called from us-east-1", "or us.amazon.nova-lite-v1:0?"]),
        ("us.amazon.nova-lite-v1:0", "us-gov-west-1", ["from us-gov-west-1", "mean amazon.nova-lite-v1:0?"]),
        (
            "jp.anthropic.claude-sonnet-4-6",
            "ap-southeast-2",
            ["from ap-southeast-2", "mean au.anthropic.claude-sonnet-4-6?"],
        ),
        ("amazon.nova-lite-v1:0", "eu-west-1", ["itself, only through a profile", "mean eu.amazon.nova-lite-v1:0?"]),
        ("us.amazon.nova-lite-v1:0", "ca-central-1", ["from ca-central-1", "mean ca.amazon.nova-lite-v1:0?"]),
        ("us.amazon.nova-lite-v1:0", "mx-central-1", ["from mx-central-1", "Choose another Region"]),
        ("mistral.mistral-large-2407-v1:0", "us-east-1", ["not available in us-east-1. It is in us-west-2"]),
        ("apac.anthropic.claude-sonnet-4-6", "ap-south-1", ["routes calls is not known"]),
        ("anthropic.claude-3-7-sonnet-20240620-v1:0", None, ["Which Regions", "is not known"]),
        ("anthropic.claude-mythos-5", None, ["No Region is known to have"]),
        # An end of life can differ by Region.
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "us-east-1", ["in us-east-1 on 2026-07-30"]),
    ],
)
def test_models_that_no_call_reaches(model: str, region: str | None, words: list[str]) -> None:
    with pytest.raises(InvalidValueError) as refused:
        check_model(model, region, today=TODAY)
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    ("model", "region"),
    [
        ("eu.amazon.nova-lite-v1:0", "eu-west-1"),
        ("apac.amazon.nova-lite-v1:0", "ap-northeast-1"),
        ("jp.anthropic.claude-sonnet-4-6", "ap-northeast-1"),
        ("ca.amazon.nova-lite-v1:0", "ca-west-1"),
        ("us.anthropic.claude-sonnet-4-6", "ca-central-1"),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "ap-northeast-2"),
    ],
)
def test_models_that_may_be_reached(model: str, region: str) -> None:
    check_model(model, region, today=TODAY)


def test_a_profile_answers_where_it_routes_to_and_a_model_where_it_is() -> None:
    assert destinations(TITAN, "us-east-1") == ("us-east-1",)
    assert destinations(NOVA, "us-west-1") == ("us-east-1", "us-east-2", "us-west-1", "us-west-2")
    with pytest.raises(InvalidValueError, match="cannot be called from eu-west-1"):
        destinations(NOVA, "eu-west-1")


def test_a_profile_that_routes_elsewhere_is_refused() -> None:
    check_destinations(NOVA, "us-east-1", [])
    check_destinations(NOVA, "us-east-1", ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"])
    with pytest.raises(InvalidValueError, match="routes calls from us-east-1 to us-east-2, us-west-2 too"):
        check_destinations(NOVA, "us-east-1", ["us-east-1"])


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-south-1", "sa-east-1", "us-gov-west-1"])
def test_hints_name_only_what_the_region_can_call(region: str) -> None:
    for name in BedrockCatalogue.names():
        for word in re.findall(r"[a-z0-9-]+\.[a-z0-9.:-]+[a-z0-9]", proposed(name, region, today=TODAY)):
            check_model(word, region, today=TODAY)


def test_the_day_of_the_facts_decides_and_not_the_clock() -> None:
    check_model("ai21.jamba-1-5-mini-v1:0", "us-east-1")
    with pytest.raises(InvalidValueError, match="end of life on 2026-11-26"):
        check_model("ai21.jamba-1-5-mini-v1:0", "us-east-1", today=date(2026, 11, 26))


def test_provider_and_use_bound_what_may_be_named() -> None:
    check_allowed(NOVA, ["amazon"], ["chat"])
    with pytest.raises(InvalidValueError, match="provider anthropic, and only amazon"):
        check_allowed(CLAUDE, ["amazon"], [])
    with pytest.raises(InvalidValueError, match="use embedding, and only chat, rerank"):
        check_allowed(TITAN, [], ["rerank", "chat"])


@pytest.mark.parametrize(
    ("model", "knobs", "field"),
    [
        ("us.anthropic.claude-opus-5", {"temperature": 0.2}, "temperature"),
        ("us.anthropic.claude-opus-5", {"top_p": 0.2}, "top_p"),
        (CLAUDE, {"reasoning_effort": "low", "temperature": 0.5}, "temperature"),
        (NOVA, {"reasoning_effort": "low"}, "reasoning_effort"),
        (NOVA, {"max_tokens": 10_001}, "max_tokens"),
        (NOVA, {"temperature": 1.5}, "temperature"),
        ("us.amazon.nova-2-lite-v1:0", {"reasoning_effort": "high"}, "reasoning_effort"),
        ("us.deepseek.r1-v1:0", {"reasoning_effort": "low"}, "reasoning_effort"),
    ],
)
def test_a_knob_that_a_model_lacks_is_refused(model: str, knobs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        ModelParameters(**knobs).check(model)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("us.amazon.nova-2-lite-v1:0", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        (CLAUDE, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ("openai.gpt-oss-20b-1:0", {"reasoning_effort": "low"}),
    ],
)
def test_each_family_is_told_its_own_way_how_long_to_reason(model: str, fields: dict[str, Any]) -> None:
    own = ModelParameters(reasoning_effort="low")
    own.check(model)
    assert own.request(model)["additionalModelRequestFields"] == fields


def test_a_model_s_own_knobs_go_before_the_bounds_of_all() -> None:
    made = requests_of(
        [NOVA, CLAUDE, "us.anthropic.claude-opus-5"],
        Inference(max_tokens=500, temperature=0.4),
        {NOVA: ModelParameters(top_p=0.9), CLAUDE: ModelParameters(reasoning_effort="medium", max_tokens=900)},
    )
    assert made[NOVA]["inferenceConfig"] == {"maxTokens": 500, "topP": 0.9}
    assert made[CLAUDE]["inferenceConfig"] == {"maxTokens": 900}
    assert made["us.anthropic.claude-opus-5"] == {"inferenceConfig": {"maxTokens": 500}}
    with pytest.raises(InvalidValueError, match="not offered"):
        requests_of([NOVA], Inference(), {CLAUDE: ModelParameters()})


def access(stack: cdk.Stack, **options: Any) -> ModelAccess:
    guardrail = Guardrail(
        stack,
        "Guardrail",
        name="one",
        foundation=Foundation(stack, key=DataKey(stack, "Key", description="Policy")),
    )
    return ModelAccess(
        stack,
        "Access",
        guardrail=guardrail,
        options=ModelAccessOptions(models=[CLAUDE, NOVA, TITAN], **options),
    )


def role(stack: cdk.Stack) -> WorkloadRole:
    return WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def test_an_application_reaches_models_through_its_profiles_only() -> None:
    def build(stack: cdk.Stack) -> None:
        profiles = ApplicationProfiles(stack, "Chat", name="chat", access=access(stack), models=[NOVA])
        profiles.grant_invoke(role(stack))

    template = template_of(build)
    template.has_resource_properties(
        "AWS::Bedrock::ApplicationInferenceProfile",
        {
            "InferenceProfileName": "chat-us-amazon-nova-lite-v1-0",
            "ModelSource": {"CopyFrom": Match.any_value()},
            "Tags": Match.array_with([{"Key": "application", "Value": "chat"}]),
        },
    )
    (name,) = template.find_resources("AWS::IAM::Role")
    (profile,) = template.find_resources("AWS::Bedrock::ApplicationInferenceProfile")
    (guardrail,) = template.find_resources("AWS::Bedrock::Guardrail")
    guarded = {"bedrock:GuardrailIdentifier": f"arn:aws:bedrock:us-east-1:111122223333:guardrail/{guardrail}:1"}
    arn = f"arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/{profile}"
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    templates = template.to_json()
    call = "bedrock:InvokeModel"
    assert_allows(templates, name, call, arn, guarded)
    assert_allows(templates, name, call, model, {**guarded, "bedrock:InferenceProfileArn": arn})
    assert_denies(templates, name, call, model, guarded)
    assert_denies(templates, name, call, arn)
    system = "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-lite-v1:0"
    assert_denies(templates, name, call, system, guarded)


def test_a_profile_of_a_model_that_is_not_allowed_is_refused() -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match="not among the models"):
        ApplicationProfiles(stack, "Chat", name="chat", access=access(stack), models=["amazon.nova-micro-v1:0"])


def test_a_long_name_ends_in_a_digest() -> None:
    template = template_of(
        lambda stack: ApplicationProfiles(stack, "Chat", name="c" * 50, access=access(stack), models=[NOVA, CLAUDE])
    )
    made = template.find_resources("AWS::Bedrock::ApplicationInferenceProfile").values()
    found = [each["Properties"]["InferenceProfileName"] for each in made]
    assert len(set(found)) == 2
    # The pattern of the API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html
    assert all(re.fullmatch(r"([0-9a-zA-Z][ _-]?)+", name) and len(name) <= 64 for name in found)


def test_a_broader_role_is_held_to_the_models_and_the_guardrail() -> None:
    def build(stack: cdk.Stack) -> None:
        broad = role(stack)
        broad.allow(("bedrock:InvokeModel",), ["*"])
        access(stack).deny_others(broad)

    template = template_of(build)
    (name,) = template.find_resources("AWS::IAM::Role")
    (guardrail,) = template.find_resources("AWS::Bedrock::Guardrail")
    guarded = {"bedrock:GuardrailIdentifier": f"arn:aws:bedrock:us-east-1:111122223333:guardrail/{guardrail}:1"}
    foundation = "arn:aws:bedrock:us-east-1::foundation-model/"
    templates, call = template.to_json(), "bedrock:InvokeModel"
    assert_allows(templates, name, call, f"{foundation}anthropic.claude-sonnet-4-6", guarded)
    assert_denies(templates, name, call, f"{foundation}anthropic.claude-sonnet-4-6")
    assert_denies(templates, name, call, f"{foundation}amazon.nova-pro-v1:0", guarded)
    # An embedding is no text that a guardrail could assess.
    assert_allows(templates, name, call, f"{foundation}{TITAN}")


def test_tokens_are_counted_without_an_answer() -> None:
    def build(stack: cdk.Stack) -> None:
        access(stack).grant_count_tokens(role(stack), models=[CLAUDE])

    template = template_of(build)
    (name,) = template.find_resources("AWS::IAM::Role")
    model = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6"
    assert_allows(template.to_json(), name, "bedrock:CountTokens", model)
    assert_denies(template.to_json(), name, "bedrock:InvokeModel", model)


def test_models_have_metrics_by_their_own_id_and_by_their_profile() -> None:
    stack = new_stack()
    models = access(stack)
    profiles = ApplicationProfiles(stack, "Chat", name="chat", access=models, models=[NOVA])
    names = {
        "metric_invocations": "Invocations",
        "metric_latency": "InvocationLatency",
        "metric_input_tokens": "InputTokenCount",
        "metric_output_tokens": "OutputTokenCount",
    }
    for method, name in names.items():
        for who, model in ((models, NOVA), (profiles, profiles.ids[NOVA])):
            metric = getattr(who, method)(NOVA, period=cdk.Duration.minutes(1))
            assert (metric.namespace, metric.metric_name) == ("AWS/Bedrock", name)
            assert metric.dimensions == {"ModelId": model}
            assert metric.period.to_minutes() == 1
    assert models.metric_throttles(NOVA).metric_name == "InvocationThrottles"


@pytest.mark.parametrize("kind", ["function", "user", "role"])
def test_models_are_granted_to_any_principal(kind: str) -> None:
    stack = new_stack()
    runtime = lambda_.Runtime.PYTHON_3_13
    grantee: iam.IGrantable = {
        "function": lambda: lambda_.Function(
            stack, "Who", runtime=runtime, handler="a.b", code=lambda_.Code.from_inline("pass")
        ),
        "user": lambda: iam.User(stack, "Who"),
        "role": lambda: iam.Role(stack, "Who", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")),
    }[kind]()
    models = access(stack)
    profiles = ApplicationProfiles(stack, "Chat", name="chat", access=models, models=[NOVA])
    grants = [
        models.grant_invoke(grantee, streaming=True),
        models.grant_count_tokens(grantee, models=[CLAUDE]),
        models.guardrail.grant_apply(grantee),
        profiles.grant_invoke(grantee),
    ]
    assert all(isinstance(each, iam.Grant) and each.success for each in grants)
    statements = [
        statement
        for each in Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
    ]
    invoking = [each for each in statements if "bedrock:InvokeModel" in each["Action"]]
    assert invoking
    assert all("bedrock:GuardrailIdentifier" in each["Condition"]["StringEquals"] for each in invoking)


def test_access_is_bounded_by_provider_and_use() -> None:
    with pytest.raises(InvalidValueError, match="use embedding"):
        access(new_stack(), uses=["chat"])


def test_an_organization_s_policy_needs_models_and_regions_and_stays_short() -> None:
    for models, regions in (([], ["us-east-1"]), ([NOVA], [])):
        with pytest.raises(InvalidValueError, match="every call would be denied"):
            model_policy(models, regions=regions)
    with pytest.raises(InvalidValueError, match="AWS allows 5120"):
        model_policy(BedrockCatalogue.names(), regions=["us-east-1"])


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="at least 1"):
        UsageBudgetOptions(requests_per_day=0)
