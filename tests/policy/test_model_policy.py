"""An organization's accounts call the models that the settings allow, whatever their own policies say."""

from __future__ import annotations

import json

import pytest

from aws_genai.foundation.organization import model_policy
from aws_genai.testing import Principal, assert_allows, assert_denies
from operations import organization
from tests.conftest import Synthesized

ACCOUNT = "111122223333"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
CALL = "bedrock:InvokeModel"
MODEL = "arn:aws:bedrock:{}::foundation-model/{}"
HERE = {"aws:RequestedRegion": "us-east-1"}
GUARDED = {**HERE, "bedrock:GuardrailIdentifier": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/any:1"}


@pytest.fixture(scope="module")
def administrator(reference: Synthesized) -> Principal:
    bedrock = reference.settings.models.bedrock if reference.settings.models else None
    assert bedrock is not None
    policy = model_policy(bedrock.models, regions=bedrock.regions)
    return Principal(f"arn:aws:iam::{ACCOUNT}:role/administrator", (EVERYTHING, policy))


def test_allowed_models_answer_through_a_guardrail(reference: Synthesized, administrator: Principal) -> None:
    for resource in (
        MODEL.format("us-east-1", "amazon.nova-lite-v1:0"),
        MODEL.format("us-west-2", "anthropic.claude-sonnet-4-6"),
    ):
        assert_allows(reference.templates, administrator, CALL, resource, GUARDED)
        assert_denies(reference.templates, administrator, CALL, resource, HERE)
    embedding = MODEL.format("us-east-1", "amazon.titan-embed-text-v2:0")
    assert_allows(reference.templates, administrator, CALL, embedding, HERE)


@pytest.mark.parametrize("model", ["amazon.nova-micro-v1:0", "deepseek.r1-v1:0", "anthropic.claude-opus-5"])
def test_no_other_model_answers(reference: Synthesized, administrator: Principal, model: str) -> None:
    assert_denies(reference.templates, administrator, CALL, MODEL.format("us-east-1", model), GUARDED)
    batch = "bedrock:CreateModelInvocationJob"
    assert_denies(reference.templates, administrator, batch, MODEL.format("us-east-1", model), HERE)


def test_no_other_region_and_no_other_endpoint_answers(reference: Synthesized, administrator: Principal) -> None:
    model = MODEL.format("eu-west-1", "amazon.nova-lite-v1:0")
    elsewhere = {**GUARDED, "aws:RequestedRegion": "eu-west-1"}
    assert_denies(reference.templates, administrator, CALL, model, elsewhere)
    project = f"arn:aws:bedrock-mantle:us-east-1:{ACCOUNT}:project/default"
    assert_denies(reference.templates, administrator, "bedrock-mantle:CreateInference", project, HERE)


def test_the_command_prints_the_policy_of_an_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert organization.main(["--models-of", "prod"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "anthropic.claude-sonnet-4-6" in json.dumps(told)
    assert organization.main(["--models-of", "nowhere"]) == 2
    assert "there is no such environment" in capsys.readouterr().err
