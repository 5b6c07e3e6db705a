"""Guardrails, where they are enforced, what is logged of calls, and when people are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from aws_genai.data import load
from aws_genai.data.geographies import DATA_AUTOMATION, GUARDRAILS, Routed
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, SecureBucket, WorkloadRole
from aws_genai.models import (
    BedrockCatalogue,
    DeniedTopic,
    EnforcedGuardrail,
    EnforcementOptions,
    Guardrail,
    GuardrailOptions,
    InvocationLogging,
    InvocationLoggingOptions,
    ModelAccess,
    ModelAccessOptions,
    ModelWatch,
    ModelWatchOptions,
)
from aws_genai.models.access.enforced_guardrail import organization_enforcement
from aws_genai.testing import Principal, assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
REASONING = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:automated-reasoning-policy/a1b2c3d4e5f6:1"
CHATS = [
    name for name in BedrockCatalogue.names() if name.startswith("us.") and BedrockCatalogue.get(name).use == "chat"
]


def guardrail(stack: cdk.Stack, **options: Any) -> Guardrail:
    return Guardrail(
        stack,
        "Guardrail",
        name="one",
        foundation=Foundation(stack, key=DataKey(stack, "GuardrailKey", description="Policy")),
        options=GuardrailOptions(**options),
    )


def test_a_guardrail_across_regions_has_the_larger_tier_images_patterns_and_reasoning() -> None:
    policies: dict[str, Any] = {
        "cross_region": True,
        "images": True,
        "patterns": {"badge": "B-[0-9]{6}"},
        "automated_reasoning": [REASONING],
        "denied_topics": {"Long": DeniedTopic(definition="x" * 900)},
    }

    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        guardrail(stack, **policies).grant_apply(role)

    template = template_of(build)
    seen = {"InputModalities": ["TEXT", "IMAGE"], "OutputModalities": ["TEXT", "IMAGE"]}
    template.has_resource_properties(
        "AWS::Bedrock::Guardrail",
        {
            "ContentPolicyConfig": {
                "ContentFiltersTierConfig": {"TierName": "STANDARD"},
                "FiltersConfig": Match.array_with([Match.object_like({"Type": "HATE", **seen})]),
            },
            "TopicPolicyConfig": Match.object_like({"TopicsTierConfig": {"TierName": "STANDARD"}}),
            "SensitiveInformationPolicyConfig": Match.object_like(
                {"RegexesConfig": [{"Action": "BLOCK", "Name": "badge", "Pattern": "B-[0-9]{6}"}]}
            ),
            "AutomatedReasoningPolicyConfig": {"Policies": [REASONING]},
        },
    )
    (made,) = template.find_resources("AWS::Bedrock::Guardrail").values()
    assert "guardrail-profile/us.guardrail.v1:0" in json.dumps(made["Properties"]["CrossRegionConfig"])
    (role,) = template.find_resources("AWS::IAM::Role")
    # Wherever a call is routed to: the guide's own example of the three Regions.
    for region in ("us-east-1", "us-east-2", "us-west-2"):
        profile = f"arn:aws:bedrock:{region}:{ACCOUNT}:guardrail-profile/us.guardrail.v1:0"
        assert_allows(template.to_json(), role, "bedrock:ApplyGuardrail", profile)
    elsewhere = f"arn:aws:bedrock:us-west-1:{ACCOUNT}:guardrail-profile/us.guardrail.v1:0"
    assert_denies(template.to_json(), role, "bedrock:ApplyGuardrail", elsewhere)
    assert_allows(template.to_json(), role, "bedrock:InvokeAutomatedReasoningPolicy", REASONING)
    assert_denies(template.to_json(), role, "bedrock:InvokeAutomatedReasoningPolicy", f"{REASONING}1")


@pytest.mark.parametrize(
    ("region", "profile", "count"),
    [
        ("us-west-1", "us.guardrail.v1:0", 4),
        ("eu-west-2", "uk.guardrail.v1:0", 1),
        ("eu-north-1", "eu.guardrail.v1:0", 6),
        ("ca-central-1", "ca.guardrail.v1:0", 2),
        ("ap-southeast-2", "au.guardrail.v1:0", 1),
        ("ap-northeast-1", "apac.guardrail.v1:0", 6),
        ("ap-southeast-7", "apac.guardrail.v1:0", 10),
        ("us-gov-west-1", "us-gov.guardrail.v1:0", 2),
    ],
)
def test_a_guardrail_is_assessed_in_its_geography(region: str, profile: str, count: int) -> None:
    stack = cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region=region))
    made = guardrail(stack, cross_region=True)
    assert len(made.profile_arns) == count
    assert any(f":{region}:" in arn for arn in made.profile_arns)
    assert all(arn.endswith(f":guardrail-profile/{profile}") for arn in made.profile_arns)


@pytest.mark.parametrize("table", [GUARDRAILS, DATA_AUTOMATION], ids=["guardrails", "data automation"])
def test_a_geography_names_regions_once_and_the_one_that_asks_among_them(table: Mapping[str, Routed]) -> None:
    known = load("regions")["regions"]
    for source, across in table.items():
        assert source in across.regions
        assert len(set(across.regions)) == len(across.regions)
        assert set(across.regions) <= set(known)


def test_a_version_is_taken_anew_when_its_key_or_its_geography_changes() -> None:
    def version(region: str, key: str) -> str:
        stack = cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region=region))
        options, encrypts = GuardrailOptions(cross_region=True), DataKey(stack, key, description="Policy")
        Guardrail(stack, "Guardrail", name="one", foundation=Foundation(stack, key=encrypts), options=options)
        (found,) = Template.from_stack(stack).find_resources("AWS::Bedrock::GuardrailVersion")
        return str(found)

    assert version("us-east-1", "Key") == version("us-east-2", "Key")
    assert len({version("us-east-1", "Key"), version("us-east-1", "Own"), version("eu-west-1", "Key")}) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"automated_reasoning": [REASONING]}, "require cross-Region inference"),
        ({"automated_reasoning": [f"{REASONING}{n}" for n in range(3)], "cross_region": True}, "at most 2"),
        ({"automated_reasoning": [REASONING[:-2]], "cross_region": True}, "has no version. Add one"),
        ({"denied_topics": {"Long": DeniedTopic(definition="x" * 201)}}, "maximum of this tier is 200"),
    ],
)
def test_a_policy_that_bedrock_would_refuse(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        guardrail(new_stack(), **options)


def test_a_region_without_a_geography_has_no_profile() -> None:
    stack = cdk.Stack(cdk.App(), "Test", env=cdk.Environment(region="sa-east-1"))
    with pytest.raises(InvalidValueError, match="No profile of guardrails is known for sa-east-1"):
        guardrail(stack, cross_region=True)


def test_a_version_that_is_kept_can_be_gone_back_to() -> None:
    template = template_of(guardrail)
    (version,) = template.find_resources("AWS::Bedrock::GuardrailVersion").values()
    assert version["DeletionPolicy"] == "RetainExceptOnCreate"
    assert guardrail(new_stack(), version=3).versioned_arn.endswith(":3")


def test_an_enforced_guardrail_assesses_everything_and_everybody_may_apply_it() -> None:
    excluded = ["amazon.titan-embed-text-v2:0"]
    template = template_of(
        lambda stack: EnforcedGuardrail(
            stack, "Everywhere", guardrail=guardrail(stack), options=EnforcementOptions(excluded=excluded)
        )
    )
    template.has_resource_properties(
        "AWS::Bedrock::EnforcedGuardrailConfiguration",
        {
            "SelectiveContentGuarding": {"Messages": "COMPREHENSIVE", "System": "COMPREHENSIVE"},
            "ModelEnforcement": {"IncludedModels": ["ALL"], "ExcludedModels": excluded},
        },
    )
    # What AWS takes of such a policy: neither everybody nor a condition on the account.
    (made,) = template.find_resources("AWS::Bedrock::ResourcePolicy").values()
    (statement,) = made["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {
        "AWS": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::", {"Ref": "AWS::AccountId"}, ":root"]]}
    }
    assert set(statement["Action"]) <= {"bedrock:ApplyGuardrail", "bedrock:GetGuardrail"}
    assert "Condition" not in statement
    (key,) = template.find_resources("AWS::KMS::Key")
    anybody = Principal(f"arn:aws:iam::{ACCOUNT}:role/any", ())
    through = {"kms:ViaService": "bedrock.us-east-1.amazonaws.com", "kms:CallerAccount": ACCOUNT}
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"
    assert_allows(template.to_json(), anybody, "kms:Decrypt", arn, through)
    assert_denies(template.to_json(), anybody, "kms:Decrypt", arn)


@pytest.mark.parametrize("before", [True, False], ids=["enforced first", "enforced later"])
def test_whoever_calls_models_without_it_may_apply_what_is_enforced(before: bool) -> None:
    stack = new_stack()
    made = guardrail(stack, cross_region=True)
    callers = [WorkloadRole(stack, name, assumed_by=iam.ServicePrincipal("bedrock.amazonaws.com")) for name in "AB"]
    if before:
        EnforcedGuardrail(stack, "Everywhere", guardrail=made)
    made.grant_if_enforced(callers[0])
    if not before:
        EnforcedGuardrail(stack, "Everywhere", guardrail=made)
    template = Template.from_stack(stack)
    first, second = sorted(template.find_resources("AWS::IAM::Role"))
    for region in ("us-east-1", "us-east-2", "us-west-2"):
        profile = f"arn:aws:bedrock:{region}:{ACCOUNT}:guardrail-profile/us.guardrail.v1:0"
        assert_allows(template.to_json(), first, "bedrock:ApplyGuardrail", profile)
        assert_denies(template.to_json(), second, "bedrock:ApplyGuardrail", profile)
    # Everybody else of the account is given a policy, which names the same.
    (policy,) = [
        each["Properties"]["PolicyDocument"]
        for name, each in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("Everywhere")
    ]
    assert len(policy["Statement"][0]["Resource"]) == 4
    assert any("Callers" in name for name in template.find_outputs("*"))


def test_an_existing_guardrail_is_applied_and_required_by_its_version() -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stack = new_stack()
    existing = Guardrail.from_guardrail_id(stack, "Existing", guardrail_id="abcdefghijkl", version=4, key_arn=key)
    access = ModelAccess(
        stack, "Access", guardrail=existing, options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"])
    )
    access.grant_invoke(WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    template = Template.from_stack(stack)
    assert not template.find_resources("AWS::Bedrock::Guardrail")
    (role,) = template.find_resources("AWS::IAM::Role")
    arn, model = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/abcdefghijkl", "amazon.nova-lite-v1:0"
    call = (template.to_json(), role, "bedrock:InvokeModel", f"arn:aws:bedrock:us-east-1::foundation-model/{model}")
    assert_allows(*call, {"bedrock:GuardrailIdentifier": f"{arn}:4"})
    assert_denies(*call, {"bedrock:GuardrailIdentifier": f"{arn}:3"})
    assert_allows(template.to_json(), role, "bedrock:ApplyGuardrail", arn)
    (policy,) = template.find_resources("AWS::IAM::ManagedPolicy").values()
    (decrypts,) = [
        each
        for each in policy["Properties"]["PolicyDocument"]["Statement"]
        if each["Action"] == ["kms:Decrypt"] and each["Resource"] == [key]
    ]
    assert list(decrypts["Condition"]["StringEquals"]) == ["kms:ViaService"]
    with pytest.raises(InvalidValueError, match="An existing guardrail cannot be enforced"):
        EnforcedGuardrail(stack, "Everywhere", guardrail=existing)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"guardrail_id": "arn:aws:bedrock:us-east-1:111122223333:guardrail/a", "version": 1}, "Use the id"),
        ({"guardrail_id": "abcdefghijkl", "version": 0}, "is not a version"),
    ],
)
def test_an_existing_guardrail_has_an_id_and_a_published_version(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        Guardrail.from_guardrail_id(new_stack(), "Existing", **given)


def test_a_guardrail_has_metrics_of_its_version() -> None:
    made = guardrail(new_stack())
    metrics = [made.metric_invocations(), made.metric_interventions(), made.metric_latency(statistic="p99")]
    assert [each.metric_name for each in metrics] == ["Invocations", "InvocationsIntervened", "InvocationLatency"]
    assert [each.statistic for each in metrics] == ["Sum", "Sum", "p99"]
    for each in metrics:
        assert each.namespace == "AWS/Bedrock/Guardrails"
        assert set(each.dimensions or {}) == {"GuardrailArn", "GuardrailVersion"}


def test_nobody_may_apply_a_guardrail_that_is_not_enforced() -> None:
    stack = new_stack()
    caller = WorkloadRole(stack, "A", assumed_by=iam.ServicePrincipal("bedrock.amazonaws.com"))
    guardrail(stack).grant_if_enforced(caller)
    assert not Template.from_stack(stack).find_resources("AWS::IAM::ManagedPolicy")


def test_automated_reasoning_is_not_enforced_for_every_call_would_fail() -> None:
    stack = new_stack()
    made = guardrail(stack, cross_region=True, automated_reasoning=[REASONING])
    with pytest.raises(InvalidValueError, match="cannot be enforced"):
        EnforcedGuardrail(stack, "Everywhere", guardrail=made)


def test_an_organization_enforces_it_whole() -> None:
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/a1:2"
    made: Any = organization_enforcement({"us-east-1": arn}, excluded=["amazon.titan-embed-text-v2:0"])
    config = made["bedrock"]["guardrail_inference"]["us-east-1"]["config_1"]
    assert config["identifier"] == {"@@assign": arn}
    assert config["selective_content_guarding"]["messages"] == {"@@assign": "comprehensive"}
    assert config["model_enforcement"]["excluded_models"] == {"@@assign": ["amazon.titan-embed-text-v2:0"]}
    assert "model_enforcement" not in json.dumps(organization_enforcement({"us-east-1": arn}))


def logged(stack: cdk.Stack, *, stored: bool = False, log_days: int = 365, **options: Any) -> InvocationLogging:
    foundation = Foundation(stack, log_days=log_days)
    return InvocationLogging(
        stack,
        "Calls",
        foundation=foundation,
        bucket=SecureBucket(stack, "Bodies", foundation=foundation) if stored else None,
        options=InvocationLoggingOptions(**options),
    )


def test_calls_are_logged_encrypted_and_masked() -> None:
    template = template_of(lambda stack: logged(stack, mask=["EmailAddress", "Ssn-US"], log_days=90))
    template.has_resource_properties(
        "AWS::Logs::LogGroup",
        {
            "KmsKeyId": Match.any_value(),
            "RetentionInDays": 90,
            "DataProtectionPolicy": Match.object_like(
                {"Statement": Match.array_with([Match.object_like({"Operation": {"Deidentify": {"MaskConfig": {}}}})])}
            ),
        },
    )
    (resource,) = template.find_resources("AWS::CloudFormation::CustomResource").values()
    assert "log-group" in json.dumps(resource["Properties"]["LogGroupArn"])
    assert "s3Config" not in json.dumps(resource)


def test_bodies_go_to_a_bucket_that_only_bedrock_of_this_account_writes() -> None:
    template = template_of(lambda stack: logged(stack, stored=True))
    (resource,) = template.find_resources("AWS::CloudFormation::CustomResource").values()
    assert "largeDataDeliveryS3Config" in json.dumps(resource)
    policies = [
        statement
        for each in template.find_resources("AWS::S3::BucketPolicy").values()
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "CallsOfModels"
    ]
    assert len(policies) == 1
    assert policies[0]["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert policies[0]["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert len(policies[0]["Resource"]) == 2


def test_the_function_of_the_log_can_do_nothing_else() -> None:
    template = template_of(lambda stack: logged(stack)).to_json()
    role = next(name for name in template["Resources"] if name.startswith("InvocationLoggingRole"))
    group = next(name for name in template["Resources"] if name.startswith("CallsLogs"))
    assert_allows(template, role, "logs:TagResource", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}")
    assert_denies(template, role, "logs:TagResource", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:other")
    assert_allows(template, role, "bedrock:PutModelInvocationLoggingConfiguration", "*")
    assert_denies(template, role, "bedrock:PutEnforcedGuardrailConfiguration", "*")
    logging = next(name for name in template["Resources"] if name.startswith("CallsRole"))
    arn = f"arn:aws:iam::{ACCOUNT}:role/{logging}"
    assert_allows(template, role, "iam:PassRole", arn, {"iam:PassedToService": "bedrock.amazonaws.com"})
    assert_denies(template, role, "iam:PassRole", arn, {"iam:PassedToService": "ec2.amazonaws.com"})


def test_masks_that_mask_nothing_are_refused() -> None:
    with pytest.raises(InvalidValueError, match="Did you mean EmailAddress"):
        logged(new_stack(), mask=["EmailAdress"])
    with pytest.raises(InvalidValueError, match="would stand in S3 in the clear"):
        logged(new_stack(), mask=["Name"], stored=True)


def watched(stack: cdk.Stack, models: list[str], **options: Any) -> None:
    ModelWatch(
        stack,
        "Watch",
        models={model: model for model in models},
        guardrail=guardrail(stack),
        foundation=Foundation(stack),
        options=ModelWatchOptions(**options),
    )


def test_unusual_dear_and_blocked_calls_raise_alarms() -> None:
    template = template_of(lambda stack: watched(stack, CHATS[:10], usd_per_hour=7, band=2))
    alarms = [each["Properties"] for each in template.find_resources("AWS::CloudWatch::Alarm").values()]
    volumes = [each for each in alarms if each.get("ThresholdMetricId") == "usual"]
    costs = [each for each in alarms if any(query.get("Id") == "cost" for query in each.get("Metrics", []))]
    assert (len(volumes), len(costs), len(alarms)) == (2, 3, 6)
    assert all(len(each["Metrics"]) <= 10 for each in volumes + costs)
    assert volumes[0]["Metrics"][-1]["Expression"] == "ANOMALY_DETECTION_BAND(total, 2)"
    watched_models = {
        query["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
        for each in volumes
        for query in each["Metrics"]
        if "MetricStat" in query
    }
    assert watched_models == set(CHATS[:10])
    template.resource_count_is("AWS::CloudWatch::AnomalyDetector", 2)
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm", {"MetricName": "InvocationsIntervened", "Threshold": 50, "Period": 3600}
    )


def test_costs_are_tokens_by_their_list_prices() -> None:
    template = template_of(lambda stack: watched(stack, ["amazon.nova-lite-v1:0"]))
    (cost,) = [
        query["Expression"]
        for each in template.find_resources("AWS::CloudWatch::Alarm").values()
        for query in each["Properties"].get("Metrics", [])
        if query["Id"] == "cost"
    ]
    assert cost == "(FILL(i0, 0) * 0.06 + FILL(o0, 0) * 0.24) / 1000000"


def test_nothing_to_watch_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="no model to watch"):
        watched(new_stack(), [])
