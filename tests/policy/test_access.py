"""Who may do what, decided from the reference templates as IAM decides."""

from __future__ import annotations

import pytest

from aws_genai.testing import Principal, assert_allows, assert_denies
from tests.conftest import Synthesized

ACCOUNT = "111122223333"
PUBLISHER = f"arn:aws:iam::{ACCOUNT}:role/model-publisher"
BREAK_GLASS = f"arn:aws:iam::{ACCOUNT}:role/break-glass"
EVERYTHING = ({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},)


def only(reference: Synthesized, layer: str, kind: str, contains: str = "") -> str:
    """The logical id of the one resource of a kind whose own begins so, or the Chat's, whose stands deeper."""
    found = [
        name
        for name, resource in reference.template(layer)["Resources"].items()
        if resource["Type"] == kind and name.startswith(contains)
    ]
    assert len(found) == 1, found
    return f"{reference.settings.prefix}-{layer}.{found[0]}"


@pytest.fixture(scope="module")
def weights(reference: Synthesized) -> str:
    name = next(
        name
        for name, resource in reference.template("compute")["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket" and name.startswith("WeightsBucket") and "Replica" not in name
    )
    return f"arn:aws:s3:::genai-reference-compute.{name}"


@pytest.fixture(scope="module")
def weights_key(reference: Synthesized) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{only(reference, 'compute', 'AWS::KMS::Key', 'Key')}"


@pytest.fixture(scope="module")
def chat_role(reference: Synthesized) -> str:
    return only(reference, "application", "AWS::IAM::Role", "ChatFunction")


@pytest.fixture(scope="module")
def guarded(reference: Synthesized) -> dict[str, str]:
    guardrail = only(reference, "models", "AWS::Bedrock::Guardrail")
    return {"bedrock:GuardrailIdentifier": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/{guardrail}:1"}


def profiles(reference: Synthesized) -> dict[str, str]:
    """The ARNs of the chat's names of models, by how the models' ids begin."""
    return {
        each["Properties"]["InferenceProfileName"].removeprefix("genai-reference-chat-").rpartition("-v1")[0]: (
            f"arn:aws:bedrock:us-east-1:{ACCOUNT}:application-inference-profile/genai-reference-application.{name}"
        )
        for name, each in reference.template("application")["Resources"].items()
        if each["Type"] == "AWS::Bedrock::ApplicationInferenceProfile"
    }


@pytest.mark.parametrize("fleet", ["training", "serving"])
def test_fleet_reads_its_own_weights_only(reference: Synthesized, weights: str, weights_key: str, fleet: str) -> None:
    role = only(reference, "compute", "AWS::IAM::Role", f"{fleet}Role")
    other = {"training": "serving", "serving": "training"}[fleet]
    templates = reference.templates
    through = endpoint(reference, "s3")
    assert_allows(templates, role, "s3:GetObject", f"{weights}/{fleet}/model.safetensors", through)
    # The same role with the same credentials, from anywhere else.
    assert_denies(templates, role, "s3:GetObject", f"{weights}/{fleet}/model.safetensors")
    assert_allows(templates, role, "s3:ListBucket", weights, {"s3:prefix": f"{fleet}/"})
    assert_allows(templates, role, "kms:Decrypt", weights_key)
    assert_denies(templates, role, "s3:GetObject", f"{weights}/{other}/model.safetensors", through)
    assert_denies(templates, role, "s3:ListBucket", weights, {"s3:prefix": f"{other}/"})
    assert_denies(templates, role, "s3:ListBucket", weights)
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert_denies(templates, role, action, f"{weights}/{fleet}/model.safetensors")
    for action in ("ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "sts:AssumeRole"):
        assert_denies(templates, role, action, "*")


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:PutObject"])
def test_administrator_reaches_no_weights(reference: Synthesized, weights: str, action: str) -> None:
    assert_denies(reference.templates, Principal.administrator(), action, f"{weights}/training/model.safetensors")


@pytest.mark.parametrize(
    "action", ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant", "kms:ReEncryptFrom"]
)
def test_administrator_cannot_use_the_weights_key(reference: Synthesized, weights_key: str, action: str) -> None:
    assert_denies(reference.templates, Principal.administrator(), action, weights_key)


def test_administrator_still_updates_and_deletes_stacks(reference: Synthesized, weights: str, weights_key: str) -> None:
    administrator = Principal.administrator()
    for action in ("s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutReplicationConfiguration", "s3:GetBucketPolicy"):
        assert_allows(reference.templates, administrator, action, weights)
    for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DescribeKey", "kms:EnableKeyRotation"):
        assert_allows(reference.templates, administrator, action, weights_key)


def test_publisher_writes_and_does_not_read(reference: Synthesized, weights: str, weights_key: str) -> None:
    publisher = Principal(PUBLISHER, EVERYTHING)
    assert_allows(reference.templates, publisher, "s3:PutObject", f"{weights}/training/model.safetensors")
    assert_allows(reference.templates, publisher, "kms:GenerateDataKey", weights_key)
    assert_denies(reference.templates, publisher, "s3:GetObject", f"{weights}/training/model.safetensors")


def test_break_glass_reads_and_does_not_write(reference: Synthesized, weights: str, weights_key: str) -> None:
    role = Principal(BREAK_GLASS, EVERYTHING)
    assert_allows(reference.templates, role, "s3:GetObject", f"{weights}/training/model.safetensors")
    assert_allows(reference.templates, role, "kms:Decrypt", weights_key)
    assert_denies(reference.templates, role, "s3:PutObject", f"{weights}/training/model.safetensors")
    assert_denies(reference.templates, role, "kms:GenerateDataKey", weights_key)


def test_plain_http_is_denied(reference: Synthesized, weights: str) -> None:
    role = only(reference, "compute", "AWS::IAM::Role", "trainingRole")
    assert_denies(reference.templates, role, "s3:GetObject", f"{weights}/training/x", {"aws:SecureTransport": "false"})


def test_chat_calls_allowed_models_through_the_guardrail_only(
    reference: Synthesized, chat_role: str, guarded: dict[str, str]
) -> None:
    own = profiles(reference)
    model = "arn:aws:bedrock:{}::foundation-model/{}"
    through = {"bedrock:InferenceProfileArn": own["us-amazon-nova-lite"]}
    for resource, extra in (
        (own["us-amazon-nova-lite"], {}),
        (model.format("us-east-1", "amazon.nova-lite-v1:0"), through),
        (model.format("us-west-2", "amazon.nova-lite-v1:0"), through),
        (model.format("us-east-2", "anthropic.claude-sonnet-4-6"), through),
    ):
        assert_allows(reference.templates, chat_role, "bedrock:InvokeModel", resource, {**guarded, **extra})
        assert_denies(reference.templates, chat_role, "bedrock:InvokeModel", resource, extra)
        draft = {"bedrock:GuardrailIdentifier": guarded["bedrock:GuardrailIdentifier"].replace(":1", ":DRAFT")}
        assert_denies(reference.templates, chat_role, "bedrock:InvokeModel", resource, {**draft, **extra})
    # What is called under no name of the application is on no bill of its own.
    unnamed = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.amazon.nova-lite-v1:0"
    assert_denies(reference.templates, chat_role, "bedrock:InvokeModel", unnamed, guarded)
    for resource in (
        model.format("eu-west-1", "amazon.nova-lite-v1:0"),
        model.format("us-east-1", "amazon.nova-pro-v1:0"),
        model.format("us-east-1", "stability.stable-image-inpaint-v1:0"),
        f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.amazon.nova-pro-v1:0",
    ):
        assert_denies(reference.templates, chat_role, "bedrock:InvokeModel", resource, {**guarded, **through})


@pytest.mark.parametrize(
    "action", ["bedrock:DeleteGuardrail", "bedrock:UpdateGuardrail", "bedrock:RetrieveAndGenerate"]
)
def test_chat_does_nothing_else_in_bedrock(
    reference: Synthesized, chat_role: str, guarded: dict[str, str], action: str
) -> None:
    guardrail = only(reference, "models", "AWS::Bedrock::Guardrail")
    arn = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/{guardrail}"
    assert_denies(reference.templates, chat_role, action, arn, guarded)
    assert_allows(reference.templates, chat_role, "bedrock:ApplyGuardrail", arn)


def test_endpoint_role_reads_its_own_artifact_only(reference: Synthesized) -> None:
    role = only(reference, "hosting", "AWS::IAM::Role", "llamaRole")
    bucket = "arn:aws:s3:::jumpstart-private-cache-prod-us-east-1"
    own = "meta-textgeneration/meta-textgeneration-llama-3-1-8b-instruct/artifacts/inference/v2.0.0/"
    assert_allows(reference.templates, role, "s3:GetObject", f"{bucket}/{own}model.safetensors")
    assert_denies(reference.templates, role, "s3:GetObject", f"{bucket}/meta-textgeneration/another-model/x")
    captured = next(
        name
        for name, item in reference.template("hosting")["Resources"].items()
        if item["Type"] == "AWS::S3::Bucket" and name.startswith("Captured") and "Replica" not in name
    )
    captured = f"genai-reference-hosting.{captured}"
    assert_allows(
        reference.templates, role, "s3:PutObject", f"arn:aws:s3:::{captured}/genai-reference-llama/AllTraffic/x"
    )
    assert_denies(reference.templates, role, "s3:PutObject", f"arn:aws:s3:::{captured}/genai-reference-images/x")
    assert_denies(reference.templates, role, "s3:GetObject", f"arn:aws:s3:::{captured}/genai-reference-llama/x")


def test_network_admits_the_account_only(reference: Synthesized, weights: str) -> None:
    role = only(reference, "compute", "AWS::IAM::Role", "trainingRole")
    through = endpoint(reference, "s3")
    assert_allows(reference.templates, role, "s3:GetObject", f"{weights}/training/x", through)
    elsewhere = Principal(f"arn:aws:iam::{ACCOUNT}:role/any", EVERYTHING)
    assert_allows(reference.templates, elsewhere, "s3:PutObject", "arn:aws:s3:::elsewhere/x")
    assert_denies(
        reference.templates,
        elsewhere,
        "s3:PutObject",
        "arn:aws:s3:::elsewhere/x",
        {**through, "aws:ResourceAccount": "999999999999"},
    )


def endpoint(reference: Synthesized, service: str) -> dict[str, str]:
    """The context of a call through the VPC's endpoint of a service."""
    return {
        "aws:SourceVpce": next(
            f"{reference.settings.prefix}-foundation.{name}"
            for name, item in reference.template("foundation")["Resources"].items()
            if item["Type"] == "AWS::EC2::VPCEndpoint" and f".{service}'" in str(item["Properties"]["ServiceName"])
        )
    }


def test_endpoints_reach_resources_of_the_account_only(
    reference: Synthesized, chat_role: str, guarded: dict[str, str]
) -> None:
    own = {"bedrock:InferenceProfileArn": profiles(reference)["us-amazon-nova-lite"]}
    bedrock = {**guarded, **own, **endpoint(reference, "bedrock-runtime")}
    model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    assert_allows(reference.templates, chat_role, "bedrock:InvokeModel", model, bedrock)
    somebody = Principal(f"arn:aws:iam::{ACCOUNT}:role/any", EVERYTHING)
    elsewhere = "arn:aws:bedrock:us-east-1:999999999999:inference-profile/us.amazon.nova-lite-v1:0"
    assert_denies(reference.templates, somebody, "bedrock:InvokeModel", elsewhere, bedrock)
    logs = endpoint(reference, "logs")
    group = "arn:aws:logs:us-east-1:{}:log-group:x:log-stream:y"
    assert_allows(reference.templates, somebody, "logs:PutLogEvents", group.format(ACCOUNT), logs)
    assert_denies(reference.templates, somebody, "logs:PutLogEvents", group.format("999999999999"), logs)
    stranger = Principal("arn:aws:iam::999999999999:role/any", EVERYTHING)
    assert_denies(reference.templates, stranger, "logs:PutLogEvents", group.format(ACCOUNT), logs)


def test_services_use_the_foundation_key_for_this_account_only(reference: Synthesized) -> None:
    key = only(reference, "foundation", "AWS::KMS::Key")
    alarms = Principal("cloudwatch.amazonaws.com")
    assert_allows(reference.templates, alarms, "kms:Decrypt", key, {"aws:SourceAccount": ACCOUNT})
    assert_denies(reference.templates, alarms, "kms:Decrypt", key, {"aws:SourceAccount": "999999999999"})
    assert_denies(reference.templates, Principal("lambda.amazonaws.com"), "kms:Decrypt", key)


def test_whoever_calls_models_may_apply_the_guardrail_that_is_enforced_wherever_it_is_assessed(
    reference: Synthesized, guarded: dict[str, str]
) -> None:
    enforced = guarded["bedrock:GuardrailIdentifier"].rpartition(":")[0]
    profiles = {
        f"arn:aws:bedrock:{region}:{ACCOUNT}:guardrail-profile/us.guardrail.v1:0"
        for region in ("us-east-1", "us-east-2", "us-west-2")
    }
    callers = 0
    for layer in ("models", "hosting", "application"):
        for resource in reference.template(layer)["Resources"].values():
            if resource["Type"] != "AWS::IAM::ManagedPolicy":
                continue
            statements = resource["Properties"]["PolicyDocument"]["Statement"]
            if not any("bedrock:InvokeModel" in each["Action"] for each in statements):
                continue
            callers += 1
            for each in resource["Properties"]["Roles"]:
                role = f"{reference.settings.prefix}-{layer}.{each['Ref']}"
                for arn in (enforced, *profiles):
                    assert_allows(reference.templates, role, "bedrock:ApplyGuardrail", arn)
    # The chat, three knowledge bases, a judge, batches, a distillation, flows, and the steps that ask.
    assert callers >= 8
