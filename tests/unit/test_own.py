"""Networks, keys and topics of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import aws_ec2 as ec2, aws_iam as iam, aws_kms as kms, aws_sns as sns
from aws_cdk.assertions import Match, Template

from aws_genai.errors import InvalidValueError
from aws_genai.foundation import DataKey, Foundation, PrivateNetwork, SecureBucket, WorkloadRole
from aws_genai.gate import CompliancePack, synth
from aws_genai.models import EndpointOptions, JumpStartEndpoint
from operations import cdk as cdk_cli
from settings import SettingsError, load
from settings.loader import CONFIG

from ..conftest import Synthesized
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


OWN = {
    "security": {
        "key_arn": KEY,
        "alarm_topic_arn": TOPIC,
        "permissions_boundary_arn": "arn:aws:iam::111122223333:policy/boundary",
        "private_functions": True,
    },
    "bootstrap_qualifier": "own",
    "tags": {"team": "ml"},
    "network": {
        "vpc_id": "vpc-0123456789abcdef0",
        "subnets": {"us-east-1a": "subnet-0123456789abcdef0", "us-east-1b": "subnet-0123456789abcdef1"},
        "s3_endpoint_id": "vpce-0123456789abcdef0",
    },
}


def environment(folder: Path, **changes: Any) -> Path:
    """A folder of settings that holds ``dev`` with changes, as ``own``."""
    content = yaml.safe_load((CONFIG / "dev.yaml").read_text(encoding="utf-8"))
    content["environment"] = "own"
    for name, value in {**OWN, **changes}.items():
        content[name] = {**content[name], **value} if isinstance(content.get(name), dict) else value
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def test_an_environment_with_all_of_its_own_has_no_finding(tmp_path: Path) -> None:
    made = Synthesized("own", tmp_path / "out", environment(tmp_path / "config"))
    resources = [each for template in made.templates.values() for each in template["Resources"].values()]
    kinds = {each["Type"] for each in resources}
    assert not kinds & {"AWS::EC2::VPC", "AWS::KMS::Key", "AWS::SNS::Topic"}
    roles = [each for each in resources if each["Type"] == "AWS::IAM::Role"]
    assert roles
    for role in roles:
        assert role["Properties"]["PermissionsBoundary"] == OWN["security"]["permissions_boundary_arn"]  # type: ignore[index]
    tagged = [each["Properties"]["Tags"] for each in roles]
    assert all({"Key": "team", "Value": "ml"} in tags for tags in tagged)
    functions = [each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::Function"]
    assert functions
    for function in functions:
        assert function["VpcConfig"]["SubnetIds"] == list(OWN["network"]["subnets"].values())  # type: ignore[index]
    for stack, template in made.templates.items():
        assert template["Parameters"]["BootstrapVersion"]["Default"] == "/cdk-bootstrap/own/version", stack
    assert (tmp_path / "out" / "application.key-policy.json").is_file() or (
        tmp_path / "out" / "foundation.key-policy.json"
    ).is_file()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"network": {"vpc_id": "vpc-0123456789abcdef0", "subnets": {}}}, "network.subnets: A VPC of your own needs"),
        ({"network": {**OWN["network"], "zones": ["us-east-1a"]}}, "network.zones: zones describes a new VPC"),  # type: ignore[dict-item]
        ({"network": {"zones": ["us-east-1a"], "subnets": {"us-east-1a": "subnet-0123456789abcdef0"}}}, "Set vpc_id"),
        ({"network": {**OWN["network"], "subnets": {"eu-west-1a": "subnet-0123456789abcdef0"}}}, "not a zone of"),  # type: ignore[dict-item]
        ({"network": {"vpc_id": "vpc-1"}}, "be the id of a VPC"),
        ({"security": {"key_arn": KEY.replace("us-east-1", "eu-west-1")}}, "security.key_arn: .* is not in us-east-1"),
        ({"security": {"alarm_topic_arn": TOPIC.replace("us-east-1", "eu-west-1")}}, "security.alarm_topic_arn: "),
        ({"security": {"permissions_boundary_arn": "boundary"}}, "be the ARN of a managed policy"),
        ({"account": "444455556666"}, "is not in the account 444455556666"),
        ({"budget": {"emails": ["a@example.com"]}}, "budget.emails: .* subscribe"),
        ({"tags": {"owner": "x"}}, "tags: owner is a cost allocation tag"),
        ({"tags": {"aws:x": "x"}}, "begins with aws:"),
        ({"tags": {f"t{number}": "x" for number in range(41)}}, "at most 40"),
        ({"bootstrap_qualifier": "with-hyphen"}, "1 to 10 letters and digits"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_setting(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    folder = environment(tmp_path / "config", **changes)
    if "network" in changes:
        content = yaml.safe_load((folder / "own.yaml").read_text(encoding="utf-8"))
        content["network"] = changes["network"]
        (folder / "own.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(SettingsError, match=told):
        load("own", folder)


def test_bootstrap_names_the_qualifier(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(cdk_cli, "synthesize", lambda environment: 0)
    monkeypatch.setattr(cdk_cli, "load", lambda environment: SimpleNamespace(bootstrap_qualifier="own"))
    monkeypatch.setattr(
        cdk_cli.subprocess, "run", lambda command, **_: ran.append(command) or SimpleNamespace(returncode=0)
    )
    assert cdk_cli.main(["bootstrap", "own"]) == 0
    assert ran[0][-4:] == ["--qualifier", "own", "--toolkit-stack-name", "CDKToolkit-own"]
