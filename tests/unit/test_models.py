"""What the constructs of the models make, and what they refuse."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.data.bedrock import check_chat, check_model
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, WorkloadRole
from aws_genai.models import (
    BedrockCatalogue,
    DeniedTopic,
    EndpointOptions,
    Guardrail,
    GuardrailOptions,
    JumpStartCatalogue,
    JumpStartEndpoint,
    ModelAccess,
    ModelAccessOptions,
    WarmHours,
)
from aws_genai.models.hosting.inference_component import accelerators_of_a_copy
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_app, new_stack, template_of


def endpoint(stack: cdk.Stack, **options: Any) -> JumpStartEndpoint:
    return JumpStartEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
        endpoint_name="one",
        options=EndpointOptions(**{"model": "huggingface-sentencesimilarity-bge-m3", **options}),
    )


@pytest.mark.parametrize("model_id", JumpStartCatalogue.names())
def test_every_model_of_the_catalogue_deploys_on_its_default(model_id: str) -> None:
    model = JumpStartCatalogue.get(model_id)
    template = template_of(lambda stack: endpoint(stack, model=model_id, accept_eula=True))
    template.has_resource_properties(
        "AWS::SageMaker::Model",
        {
            "EnableNetworkIsolation": True,
            "VpcConfig": Match.any_value(),
            "PrimaryContainer": Match.object_like(
                {
                    "Image": model.image(model.default_instance_type, "us-east-1"),
                    "ModelDataSource": {
                        "S3DataSource": Match.object_like(
                            {"S3Uri": f"s3://{model.bucket('us-east-1')}/{model.artifact}"}
                        )
                    },
                }
            ),
        },
    )


@pytest.mark.parametrize("model_id", JumpStartCatalogue.names())
def test_every_model_is_whole(model_id: str) -> None:
    model = JumpStartCatalogue.get(model_id)
    assert model.default_instance_type in model.supported_instance_types
    assert model.gated == bool(model.eula)
    for instance_type in model.supported_instance_types:
        assert instance_type.removeprefix("ml.") in AcceleratorCatalogue.default()
        assert model.image(instance_type, "us-east-1").count(":") == 1
        assert all(isinstance(value, str) for value in model.container_environment(instance_type).values())


def test_endpoint_scales_watches_and_rolls_back() -> None:
    template = template_of(lambda stack: endpoint(stack, min_instances=2, max_instances=5, idle_hours=3))
    template.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget", {"MinCapacity": 2, "MaxCapacity": 5}
    )
    template.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        {
            "TargetTrackingScalingPolicyConfiguration": Match.object_like(
                {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
            )
        },
    )
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "Invocations", "TreatMissingData": "breaching", "EvaluationPeriods": 3, "Period": 3600},
    )
    for metric in ("Invocation5XXErrors", "ModelLatency"):
        template.has_resource_properties("AWS::CloudWatch::Alarm", {"MetricName": metric})
    config = next(iter(template.find_resources("AWS::SageMaker::Endpoint").values()))["Properties"]["DeploymentConfig"]
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == 2


def sleeper(stack: cdk.Stack) -> JumpStartEndpoint:
    return endpoint(
        stack,
        model="meta-textgeneration-llama-3-1-8b-instruct",
        instance_type="ml.g5.12xlarge",
        accept_eula=True,
        max_instances=2,
        scale_to_zero=True,
    )


def test_scale_to_zero_has_no_instance_while_nobody_calls() -> None:
    template = template_of(sleeper)
    template.has_resource_properties(
        "AWS::SageMaker::EndpointConfig",
        {
            "ProductionVariants": [
                Match.object_like(
                    {
                        "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2},
                        "ModelName": Match.absent(),
                    }
                )
            ],
            "EnableNetworkIsolation": True,
            "ExecutionRoleArn": Match.any_value(),
            "VpcConfig": Match.any_value(),
        },
    )
    template.has_resource_properties("AWS::SageMaker::Endpoint", {"DeploymentConfig": Match.absent()})
    template.has_resource_properties(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        {
            "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
            "ResourceId": "inference-component/one-model",
            "MinCapacity": 0,
        },
    )
    idle = template.find_resources("AWS::CloudWatch::Alarm", {"Properties": {"MetricName": "Invocations"}})
    assert not idle, "an endpoint without an instance costs nothing"


def test_a_call_that_finds_no_copy_wakes_one() -> None:
    template = template_of(sleeper)
    policies = template.find_resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    (wake,) = [name for name, each in policies.items() if each["Properties"]["PolicyType"] == "StepScaling"]
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "NoCapacityInvocationFailures",
            "Dimensions": [{"Name": "InferenceComponentName", "Value": "one-model"}],
            "EvaluationPeriods": 1,
            "AlarmActions": [{"Ref": wake}],
        },
    )


def test_a_component_takes_the_accelerators_its_container_is_told_to_use() -> None:
    model = JumpStartCatalogue.get("meta-textgeneration-llama-3-1-8b-instruct")
    template = template_of(sleeper)
    component = next(iter(template.find_resources("AWS::SageMaker::InferenceComponent").values()))["Properties"]
    needs = component["Specification"]["ComputeResourceRequirements"]
    taken = accelerators_of_a_copy(model, "ml.g5.12xlarge")
    assert needs["NumberOfAcceleratorDevicesRequired"] == taken
    assert 0 < needs["MinMemoryRequiredInMb"] < 192 * 1024
    target = next(iter(template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()))
    assert target["Properties"]["MaxCapacity"] == 2 * (4 // taken)
    assert len(component["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]) == 2


def scheduled(**properties: Any) -> list[dict[str, Any]]:
    template = template_of(lambda stack: endpoint(stack, **properties))
    target = next(iter(template.find_resources("AWS::ApplicationAutoScaling::ScalableTarget").values()))
    actions: list[dict[str, Any]] = target["Properties"]["ScheduledActions"]
    return actions


def test_warm_hours_raise_the_least_and_take_it_back() -> None:
    hours = WarmHours(start=7, end=19, time_zone="Europe/Berlin", instances=2)
    assert scheduled(warm=hours, max_instances=3) == [
        {
            "ScheduledActionName": "warm",
            "Schedule": "cron(0 7 ? * MON,TUE,WED,THU,FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 2},
        },
        {
            "ScheduledActionName": "cool",
            "Schedule": "cron(0 19 ? * MON,TUE,WED,THU,FRI *)",
            "Timezone": "Europe/Berlin",
            "ScalableTargetAction": {"MinCapacity": 1},
        },
    ]


def test_a_day_ends_before_midnight() -> None:
    hours = WarmHours(days=["SAT", "SUN"], start=0, end=24, instances=2)
    assert scheduled(warm=hours)[1]["Schedule"] == "cron(59 23 ? * SAT,SUN *)"


def test_warm_hours_wake_a_component_that_scales_to_zero() -> None:
    model = "meta-textgeneration-llama-3-1-8b-instruct"
    warm, cool = scheduled(
        model=model, accept_eula=True, instance_type="ml.g5.12xlarge", scale_to_zero=True, warm=WarmHours()
    )
    copies = 4 // accelerators_of_a_copy(JumpStartCatalogue.get(model), "ml.g5.12xlarge")
    assert warm["ScalableTargetAction"] == {"MinCapacity": copies}
    assert cool["ScalableTargetAction"] == {"MinCapacity": 0}


def test_callers_of_a_component_may_call_it_and_no_other() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        sleeper(stack).grant_invoke(role)

    template = template_of(build)
    statements = [
        statement
        for policy in template.find_resources("AWS::IAM::ManagedPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "sagemaker:InvokeEndpoint" in statement["Action"]
    ]
    component = next(iter(template.find_resources("AWS::SageMaker::InferenceComponent")))
    (called,) = [statement["Resource"] for statement in statements]
    assert {"Fn::GetAtt": [component, "InferenceComponentArn"]} in called
    assert len(called) == 2


@pytest.mark.parametrize(("instance_type", "with_key"), [("ml.inf2.xlarge", True), ("ml.inf2.8xlarge", True)])
def test_volumes_without_local_disks_take_the_key(instance_type: str, with_key: bool) -> None:
    model = "huggingface-txt2imgneuron-stabilityai-stable-diffusion-v2-1"
    template = template_of(lambda stack: endpoint(stack, model=model, instance_type=instance_type))
    config = next(iter(template.find_resources("AWS::SageMaker::EndpointConfig").values()))["Properties"]
    assert ("KmsKeyId" in config) is with_key


def test_volumes_of_types_with_local_disks_take_none() -> None:
    template = template_of(endpoint)
    config = next(iter(template.find_resources("AWS::SageMaker::EndpointConfig").values()))["Properties"]
    assert "KmsKeyId" not in config


@pytest.mark.parametrize(
    ("properties", "field", "words"),
    [
        ({"model": "no-such-model"}, "model", "not a model"),
        ({"model": None}, "model", "neither is given"),
        ({"instance_type": "ml.p5.48xlarge"}, "instance_type", "Did you mean"),
        ({"model": "meta-textgeneration-llama-3-1-8b-instruct"}, "accept_eula", "licence"),
        ({"min_instances": 0}, "min_instances", "at least 1"),
        ({"min_instances": 3}, "max_instances", "3 or more"),
        ({"warm": {"instances": 1}}, "warm", "must be 2 to 2, not 1"),
        ({"warm": {"instances": 3}}, "warm", "must be 2 to 2, not 3"),
        ({"warm": {"instances": 2, "start": 9, "end": 9}}, "warm.end", "ends at 9"),
    ],
)
def test_endpoint_refuses(properties: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words) as caught:
        endpoint(new_stack(), **properties)
    assert caught.value.field == field


def test_endpoint_asks_for_a_region() -> None:
    with pytest.raises(InvalidValueError, match="the stack has no Region"):
        endpoint(cdk.Stack(new_app(), "Nowhere"))


def test_grant_invoke_is_for_this_endpoint() -> None:
    def build(stack: cdk.Stack) -> None:
        role = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        endpoint(stack).grant_invoke(role)

    template = template_of(build)
    role = next(name for name in template.find_resources("AWS::IAM::Role") if name.startswith("Caller"))
    arn = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/{}"
    assert_allows(template, role, "sagemaker:InvokeEndpoint", arn.format("one"))
    assert_denies(template, role, "sagemaker:InvokeEndpoint", arn.format("two"))
    assert_denies(template, role, "sagemaker:DeleteEndpoint", arn.format("one"))


def version_of(**options: Any) -> str:
    def build(stack: cdk.Stack) -> None:
        Guardrail(stack, "Guardrail", name="g", foundation=Foundation(stack), options=GuardrailOptions(**options))

    return next(iter(template_of(build).find_resources("AWS::Bedrock::GuardrailVersion")))


def test_version_changes_when_and_only_when_the_policies_do() -> None:
    assert version_of() == version_of()
    changed: list[dict[str, Any]] = [
        {"filter_strength": "LOW"},
        {"prompt_attack_strength": "LOW"},
        {"denied_topics": {"a": DeniedTopic(definition="b")}},
        {"denied_words": ["w"]},
        {"profanity": False},
        {"pii": {"NAME": "BLOCK"}},
        {"grounding_threshold": 0.5},
        {"relevance_threshold": 0.5},
        {"patterns": {"p": "a"}},
        {"images": True},
        {"blocked_input_message": "No."},
        {"blocked_output_message": "No."},
    ]
    assert len({version_of(**item) for item in [{}, *changed]}) == len(changed) + 1


def test_default_guardrail_is_strict() -> None:
    def build(stack: cdk.Stack) -> None:
        Guardrail(
            stack,
            "Guardrail",
            name="g",
            foundation=Foundation(stack, key=DataKey(stack, "Key", description="g")),
        )

    template = template_of(build)
    template.has_resource_properties(
        "AWS::Bedrock::Guardrail",
        {
            "KmsKeyArn": Match.any_value(),
            "ContentPolicyConfig": {
                "FiltersConfig": Match.array_with(
                    [{"Type": "PROMPT_ATTACK", "InputStrength": "HIGH", "OutputStrength": "NONE"}]
                )
            },
            "WordPolicyConfig": {"ManagedWordListsConfig": [{"Type": "PROFANITY"}]},
            "SensitiveInformationPolicyConfig": Match.any_value(),
            "ContextualGroundingPolicyConfig": Match.any_value(),
        },
    )


def access(stack: cdk.Stack, models: list[str], regions: list[str]) -> ModelAccess:
    guardrail = Guardrail(
        stack,
        "Guardrail",
        name="g",
        foundation=Foundation(stack, key=DataKey(stack, "Key", description="g")),
    )
    return ModelAccess(stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=models, regions=regions))


def test_resources_of_a_profile_are_the_profile_and_its_model_in_each_region() -> None:
    # What is allowed beside is not granted, for nothing is routed there.
    for regions in ([], ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"]):
        arns = access(new_stack(), ["us.amazon.nova-lite-v1:0"], regions).resources()
        assert [arn.split(":", 3)[3].rpartition("]:")[2] or arn for arn in arns][1:] == [
            "us-east-1::foundation-model/amazon.nova-lite-v1:0",
            "us-east-2::foundation-model/amazon.nova-lite-v1:0",
            "us-west-2::foundation-model/amazon.nova-lite-v1:0",
        ]
        assert "inference-profile/us.amazon.nova-lite-v1:0" in arns[0]


def test_a_profile_that_routes_to_a_region_left_out_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="to us-east-2 too, where they would be denied"):
        access(new_stack(), ["us.amazon.nova-lite-v1:0"], ["us-east-1", "us-west-2"])


def test_a_stack_for_any_region_grants_all_that_a_profile_routes_to_and_no_more() -> None:
    arns = access(
        cdk.Stack(new_app(), "Anywhere"), ["us.amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"], []
    ).resources()
    found = [arn.split(":")[3] for arn in arns if arn.endswith("foundation-model/amazon.nova-lite-v1:0")]
    assert found == ["us-east-1", "us-east-2", "us-west-1", "us-west-2"]


def test_a_part_of_the_models_can_be_granted() -> None:
    granted = access(new_stack(), ["amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"], ["us-east-1"])
    assert len(granted.resources(["amazon.nova-micro-v1:0"])) == 1
    with pytest.raises(InvalidValueError, match="not among the models"):
        granted.resources(["amazon.nova-pro-v1:0"])


def test_model_that_needs_a_profile_is_refused_by_its_own_id() -> None:
    name = next(
        model
        for model in BedrockCatalogue.names()
        if BedrockCatalogue.get(model).inference_profiles
        and not BedrockCatalogue.get(model).in_region
        and BedrockCatalogue.get(model).model_id == model
    )
    with pytest.raises(InvalidValueError, match="through an inference profile only"):
        check_model(name)


@pytest.mark.parametrize(
    "provider", ["amazon.nova", "amazon.titan", "anthropic", "cohere", "meta", "mistral", "stability", "openai.gpt-oss"]
)
def test_every_provider_of_the_settings_is_known(provider: str) -> None:
    assert [name for name in BedrockCatalogue.names() if name.startswith(provider)]


@pytest.mark.parametrize(
    ("models", "tokens", "words"),
    [
        ([], 1, "at least one"),
        (["cohere.rerank-v3-5:0"], 1, "for rerank"),
        (["amazon.nova-lite-v1:0"], 10_001, "at most 10000"),
    ],
)
def test_chat_refuses(models: list[str], tokens: int, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        check_chat(models, tokens)


def test_template_of_endpoint_is_stable() -> None:
    def make() -> dict[str, Any]:
        stack = new_stack()
        endpoint(stack)
        return dict(Template.from_stack(stack).to_json())

    assert make() == make()


def test_a_profile_has_its_own_price_where_aws_charges_one() -> None:
    facts = map(BedrockCatalogue.get, ("amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", "eu.amazon.nova-lite-v1:0"))
    prices = [(item.usd_per_million_input_tokens, item.usd_per_million_output_tokens) for item in facts]
    assert prices == [(0.06, 0.24), (0.06, 0.24), (0.078, 0.312)]


def test_every_bedrock_id_has_facts() -> None:
    names = BedrockCatalogue.names()
    assert len(names) > 200
    for name in names:
        facts = BedrockCatalogue.get(name)
        assert name == facts.model_id or name in facts.inference_profiles


def test_global_profile_is_refused_with_what_stays_in_a_geography() -> None:
    with pytest.raises(InvalidValueError, match=r"any commercial Region.*Did you mean .*us\.cohere\.embed-v4:0"):
        check_model("global.cohere.embed-v4:0")


def test_no_hint_names_what_would_be_refused() -> None:
    for name in BedrockCatalogue.names():
        try:
            check_model(name)
        except InvalidValueError as error:
            assert "mean global." not in str(error)
            assert "or global." not in str(error)
