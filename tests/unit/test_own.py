"""Networks, keys and topics of the user's own."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2, aws_iam as iam, aws_kms as kms, aws_sns as sns
from aws_cdk.assertions import Match, Template

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, PrivateNetwork, SecureBucket, WorkloadRole
from aws_genai.gate import CompliancePack, synth
from aws_genai.models import EndpointOptions, JumpStartEndpoint

from ..support import new_app, new_stack

KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = "arn:aws:sns:us-east-1:111122223333:alarms"
MODEL = "huggingface-sentencesimilarity-bge-m3"


def vpc_of(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["us-east-1a", "us-east-1b"],
        isolated_subnet_ids=["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"],
    )


@pytest.mark.parametrize("packs", [(), tuple(CompliancePack)], ids=["no packs", "all packs"])
def test_an_app_with_an_own_vpc_and_key_has_no_finding(packs: tuple[CompliancePack, ...]) -> None:
    app = new_app(packs=packs)
    stack = new_stack(app)
    foundation = Foundation(stack, key=kms.Key.from_key_arn(stack, "Key", KEY), network=vpc_of(stack))
    JumpStartEndpoint(
        stack, "Embeddings", foundation=foundation, endpoint_name="e", options=EndpointOptions(model=MODEL)
    )
    synth(app)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::EC2::VPC", 0)
    template.resource_count_is("AWS::KMS::Key", 0)
    template.has_resource_properties(
        "AWS::SageMaker::Model",
        {"VpcConfig": {"Subnets": ["subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"]}},
    )
    template.has_resource_properties("AWS::EC2::SecurityGroup", {"VpcId": "vpc-0123456789abcdef0"})
    template.has_resource_properties("AWS::SNS::Topic", {"KmsMasterKeyId": Match.string_like_regexp("1234abcd")})


def test_what_the_policy_of_an_own_key_must_allow_is_written_down() -> None:
    app = new_app()
    stack = cdk.Stack(app, "Test", env=cdk.Environment(account="111122223333", region="us-east-1"))
    foundation = Foundation(stack, key=kms.Key.from_key_arn(stack, "Key", KEY))
    foundation.key.allow_logs()
    foundation.key.grant_decrypt(WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    assert foundation.topic
    assembly = app.synth()
    content = json.loads((Path(assembly.directory) / "Test.key-policy.json").read_text(encoding="utf-8"))
    by_sid = {each["Sid"]: each for each in content["Statement"]}
    assert by_sid["AllowWhatIamAllows"]["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert "kms:Decrypt" in by_sid["AllowWhatIamAllows"]["Action"]
    assert by_sid["CloudWatchLogs"]["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert by_sid["CloudWatchLogs"]["Condition"]["ArnLike"] == {
        "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:111122223333:log-group:*"
    }
    assert not any("Reader" in sid for sid in by_sid), "no role can be named before it exists"
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": {"Statement": [Match.object_like({"Action": ["kms:Decrypt"], "Resource": [KEY]})]}},
    )


def test_an_own_topic_receives_the_alarms() -> None:
    stack = new_stack()
    topic = sns.Topic.from_topic_arn(stack, "Topic", TOPIC)
    foundation = Foundation(stack, topic=topic, replicas=True)
    SecureBucket(stack, "Bucket", foundation=foundation)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::SNS::Topic", 0)
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"AlarmActions": [TOPIC]})


def test_a_vpc_without_a_subnet_is_refused() -> None:
    stack = new_stack()
    vpc = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"])
    with pytest.raises(InvalidValueError, match="Pass subnets"):
        PrivateNetwork.from_vpc(stack, "Network", vpc)
    given = PrivateNetwork.from_vpc(stack, "Other", vpc, subnets={"us-east-1a": "subnet-1"})
    assert given.subnet_ids == ["subnet-1"]


def test_a_construct_that_needs_a_network_says_so() -> None:
    stack = new_stack()
    with pytest.raises(InvalidValueError, match="PrivateNetwork"):
        JumpStartEndpoint(
            stack, "E", foundation=Foundation(stack), endpoint_name="e", options=EndpointOptions(model=MODEL)
        )


def test_an_own_key_may_be_named_twice() -> None:
    stack = new_stack()
    key = DataKey.from_key(stack, "Own", kms.Key.from_key_arn(stack, "Key", KEY))
    assert Foundation(stack, key=key).but(log_days=30).key is key
