"""Ways to serve: own weights, several models on one endpoint, queues, shadows, and how traffic moves."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from aws_genai.data import load
from aws_genai.data.containers import SERVERS, serving_container
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import AccessLogBucket, AlarmTopic, DataKey, PrivateNetwork, SecureBucket, WorkloadRole
from aws_genai.models import (
    AsyncInference,
    BesideModel,
    JumpStartEndpoint,
    ModelEndpoint,
    ShadowModel,
    TrafficShift,
    WarmHours,
    Weights,
)
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack

MINE = Weights(uri="s3://models-of-mine/assistant/3")


def common(stack: cdk.Stack) -> dict[str, Any]:
    key = DataKey(stack, "Key", description="Models")
    key.allow_logs()
    return {
        "endpoint_name": "one",
        "key": key,
        "network": PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
        "topic": AlarmTopic(stack, "Alarms", key=key),
    }


def own(**properties: Any) -> Template:
    stack = new_stack()
    arguments = {"weights": MINE, "instance_type": "ml.g6.12xlarge", **common(stack), **properties}
    ModelEndpoint(stack, "Endpoint", **arguments)
    return Template.from_stack(stack)


def catalogue(stack: cdk.Stack | None = None, **properties: Any) -> JumpStartEndpoint:
    stack = stack or new_stack()
    arguments = {"model_id": "huggingface-sentencesimilarity-bge-m3", **common(stack), **properties}
    return JumpStartEndpoint(stack, "Endpoint", **arguments)


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
    template = own(instance_type=instance_type, server=server)
    container = only(template, "AWS::SageMaker::Model")["PrimaryContainer"]
    assert f".amazonaws.com/{image}" in container["Image"]
    assert told.items() <= container["Environment"].items()
    assert container["ModelDataSource"]["S3DataSource"] == {
        "S3Uri": "s3://models-of-mine/assistant/3/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    (variant,) = only(template, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    assert variant["InferenceAmiVersion"].endswith(host)


def test_the_model_waits_for_the_look_at_its_weights() -> None:
    template = own(context=8192, environment={"OPTION_MAX_MODEL_LEN": "4096"})
    (model,) = template.find_resources("AWS::SageMaker::Model").values()
    (check,) = template.find_resources("AWS::CloudFormation::CustomResource")
    assert check in model["DependsOn"]
    assert model["Properties"]["PrimaryContainer"]["Environment"]["OPTION_MAX_MODEL_LEN"] == "4096"


def role_of(template: Template) -> str:
    (name,) = (each for each in template.find_resources("AWS::IAM::Role") if each.startswith("EndpointRole"))
    return name


def test_the_container_reads_its_weights_and_no_pickle() -> None:
    key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    template = own(weights=Weights(uri=MINE.uri, key_arn=key))
    role = role_of(template)
    place = "arn:aws:s3:::models-of-mine/assistant/3"
    assert_allows(template, role, "s3:GetObject", f"{place}/model.safetensors")
    assert key in json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))
    for other in (f"{place}/pytorch_model.bin", f"{place}/deep/model.pt", f"{place}0/model.safetensors"):
        assert_denies(template, role, "s3:GetObject", other)
    allowed = own(weights=Weights(uri=MINE.uri, pickled=["model.pt"]))
    assert_allows(allowed, role_of(allowed), "s3:GetObject", f"{place}/model.pt")
    assert_denies(allowed, role_of(allowed), "s3:GetObject", f"{place}/model.pkl")


@pytest.mark.parametrize(
    ("properties", "word"),
    [
        ({"weights": Weights(uri="https://models.example/x")}, "s3://bucket/model/version"),
        ({"weights": Weights(uri="s3://models-of-mine")}, "s3://bucket/model/version"),
        ({"server": "neuron"}, "Choose a type of inf2"),
        ({"instance_type": "ml.inf2.xlarge", "server": "vllm"}, "neuron"),
        ({"instance_type": "ml.trn2.48xlarge"}, "Choose a type of inf2"),
        ({"server": "vlm"}, "Did you mean vllm"),
    ],
)
def test_own_weights_refuse_what_cannot_serve(properties: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        own(**properties)


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
    parts = common(stack)
    bucket = SecureBucket(stack, "Queued", key=parts["key"], access_logs=AccessLogBucket(stack, "Logs"))
    warm = WarmHours(instances=1)
    endpoint = JumpStartEndpoint(
        stack,
        "Endpoint",
        model_id="huggingface-asr-whisper-large-v3",
        asynchronous=AsyncInference(bucket=bucket, concurrent=2, backlog=3),
        warm=warm,
        **parts,
    )
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
        model_id="meta-textgeneration-llama-guard-3-8b",
        instance_type="ml.g6.12xlarge",
        accept_eula=True,
        scale_to_zero=True,
        beside={"small": BesideModel(model_id="meta-textgeneration-llama-guard-3-1b", accept_eula=True)},
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
        shadow=ShadowModel(model_id="huggingface-sentencesimilarity-gte-small", percent=10),
    )
    template = Template.from_stack(stack)
    config = only(template, "AWS::SageMaker::EndpointConfig")
    (shadow,) = config["ShadowProductionVariants"]
    assert shadow["InitialVariantWeight"] == 0.1
    # Its own role reads both.
    assert "gte-small" in json.dumps(template.find_resources("AWS::IAM::ManagedPolicy"))


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
    ("properties", "word"),
    [
        ({"traffic": TrafficShift(kind="linear", percent=5)}, "10 to 50 percent"),
        ({"traffic": TrafficShift(wait_seconds=4000)}, "0 to 3,600 seconds"),
        ({"beside": {"other": BesideModel(model_id="huggingface-sentencesimilarity-gte-small")}}, "scale_to_zero"),
        ({"shadow": ShadowModel(model_id="huggingface-sentencesimilarity-gte-small", percent=0)}, "1 to 100 percent"),
        (
            {
                "shadow": ShadowModel(model_id="huggingface-sentencesimilarity-gte-small"),
                "scale_to_zero": True,
            },
            "Leave scale_to_zero or shadow out",
        ),
        ({"scale_to_zero": True, "min_instances": 2}, "2 instances and none"),
        ({"scale_to_zero": True, "traffic": TrafficShift()}, "copy by copy"),
        ({"scale_to_zero": True, "retain_capacity": True}, "Leave retain_capacity or scale_to_zero out"),
    ],
)
def test_ways_that_exclude_each_other_are_refused(properties: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidValueError, match=word):
        catalogue(**properties)
