"""Ways to serve: own weights, several models on one endpoint, queues, shadows, and how traffic moves."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam, aws_kms as kms, aws_lambda as lambda_, aws_s3 as s3
from aws_cdk.assertions import Match, Template

from aws_genai.data import load
from aws_genai.data.containers import SERVERS, serving_container
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation, SecureBucket, WorkloadRole
from aws_genai.models import (
    AsyncInference,
    BesideModel,
    EndpointOptions,
    JumpStartEndpoint,
    ModelEndpoint,
    ServedWeights,
    ShadowModel,
    TrafficShift,
    WarmHours,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import findings_on, new_stack

URI = "s3://my-models/assistant/3"
SMALL = "huggingface-sentencesimilarity-gte-small"
ZONES = ["us-east-1a", "us-east-1b"]


def own(weights: dict[str, Any] | None = None, **options: Any) -> Template:
    """The template of an endpoint with weights of its own."""
    stack = new_stack()
    served = ServedWeights(**{"uri": URI, **(weights or {})})
    ModelEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=ZONES),
        endpoint_name="one",
        options=EndpointOptions(**{"weights": served, "instance_type": "ml.g6.12xlarge", **options}),
    )
    return Template.from_stack(stack)


def catalogue(stack: cdk.Stack | None = None, **options: Any) -> JumpStartEndpoint:
    stack = stack or new_stack()
    return JumpStartEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=ZONES),
        endpoint_name="one",
        options=EndpointOptions(**{"model": "huggingface-sentencesimilarity-bge-m3", **options}),
    )


def only(template: Template, kind: str) -> dict[str, Any]:
    (found,) = template.find_resources(kind).values()
    properties: dict[str, Any] = found["Properties"]
    return properties


@pytest.mark.parametrize(
    ("instance_type", "server", "image", "told", "host"),
    [
        ("ml.g6.12xlarge", None, "djl-inference:", {"OPTION_TENSOR_PARALLEL_DEGREE": "4"}, "gpu-4-1"),
        ("ml.g6.12xlarge", "vllm", "vllm:", {"SM_VLLM_TENSOR_PARALLEL_SIZE": "4"}, "gpu-4-1"),
        ("ml.g5.2xlarge", "tgi", "huggingface-pytorch-tgi-inference:", {"SM_NUM_GPUS": "1"}, "gpu-3-1"),
        ("ml.g5.2xlarge", "triton", "sagemaker-tritonserver:", {}, "gpu-4-1"),
        (
            "ml.inf2.24xlarge",
            None,
            "huggingface-vllm-inference-neuronx:",
            {"SM_ON_TENSOR_PARALLEL_SIZE": "12"},
            "neuron-2",
        ),
    ],
)
def test_own_weights_get_the_container_of_their_accelerator(
    instance_type: str, server: Any, image: str, told: dict[str, str], host: str
) -> None:
    template = own({"server": server}, instance_type=instance_type)
    container = only(template, "AWS::SageMaker::Model")["PrimaryContainer"]
    assert f".amazonaws.com/{image}" in container["Image"]
    assert told.items() <= container["Environment"].items()
    assert container["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": f"{URI}/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    (variant,) = only(template, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InferenceAmiVersion"].endswith(host)


def test_the_model_waits_for_the_check_of_its_weights() -> None:
    template = own({"context": 8192, "environment": {"OPTION_MAX_MODEL_LEN": "4096"}})
    (model,) = template.find_resources("AWS::SageMaker::Model").values()
    (check,) = template.find_resources("AWS::CloudFormation::CustomResource")
    assert check in model["DependsOn"]
    assert model["Properties"]["PrimaryContainer"]["Environment"]["OPTION_MAX_MODEL_LEN"] == "4096"


def role_of(template: Template) -> str:
    (name,) = (each for each in template.find_resources("AWS::IAM::Role") if each.startswith("EndpointRole"))
    return name


def test_the_container_reads_its_weights_and_no_pickle() -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    template = own({"key_arn": key})
    role = role_of(template)
    place = "arn:aws:s3:::my-models/assistant/3"
    assert_allows(template, role, "s3:GetObject", f"{place}/model.safetensors")
    assert key in json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    for other in (f"{place}/pytorch_model.bin", f"{place}/deep/model.pt", f"{place}0/model.safetensors"):
        assert_denies(template, role, "s3:GetObject", other)
    allowed = own({"pickled": ["model.pt"]})
    assert_allows(allowed, role_of(allowed), "s3:GetObject", f"{place}/model.pt")
    assert_denies(allowed, role_of(allowed), "s3:GetObject", f"{place}/model.pkl")


@pytest.mark.parametrize(
    ("weights", "options", "word"),
    [
        ({"uri": "https://models.example/x"}, {}, "s3://bucket/model/version"),
        ({"uri": "s3://my-models"}, {}, "s3://bucket/model/version"),
        ({"server": "neuron"}, {}, "Choose a type of inf2"),
        ({"server": "vllm"}, {"instance_type": "ml.inf2.xlarge"}, "neuron"),
        ({}, {"instance_type": "ml.trn2.48xlarge"}, "Choose a type of inf2"),
        ({}, {"instance_type": None}, "Set instance_type"),
        ({"server": "vlm"}, {}, "Did you mean vllm"),
    ],
)
def test_own_weights_refuse_what_cannot_serve(weights: dict[str, Any], options: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        own(weights, **options)


def logical_id(stack: cdk.Stack, construct: cdk.Resource) -> str:
    resource = construct.node.default_child
    assert isinstance(resource, cdk.CfnElement)
    return stack.get_logical_id(resource)


def test_weights_may_lie_in_a_bucket_of_the_same_app() -> None:
    stack = new_stack()
    key = kms.Key(stack, "WeightsKey", enable_key_rotation=True)
    bucket = s3.Bucket(stack, "Weights", encryption_key=key, encryption=s3.BucketEncryption.KMS)
    weights = ServedWeights(uri=bucket.s3_url_for_object("assistant/3"), key_arn=key.key_arn)
    ModelEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=ZONES),
        endpoint_name="one",
        options=EndpointOptions(weights=weights, instance_type="ml.g6.12xlarge"),
    )
    template = Template.from_stack(stack)
    bucket_id, key_id = (logical_id(stack, each) for each in (bucket, key))
    source = only(template, "AWS::SageMaker::Model")["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source["S3Uri"] == {"Fn::Join": ["", ["s3://", {"Ref": bucket_id}, "/assistant/3/"]]}
    role = role_of(template)
    assert_allows(template, role, "s3:GetObject", f"arn:aws:s3:::{bucket_id}/assistant/3/model.safetensors")
    assert_denies(template, role, "s3:GetObject", f"arn:aws:s3:::{bucket_id}/other/model.safetensors")
    assert_allows(template, role, "kms:Decrypt", f"arn:aws:kms:us-east-1:111122223333:key/{key_id}")
    # What the statements end with is acknowledged by the name that findings have.
    assert not [each for each in findings_on(stack) if each.rule == "AwsSolutions-IAM5"]


@pytest.mark.parametrize("by_arn", [True, False])
def test_an_existing_role_gets_a_policy_and_no_role_is_created(by_arn: bool) -> None:
    stack = new_stack()
    arn = "arn:aws:iam::111122223333:role/ml/hosting"
    role = None if by_arn else iam.Role.from_role_arn(stack, "Existing", arn)
    JumpStartEndpoint(
        stack,
        "Endpoint",
        foundation=Foundation(stack, network=ZONES),
        endpoint_name="one",
        options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3", execution_role=arn if by_arn else None),
        execution_role=role,
    )
    template = Template.from_stack(stack)
    assert not [name for name in template.find_resources("AWS::IAM::Role") if name.startswith("Endpoint")]
    assert only(template, "AWS::SageMaker::Model")["ExecutionRoleArn"] == arn
    policies = template.find_resources("AWS::IAM::ManagedPolicy")
    assert [each["Properties"]["Roles"] for name, each in policies.items() if "EndpointGrants" in name] == [["hosting"]]
    template.resource_count_is("AWS::IAM::Policy", 0)


def principals(stack: cdk.Stack) -> dict[str, iam.IGrantable]:
    """What a grant may be for."""
    service = iam.ServicePrincipal("lambda.amazonaws.com")
    code = lambda_.Code.from_inline("def handler(*_): pass")
    return {
        "workload role": WorkloadRole(stack, "Workload", assumed_by=service),
        "role": iam.Role(stack, "Plain", assumed_by=service),
        "existing role": iam.Role.from_role_arn(stack, "Existing", "arn:aws:iam::111122223333:role/caller"),
        "user": iam.User(stack, "User"),
        "function": lambda_.Function(
            stack, "Function", code=code, handler="index.handler", runtime=lambda_.Runtime.PYTHON_3_13
        ),
    }


@pytest.mark.parametrize("kind", ["workload role", "role", "existing role", "user", "function"])
def test_whatever_can_be_granted_may_invoke(kind: str) -> None:
    stack = new_stack()
    grantee = principals(stack)[kind]
    endpoint = catalogue(stack)
    endpoint.grant_invoke(grantee)
    endpoint.grant_describe(grantee)
    template = Template.from_stack(stack).to_json()
    text = json.dumps(template["Resources"])
    assert text.count("sagemaker:InvokeEndpointWithResponseStream") == 1
    assert text.count("sagemaker:DescribeEndpoint") == 1


def test_metrics_have_names_and_the_dimensions_of_the_endpoint() -> None:
    endpoint = catalogue()
    found = {
        "Invocations": endpoint.metric_invocations(),
        "Invocation5XXErrors": endpoint.metric_errors(),
        "ModelLatency": endpoint.metric_latency(statistic="p99", period=cdk.Duration.minutes(1)),
        "OverheadLatency": endpoint.metric_overhead_latency(),
    }
    for name, metric in found.items():
        assert (metric.namespace, metric.metric_name) == ("AWS/SageMaker", name)
        assert metric.dimensions == {"EndpointName": "one", "VariantName": "AllTraffic"}
    assert found["Invocations"].statistic == "Sum"
    assert (found["ModelLatency"].statistic, found["ModelLatency"].period.to_seconds()) == ("p99", 60)
    sleeping = catalogue(scale_to_zero=True)
    assert sleeping.metric_latency().dimensions == {"InferenceComponentName": "one-model"}


@pytest.mark.parametrize("name", SERVERS)
def test_every_container_is_whole(name: str) -> None:
    container = serving_container(name)
    accounts = load("containers")["accounts"]
    assert container.regions <= set(accounts)
    assert container.image("us-east-1").startswith("763104351884.dkr.ecr.us-east-1.amazonaws.com/")
    assert container.documentation.startswith("https://")
    with pytest.raises(InvalidValueError, match="not available in mars-east-1"):
        container.image("mars-east-1")


def test_a_queue_needs_no_instance_while_it_is_empty() -> None:
    stack = new_stack()
    foundation = Foundation(stack, network=ZONES)
    endpoint = JumpStartEndpoint(
        stack,
        "Endpoint",
        foundation=foundation,
        endpoint_name="one",
        options=EndpointOptions(
            model="huggingface-asr-whisper-large-v3",
            asynchronous=AsyncInference(concurrent=2, backlog=3),
            warm=WarmHours(instances=1),
        ),
        queued=SecureBucket(stack, "Queued", foundation=foundation),
    )
    assert endpoint.metric_errors().metric_name == "InvocationFailures"
    caller = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    endpoint.grant_invoke(caller)
    template = Template.from_stack(stack)
    target = only(template, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["MinCapacity"] == 0
    assert target["ScheduledActions"][1]["ScalableTargetAction"] == {"MinCapacity": 0}
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {"MetricName": "HasBacklogWithoutCapacity", "AlarmActions": [Match.any_value()]},
    )
    template.resource_properties_count_is("AWS::CloudWatch::Alarm", {"TreatMissingData": "breaching"}, 0)
    queue = only(template, "AWS::SageMaker::EndpointConfig")["AsyncInferenceConfig"]
    assert queue["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 2}
    assert "KmsKeyId" in queue["OutputConfig"]
    (granted,) = (
        json.dumps(each)
        for name, each in template.find_resources("AWS::IAM::ManagedPolicy").items()
        if name.startswith("Caller")
    )
    for word in ("sagemaker:InvokeEndpointAsync", "/one/in/*", "/one/out/*", "/one/failed/*"):
        assert word in granted
    assert 'sagemaker:InvokeEndpoint"' not in granted


def test_models_share_one_endpoint() -> None:
    stack = new_stack()
    endpoint = catalogue(
        stack,
        model="meta-textgeneration-llama-guard-3-8b",
        instance_type="ml.g6.12xlarge",
        accept_eula=True,
        scale_to_zero=True,
        beside={"small": BesideModel(model="meta-textgeneration-llama-guard-3-1b", accept_eula=True)},
    )
    caller = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    endpoint.grant_invoke(caller)
    template = Template.from_stack(stack)
    components = template.find_resources("AWS::SageMaker::InferenceComponent")
    names = {each["Properties"]["InferenceComponentName"] for each in components.values()}
    assert names == {"one-model", "one-small"}
    assert endpoint.component_of("small") == "one-small"
    template.resource_count_is("AWS::SageMaker::Endpoint", 1)
    template.resource_count_is("AWS::SageMaker::Model", 2)
    template.resource_count_is("AWS::ApplicationAutoScaling::ScalableTarget", 2)
    granted = json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    assert all(f'"{name}", "InferenceComponentArn"' in granted for name in components)


def test_a_shadow_gets_a_share_of_the_calls() -> None:
    stack = new_stack()
    catalogue(
        stack,
        shadow=ShadowModel(model=SMALL, percent=10),
    )
    template = Template.from_stack(stack)
    config = only(template, "AWS::SageMaker::EndpointConfig")
    (shadow,) = config["ShadowProductionVariants"]
    assert shadow["InitialVariantWeight"] == 0.1
    # Its own role reads both.
    assert "gte-small" in json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))


@pytest.mark.parametrize(
    ("options", "bucket"), [({"asynchronous": AsyncInference()}, "queued"), ({"data_capture_percent": 5}, "captured")]
)
def test_options_that_need_a_bucket_say_which(options: dict[str, Any], bucket: str) -> None:
    with pytest.raises(InvalidValueError, match=f"Pass {bucket}=") as caught:
        catalogue(**options)
    assert caught.value.field == bucket


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (None, {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}),
        (
            TrafficShift(kind="canary", percent=10, wait_seconds=60),
            {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 60,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
        ),
        (
            TrafficShift(kind="linear"),
            {
                "Type": "LINEAR",
                "WaitIntervalInSeconds": 300,
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
            },
        ),
    ],
)
def test_traffic_moves_as_asked_and_alarms_take_it_back(shift: TrafficShift | None, expected: dict[str, Any]) -> None:
    stack = new_stack()
    catalogue(stack, traffic=shift)
    deployment = only(Template.from_stack(stack), "AWS::SageMaker::Endpoint")["DeploymentConfig"]
    assert deployment["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"] == expected
    assert len(deployment["AutoRollbackConfiguration"]["Alarms"]) == 2


def test_a_new_version_keeps_the_instances_only_where_asked() -> None:
    stack = new_stack()
    catalogue(stack, retain_capacity=True)
    made = only(Template.from_stack(stack), "AWS::SageMaker::Endpoint")
    assert made["RetainAllVariantProperties"] is True
    assert made["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DesiredWeight"}]
    stack = new_stack()
    catalogue(stack)
    # CloudFormation advises against both when an endpoint is made.
    made = only(Template.from_stack(stack), "AWS::SageMaker::Endpoint")
    assert not {"RetainAllVariantProperties", "ExcludeRetainedVariantProperties"} & set(made)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"traffic": {"kind": "linear", "percent": 5}}, "10 to 50 percent"),
        ({"traffic": {"wait_seconds": 4000}}, "at most 3600"),
        ({"beside": {"other": {"model": SMALL}}}, "scale_to_zero"),
        ({"shadow": {"model": SMALL, "percent": 0}}, "at least 1"),
        ({"shadow": {"model": SMALL}, "scale_to_zero": True}, "Leave scale_to_zero or shadow out"),
        ({"scale_to_zero": True, "min_instances": 2}, "a minimum of 2 instances"),
        ({"scale_to_zero": True, "traffic": {}}, "copy by copy"),
        ({"scale_to_zero": True, "retain_capacity": True}, "Leave retain_capacity or scale_to_zero out"),
        ({"scale_to_zero": True, "asynchronous": {}}, "scales to zero by itself"),
        ({"execution_role": "hosting"}, "ARN of a role"),
    ],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        catalogue(**options)
