"""Customized models and the capacity that serves them: who trains, who deploys, and what an hour costs."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, WorkloadRole
from aws_genai.models import (
    CustomizationOptions,
    CustomizedModel,
    DeploymentOptions,
    Guardrail,
    ModelDeployment,
    ProvisionedThroughput,
    ProvisionedThroughputOptions,
    SignedDataSets,
)
from aws_genai.testing import assert_allows, assert_denies
from operations.costs import idle
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"
HERE = f"arn:aws:bedrock:us-east-1:{ACCOUNT}"
MODEL = f"{HERE}:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl"


def customized(stack: cdk.Stack, *, guardrail: Guardrail | None = None, **options: Any) -> CustomizedModel:
    foundation = Foundation(stack)
    given: dict[str, Any] = {"base": "amazon.nova-lite-v1:0", "data_set": "tone", **options}
    return CustomizedModel(
        stack,
        "Tone",
        foundation=foundation,
        name="demo-tone",
        data_sets=SignedDataSets(stack, "DataSets", foundation=foundation),
        options=CustomizationOptions(**given),
        guardrail=guardrail,
    )


def bought(stack: cdk.Stack, **options: Any) -> ProvisionedThroughput:
    foundation = Foundation(stack)
    given: dict[str, Any] = {"model": MODEL, "units": 2, "usd_per_hour": 21.5, **options}
    return ProvisionedThroughput(
        stack,
        "Peak",
        foundation=foundation,
        name="peak",
        guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
        options=ProvisionedThroughputOptions(**given),
    )


def role(template: dict[str, Any], begin: str) -> str:
    names = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
    (found,) = names
    return str(found)


def test_a_run_trains_from_what_was_admitted_and_cannot_deploy() -> None:
    stack = new_stack()
    made = customized(stack)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    steps, trainer = role(template, "ToneSteps"), role(template, "ToneTrainer")
    data, own = f"arn:aws:s3:::{made.data_sets.bucket.logical_id}", f"arn:aws:s3:::{made.bucket.logical_id}"
    assert_allows(template, steps, "s3:GetObject", f"{data}/verified/tone/r/train/a.jsonl")
    for each in (steps, trainer):
        assert_denies(template, each, "s3:GetObject", f"{data}/data/tone/train/a.jsonl")
        assert_denies(template, each, "s3:PutObject", f"{data}/verified/tone/r/train/a.jsonl")
        assert_denies(template, each, "bedrock:CreateCustomModelDeployment", MODEL)
        assert_denies(template, each, "kms:Sign", "*")
    assert_allows(template, trainer, "s3:GetObject", f"{own}/runs/r/train.jsonl")
    base = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0:300k"
    assert_allows(template, steps, "bedrock:CreateModelCustomizationJob", base)
    assert_denies(template, steps, "bedrock:CreateModelCustomizationJob", base.replace("lite", "pro"))


def test_a_teacher_is_called_by_a_distillation_only() -> None:
    options = {"kind": "distillation", "teacher": "amazon.nova-pro-v1:0"}
    teacher = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"
    tuned = template_of(customized).to_json()
    assert_denies(tuned, role(tuned, "ToneTrainer"), "bedrock:InvokeModel", teacher)
    distilled = template_of(lambda stack: customized(stack, **options)).to_json()
    assert_allows(distilled, role(distilled, "ToneTrainer"), "bedrock:InvokeModel", teacher)


def test_hyperparameters_reach_the_job_as_texts() -> None:
    template = template_of(lambda stack: customized(stack, hyperparameters={"learningRate": 0.00001})).to_json()
    functions = [
        each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function"
    ]
    (steps,) = [each for each in functions if each["Handler"].startswith("functions.model_customization")]
    plan = json.loads(steps["Environment"]["Variables"]["PLAN"])
    assert plan["hyperparameters"] == {"learningRate": "1e-05"}
    assert plan["base"] == "amazon.nova-lite-v1:0:300k"


def test_what_is_deployed_is_called_through_the_guardrail_only() -> None:
    stack = new_stack()
    foundation = Foundation(stack)
    guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
    deployed = ModelDeployment(
        stack,
        "Tone",
        foundation=foundation,
        name="tone",
        guardrail=guardrail,
        options=DeploymentOptions(model=MODEL),
    )
    caller = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    deployed.grant_invoke(caller)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith("Caller")
    ]
    (invoke,) = [each for each in policy if "bedrock:InvokeModel" in each["Action"]]
    assert "bedrock:GuardrailIdentifier" in invoke["Condition"]["StringEquals"]
    function = role(template, "ModelCapacityRole")
    assert_allows(template, function, "bedrock:CreateCustomModelDeployment", MODEL)
    assert_denies(template, function, "bedrock:CreateCustomModelDeployment", MODEL.replace("abcdef", "fedcba"))
    assert_denies(template, function, "bedrock:CreateProvisionedModelThroughput", MODEL)


@pytest.mark.parametrize("foreign", [False, True], ids=["own key", "another key"])
@pytest.mark.parametrize("kind", [ModelDeployment, ProvisionedThroughput])
def test_whoever_calls_a_custom_model_decrypts_with_its_own_key(kind: Any, foreign: bool) -> None:
    other = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stack = new_stack()
    # An enforced guardrail has a key of its own.
    guardrail = Guardrail(
        stack,
        "Guardrail",
        name="one",
        foundation=Foundation(stack, key=DataKey(stack, "Own", description="Policy")),
    )
    given: dict[str, Any] = {"model": MODEL, "key_arn": other if foreign else None}
    options: Any = DeploymentOptions(**given)
    if kind is ProvisionedThroughput:
        options = ProvisionedThroughputOptions(**given, units=1, usd_per_hour=5)
    made = kind(stack, "Made", foundation=Foundation(stack), name="tone", guardrail=guardrail, options=options)
    made.grant_invoke(WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (own,) = [n for n, e in template["Resources"].items() if e["Type"] == "AWS::KMS::Key" and n.startswith("Key")]
    for begin in ("Caller", "ModelCapacityRole"):
        statements = [
            statement
            for name, each in template["Resources"].items()
            if each["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith(begin)
            for statement in each["Properties"]["PolicyDocument"]["Statement"]
            if "kms:Decrypt" in statement["Action"] and "bedrock." in json.dumps(statement.get("Condition"))
        ]
        named = json.dumps([each["Resource"] for each in statements])
        assert (other if foreign else f'"{own}", "Arn"') in named
    policy = template["Resources"][own]["Properties"]["KeyPolicy"]
    assert any(each["Sid"] == "ThroughBedrock" for each in policy["Statement"]) is not foreign


def test_a_foundation_model_has_no_key() -> None:
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    template = template_of(lambda stack: bought(stack, model=model)).to_json()
    maker = [
        statement
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith("ModelCapacityRole")
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if "bedrock." in json.dumps(statement.get("Condition", {}))
    ]
    assert not maker


def test_a_distillation_s_trainer_applies_a_guardrail_that_is_enforced() -> None:
    stack = new_stack()
    guardrail = Guardrail(
        stack,
        "Guardrail",
        name="one",
        foundation=Foundation(stack, key=DataKey(stack, "Own", description="Policy")),
    )
    guardrail.enforce()
    customized(stack, kind="distillation", teacher="amazon.nova-pro-v1:0", guardrail=guardrail)
    template = cdk.assertions.Template.from_stack(stack).to_json()
    (name,) = [n for n, each in template["Resources"].items() if each["Type"] == "AWS::Bedrock::Guardrail"]
    assert_allows(template, role(template, "ToneTrainer"), "bedrock:ApplyGuardrail", f"{HERE}:guardrail/{name}")


def test_an_hour_of_throughput_is_in_the_summary() -> None:
    template = template_of(bought).to_json()
    (cost,) = [each for each in idle(template) if each.what.startswith("model unit")]
    assert cost.count == 2
    assert cost.usd_per_month == pytest.approx(2 * 21.5 * 730)
    assert not cost.estimated


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"units": 0}, "units = 0: should be at least 1"),
        ({"usd_per_hour": 0}, "usd_per_hour = 0: should be at least 0.01"),
    ],
)
def test_throughput_has_units_and_a_price(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        bought(new_stack(), **options)
