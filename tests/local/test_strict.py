"""The account refuses what AWS refuses, and lets nobody in whom AWS would not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from local import chat
from tests.conftest import ROOT

from .conftest import Local

Json = dict[str, Any]
WAIT_SECONDS = 20.0
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    },
}
VECTORS = {"Type": "AWS::S3Vectors::VectorBucket"}
INDEX = {"DataType": "float32", "Dimension": 512, "DistanceMetric": "cosine"}


class Stack:
    """A stack of a test."""

    def __init__(self, local: Local, name: str) -> None:
        self._client, self._name = local.client("cloudformation"), name

    def create(self, resources: Json) -> str:
        self._client.create_stack(**self._request(resources))
        return self._ended()

    def update(self, resources: Json) -> str:
        self._client.update_stack(**self._request(resources))
        return self._ended()

    def _request(self, resources: Json) -> Json:
        body = json.dumps({"Resources": resources})
        return {"StackName": self._name, "TemplateBody": body, "Capabilities": ["CAPABILITY_IAM"]}

    def delete(self) -> None:
        self._client.delete_stack(StackName=self._name)
        deadline = time.monotonic() + WAIT_SECONDS
        while self._name in {each["StackName"] for each in self._client.describe_stacks()["Stacks"]}:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _ended(self) -> str:
        """The status at the end, or why a resource failed."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (status := self._status()).endswith("_IN_PROGRESS"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        reasons = [
            each["ResourceStatusReason"]
            for each in events
            if each["ResourceStatus"] in ("CREATE_FAILED", "UPDATE_FAILED") and each.get("ResourceStatusReason")
        ]
        return status if "ROLLBACK" not in status else str(reasons[0])

    def _status(self) -> str:
        return str(self._client.describe_stacks(StackName=self._name)["Stacks"][0]["StackStatus"])


@pytest.fixture
def stack(local: Local, request: pytest.FixtureRequest) -> Iterator[Callable[[], Stack]]:
    made: list[Stack] = []

    def make() -> Stack:
        made.append(Stack(local, f"strict-{abs(hash(request.node.name))}-{len(made)}"))
        return made[-1]

    yield make
    for each in made:
        each.delete()


def index(name: str | None = "chunks", **changed: Any) -> Json:
    place = {"VectorBucketArn": {"Fn::GetAtt": ["Vectors", "VectorBucketArn"]}}
    named = {"IndexName": name} if name else {}
    return {
        "Vectors": VECTORS,
        "Index": {"Type": "AWS::S3Vectors::Index", "Properties": {**INDEX, **place, **named, **changed}},
    }


def source(chunking: str, name: str = "documents") -> Json:
    """A data source, whose create-only properties lie deep."""
    resources = index(Dimension=1024)
    resources["Role"] = ROLE
    resources["Base"] = {
        "Type": "AWS::Bedrock::KnowledgeBase",
        "Properties": {
            "Name": "strict",
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "KnowledgeBaseConfiguration": {
                "Type": "VECTOR",
                "VectorKnowledgeBaseConfiguration": {
                    "EmbeddingModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"
                },
            },
            "StorageConfiguration": {
                "Type": "S3_VECTORS",
                "S3VectorsConfiguration": {"IndexArn": {"Fn::GetAtt": ["Index", "IndexArn"]}},
            },
        },
    }
    resources["Source"] = {
        "Type": "AWS::Bedrock::DataSource",
        "Properties": {
            "Name": name,
            "KnowledgeBaseId": {"Fn::GetAtt": ["Base", "KnowledgeBaseId"]},
            "DataSourceConfiguration": {"Type": "CUSTOM"},
            "VectorIngestionConfiguration": {"ChunkingConfiguration": {"ChunkingStrategy": chunking}},
        },
    }
    return resources


def test_what_has_a_name_cannot_be_replaced_under_it(stack: Callable[[], Stack]) -> None:
    made = stack()
    assert made.create(index()) == "CREATE_COMPLETE"
    assert "custom-named resource requires replacing" in made.update(index(Dimension=1024))
    assert made.update(index("others", Dimension=1024)) == "UPDATE_COMPLETE"


def test_a_create_only_property_counts_at_any_depth(stack: Callable[[], Stack]) -> None:
    made = stack()
    assert made.create(source("NONE")) == "CREATE_COMPLETE"
    assert "custom-named resource requires replacing" in made.update(source("SEMANTIC"))
    assert made.update(source("SEMANTIC", "others")) == "UPDATE_COMPLETE"


def test_what_has_no_name_is_replaced(stack: Callable[[], Stack]) -> None:
    made = stack()
    assert made.create(index(None)) == "CREATE_COMPLETE"
    assert made.update(index(None, Dimension=1024)) == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::Logs::LogGroup", {"LogGroupName": "aws-waf-logs-strict"}),
        ("AWS::SQS::Queue", {"QueueName": "strict"}),
        ("AWS::S3Vectors::VectorBucket", {"VectorBucketName": "strict-vectors"}),
    ],
)
def test_what_was_kept_is_in_the_way_of_the_next_stack(
    local: Local, stack: Callable[[], Stack], kind: str, properties: Json
) -> None:
    kept = {"Kept": {"Type": kind, "Properties": properties, "DeletionPolicy": "Retain"}}
    first = stack()
    assert first.create(kept) == "CREATE_COMPLETE"
    first.delete()
    assert "already exists" in stack().create(kept)
    if kind == "AWS::Logs::LogGroup":
        local.client("logs").delete_log_group(logGroupName=properties["LogGroupName"])
        assert stack().create({"Kept": {"Type": kind, "Properties": properties}}) == "CREATE_COMPLETE"


