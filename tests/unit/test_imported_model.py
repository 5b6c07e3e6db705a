"""Models of one's own in Amazon Bedrock: what the deployment may do, and who may call them."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, WorkloadRole
from aws_genai.models import Guardrail, ImportedModel, ImportedModelOptions
from aws_genai.testing import assert_allows, assert_denies
from tests.support import new_stack, template_of

ACCOUNT = "111122223333"


def imported(stack: cdk.Stack, *, name: str = "genai-test-support", **options: Any) -> ImportedModel:
    foundation = Foundation(stack)
    return ImportedModel(
        stack,
        "Model",
        foundation=foundation,
        name=name,
        guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
        options=ImportedModelOptions(**{"uri": "s3://models-of-mine/support/1", **options}),
    )


def test_the_deployment_waits_by_schedules_and_reads_one_prefix() -> None:
    template = template_of(imported).to_json()
    resources = template["Resources"]
    (resource,) = [each for each in resources.values() if each["Type"] == "AWS::CloudFormation::CustomResource"]
    assert resource["Properties"]["ServiceTimeout"] == 3600
    assert resource["Properties"]["Prefix"] == "support/1/"

    def role(begin: str) -> str:
        (found,) = [n for n, each in resources.items() if each["Type"] == "AWS::IAM::Role" and n.startswith(begin)]
        return str(found)

    function, reader, caller = role("ModelImportRole"), role("ModelRole"), role("ModelImportWait")
    for each in (function, reader):
        assert_allows(template, each, "s3:GetObject", "arn:aws:s3:::models-of-mine/support/1/config.json")
        assert_denies(template, each, "s3:GetObject", "arn:aws:s3:::models-of-mine/other/config.json")
        assert_denies(template, each, "s3:PutObject", "arn:aws:s3:::models-of-mine/support/1/config.json")
    schedule = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/"
    assert_allows(template, function, "scheduler:CreateSchedule", f"{schedule}wait-1")
    assert_denies(template, function, "scheduler:CreateSchedule", f"{schedule}other")
    for passed, service in ((reader, "bedrock.amazonaws.com"), (caller, "scheduler.amazonaws.com")):
        arn = f"arn:aws:iam::{ACCOUNT}:role/{passed}"
        assert_allows(template, function, "iam:PassRole", arn, {"iam:PassedToService": service})
        assert_denies(template, function, "iam:PassRole", arn, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert_denies(template, function, "bedrock:InvokeModel", "*")
    code = next(name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Function")
    assert_allows(template, caller, "lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{code}")


def test_whoever_calls_an_imported_model_decrypts_with_its_own_key() -> None:
    stack = new_stack()
    # An enforced guardrail has a key of its own.
    guardrail = Guardrail(
        stack,
        "Guardrail",
        name="one",
        foundation=Foundation(stack, key=DataKey(stack, "Own", description="Policy")),
    )
    made = ImportedModel(
        stack,
        "Assistant",
        foundation=Foundation(stack),
        name="demo",
        guardrail=guardrail,
        options=ImportedModelOptions(uri="s3://models-of-mine/assistant/3"),
    )
    made.grant_invoke(WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    template = cdk.assertions.Template.from_stack(stack).to_json()["Resources"]
    (own,) = [name for name, each in template.items() if each["Type"] == "AWS::KMS::Key" and name.startswith("Key")]
    (policy,) = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in template.items()
        if each["Type"] == "AWS::IAM::ManagedPolicy" and name.startswith("Caller")
    ]
    decrypted = [each for each in policy if each["Action"] == ["kms:Decrypt"]]
    assert {"Fn::GetAtt": [own, "Arn"]} in [arn for each in decrypted for arn in each["Resource"]]
    assert all("kms:ViaService" in each["Condition"]["StringEquals"] for each in decrypted)


def test_a_model_is_called_through_the_guardrail_only() -> None:
    def build(stack: cdk.Stack) -> None:
        caller = WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        imported(stack).grant_invoke(caller)

    found = template_of(build).find_resources("AWS::IAM::ManagedPolicy")
    statements = [
        statement
        for name, each in found.items()
        if name.startswith("Caller")
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == ["bedrock:InvokeModel"]
    ]
    assert len(statements) == 1
    assert "bedrock:GuardrailIdentifier" in statements[0]["Condition"]["StringEquals"]
    (resource,) = statements[0]["Resource"]
    assert resource["Fn::GetAtt"][1] == "Arn"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "n" * 41}, "AWS allows 40"),
        ({"pickled": ["model.pt"]}, "pickled: unknown key"),
        ({"uri": "https://models-of-mine/support"}, "is not an S3 location"),
    ],
)
def test_what_cannot_be_imported_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        imported(new_stack(), **options)