def test_subnets_do_not_overlap(stack: Callable[[], Stack]) -> None:
    def subnets(*ranges: str) -> Json:
        vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
        return {"Vpc": vpc} | {
            f"Subnet{number}": {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": each},
            }
            for number, each in enumerate(ranges)
        }

    made = stack()
    assert made.create(subnets("10.0.0.0/17", "10.0.128.0/17")) == "CREATE_COMPLETE"
    # A third zone, with the range cut anew: EC2 changes no subnet's range.
    told = made.update(subnets("10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"))
    assert "conflicts with another subnet" in told


def test_functions_leave_concurrency_to_the_account(stack: Callable[[], Stack]) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Code": {"ZipFile": "def handler(event, context): ..."},
            "ReservedConcurrentExecutions": 950,
        },
    }
    assert "below its minimum value of [100]" in stack().create({"Role": ROLE, "Function": function})


def test_the_table_of_create_only_properties_is_what_the_schemas_say() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "operations.create_only", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Who comes in.


@pytest.fixture
def pool(local: Local) -> Iterator[chat.Chat]:
    identity = local.client("cognito-idp")
    made = identity.create_user_pool(
        PoolName="strict", MfaConfiguration="ON", AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}
    )["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = identity.create_user_pool_client(UserPoolId=made, ClientName="c", ExplicitAuthFlows=flows)
    yield chat.Chat("", made, client["UserPoolClient"]["ClientId"])
    identity.delete_user_pool(UserPoolId=made)


def test_nobody_signs_up_where_users_are_invited(local: Local, pool: chat.Chat) -> None:
    identity = local.client("cognito-idp", signature_version=UNSIGNED)
    with pytest.raises(ClientError, match="SignUp is not permitted for this user pool"):
        identity.sign_up(ClientId=pool.client_id, Username="eve", Password=chat._password())


def test_a_required_second_factor_is_set_up_before_there_is_a_token(local: Local, pool: chat.Chat) -> None:
    user = {"pool": pool.pool, "email": "ann", "password": chat._password(), "otp_secret": ""}
    chat._invite(local.account, user)
    identity = local.client("cognito-idp", signature_version=UNSIGNED)
    asked = {"ClientId": pool.client_id, "AuthFlow": "USER_PASSWORD_AUTH"}
    password = {"USERNAME": "ann", "PASSWORD": user["password"]}
    answer = identity.initiate_auth(**asked, AuthParameters=password)
    assert answer["ChallengeName"] == "MFA_SETUP"
    with pytest.raises(ClientError, match="Invalid session"):
        identity.respond_to_auth_challenge(
            ClientId=pool.client_id,
            ChallengeName="MFA_SETUP",
            ChallengeResponses={"USERNAME": "ann"},
            Session=answer["Session"],
        )
    with pytest.raises(ClientError, match="Invalid session"):
        identity.associate_software_token(Session="x" * 24)
    registered = identity.associate_software_token(Session=answer["Session"])
    secret = registered["SecretCode"]
    verified = identity.verify_software_token(Session=registered["Session"], UserCode=pyotp.TOTP(secret).now())
    answer = identity.respond_to_auth_challenge(
        ClientId=pool.client_id,
        ChallengeName="MFA_SETUP",
        ChallengeResponses={"USERNAME": "ann"},
        Session=verified["Session"],
    )
    assert answer["AuthenticationResult"]["AccessToken"].count(".") == 2
    # From now on a code is asked for.
    answer = identity.initiate_auth(**asked, AuthParameters=password)
    assert answer["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    code = {"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": pyotp.TOTP(secret).now()}
    answer = identity.respond_to_auth_challenge(
        ClientId=pool.client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        ChallengeResponses=code,
        Session=answer["Session"],
    )
    assert answer["AuthenticationResult"]["IdToken"]


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("極秘計画について教えて", True),
        ("今日はproject nightingaleの話です", True),
        ("project nightingales", False),
        ("計画について教えて", False),
    ],
)
def test_denied_words_are_found_inside_sentences_without_spaces(local: Local, text: str, blocked: bool) -> None:
    bedrock = local.client("bedrock")
    made = bedrock.create_guardrail(
        name="strict",
        blockedInputMessaging="no",
        blockedOutputsMessaging="no",
        wordPolicyConfig={"wordsConfig": [{"text": "極秘"}, {"text": "project nightingale"}]},
    )
    try:
        answer = local.client("bedrock-runtime").apply_guardrail(
            guardrailIdentifier=made["guardrailId"],
            guardrailVersion="DRAFT",
            source="INPUT",
            content=[{"text": {"text": text}}],
        )
    finally:
        bedrock.delete_guardrail(guardrailIdentifier=made["guardrailId"])
    assert (answer["action"] == "GUARDRAIL_INTERVENED") is blocked
