"""Readers of another stack change when, and only when, what they read is replaced."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2, aws_kms as kms, aws_ssm as ssm

from aws_genai.data import load
from aws_genai.foundation import WeakReferences
from aws_genai.foundation.weak_references import trace
from tests.conftest import Synthesized, flags

Json = dict[str, Any]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}],
}
WEAK = {**flags(), "@aws-cdk/core:defaultCrossStackReferences": "weak"}


def synthesize(folder: Path, cidr: str = "10.0.0.0/16", description: str = "one") -> tuple[Json, Json]:
    """A stack with a subnet and a key, and one that reads both."""
    app = cdk.App(context=WEAK, outdir=str(folder))
    stack = cdk.Stack(app, "Ground", synthesizer=WeakReferences())
    vpc = ec2.CfnVPC(stack, "Vpc", cidr_block=cidr)
    subnet = ec2.CfnSubnet(stack, "Subnet", vpc_id=vpc.ref, cidr_block="10.0.0.0/24")
    key = kms.CfnKey(stack, "Key", description=description, key_policy=POLICY)
    reader = cdk.Stack(app, "Reader", synthesizer=WeakReferences())
    ssm.CfnParameter(reader, "SubnetId", type="String", value=subnet.ref)
    ssm.CfnParameter(reader, "KeyArn", type="String", value=key.attr_arn)
    app.synth()
    ground, read = (json.loads((folder / f"{name}.template.json").read_text()) for name in ("Ground", "Reader"))
    return ground, read


def test_a_reader_changes_where_it_reads_what_is_replaced(tmp_path: Path) -> None:
    # The subnet's own properties stay; the VPC that it lies in is another.
    _, before = synthesize(tmp_path / "before")
    _, after = synthesize(tmp_path / "after", cidr="10.0.0.0/20")
    assert before["Resources"]["SubnetId"] != after["Resources"]["SubnetId"]
    assert before["Resources"]["KeyArn"] == after["Resources"]["KeyArn"]


def test_a_reader_stays_where_what_it_reads_is_changed_in_place(tmp_path: Path) -> None:
    _, before = synthesize(tmp_path / "before")
    ground, after = synthesize(tmp_path / "after", description="two")
    assert before == after
    assert ground["Resources"]["Key"]["Properties"]["Description"] == "two"


def test_readers_name_what_is_published(tmp_path: Path) -> None:
    ground, reader = synthesize(tmp_path)
    for each in reader["Resources"].values():
        assert each["Properties"]["Value"]["Fn::GetStackOutput"]["OutputName"] in ground["Outputs"]


def test_a_template_is_published_by_its_hash(tmp_path: Path) -> None:
    import hashlib

    synthesize(tmp_path)
    for name in ("Ground", "Reader"):
        files = json.loads((tmp_path / f"{name}.assets.json").read_text())["files"]
        text = (tmp_path / f"{name}.template.json").read_bytes()
        assert hashlib.sha256(text).hexdigest() in files
        assert hashlib.sha256(text).hexdigest() in (tmp_path / "manifest.json").read_text()


def test_a_chain_of_stacks_passes_a_replacement_on() -> None:
    def chain(name: str) -> Json:
        first = trace(
            {
                "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}},
                "Outputs": {"PublishOutputTopic": {"Value": {"Ref": "Topic"}}},
            },
            {},
        )
        read = {"Fn::GetStackOutput": {"StackName": "first", "OutputName": "PublishOutputTopic"}}
        return trace(
            {
                "Resources": {
                    "Feed": {"Type": "AWS::SNS::Subscription"},
                    "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"VpcId": read}},
                },
                "Outputs": {"PublishOutputGroup": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}}},
            },
            {"first": list(first["Outputs"])},
        )

    assert chain("one")["Outputs"] != chain("two")["Outputs"]


@pytest.mark.parametrize(
    "expression",
    [
        {"Ref": "Base"},
        {"Fn::GetAtt": ["Base", "KnowledgeBaseArn"]},
        {"Fn::GetAtt": "Base.KnowledgeBaseArn"},
        {"Fn::Sub": "${Base}/${Base.KnowledgeBaseArn}"},
        {"Fn::Join": ["||", [{"Ref": "Base"}]]},
    ],
)
def test_every_way_to_refer_is_followed(expression: Json) -> None:
    def published(dimension: int, name: str = "one") -> list[str]:
        index = {"Type": "AWS::S3Vectors::Index", "Properties": {"Dimension": dimension}}
        storage = {"Type": "S3_VECTORS", "S3VectorsConfiguration": {"IndexArn": {"Fn::GetAtt": ["Index", "IndexArn"]}}}
        base = {"Type": "AWS::Bedrock::KnowledgeBase", "Properties": {"Name": name, "StorageConfiguration": storage}}
        resources = {"Index": index, "Base": base}
        return list(trace({"Resources": resources, "Outputs": {"PublishOutput": {"Value": expression}}}, {})["Outputs"])

    assert published(512) == published(512, name="two")
    assert published(512) != published(1024)


def test_the_number_of_a_version_moves_on_without_a_replacement() -> None:
    def published(image: str, attribute: str) -> list[str]:
        template = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": image}}}
        value = {"Fn::GetAtt": ["Template", attribute]}
        return list(
            trace({"Resources": {"Template": template}, "Outputs": {"PublishOutput": {"Value": value}}}, {})["Outputs"]
        )

    assert published("ami-1", "LaunchTemplateId") == published("ami-2", "LaunchTemplateId")
    assert published("ami-1", "LatestVersionNumber") != published("ami-2", "LatestVersionNumber")


def test_a_stack_that_is_made_after_its_reader_is_told(tmp_path: Path) -> None:
    app = cdk.App(context=WEAK, outdir=str(tmp_path))
    reader = cdk.Stack(app, "Reader", synthesizer=WeakReferences())
    ground = cdk.Stack(app, "Ground", synthesizer=WeakReferences())
    cdk.CfnOutput(reader, "KeyArn", value=kms.CfnKey(ground, "Key", key_policy=POLICY).attr_arn)
    with pytest.raises(RuntimeError, match="make a stack before the stacks that read it"):
        app.synth()


def test_every_producer_of_the_stacks_passes_its_replacement_on(reference: Synthesized) -> None:
    """Each create-only property of each published resource is changed once, and each is noticed by every reader."""
    tried = 0
    for producer, template in reference.templates.items():
        undone = _undone(template)
        for output, published in undone["Outputs"].items():
            if not output.startswith("PublishOutput"):
                continue
            for name in _referred(published["Value"]):
                resource = undone["Resources"][name]
                for path in load("create_only")["types"][resource["Type"]]:
                    changed = copy.deepcopy(undone)
                    if not _change(changed["Resources"][name].get("Properties", {}), path.split("/")):
                        continue
                    before, after = trace(undone, {}), trace(changed, {})
                    (old,) = [each for each in before["Outputs"] if each.startswith(output)]
                    assert old not in after["Outputs"], (producer, name, path)
                    assert any(old in json.dumps(each) for each in reference.templates.values()), old
                    tried += 1
    assert tried > 10


def test_every_type_of_the_stacks_is_known(environment: Callable[[str], Synthesized]) -> None:
    known = set(load("create_only")["types"])
    for name in ("reference", "local"):
        for template in environment(name).templates.values():
            types = {each["Type"] for each in template["Resources"].values()}
            assert {each for each in types if "Custom" not in each} <= known


def _undone(template: Json) -> Json:
    """A template before the digests came into the names of its outputs."""
    outputs = {
        name[:-7] if name.startswith("PublishOutput") else name: each
        for name, each in template.get("Outputs", {}).items()
    }
    return {**copy.deepcopy(template), "Outputs": outputs}


def _referred(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for each in value for name in _referred(each)]
    if not isinstance(value, dict):
        return []
    if "Ref" in value:
        return [value["Ref"]]
    if "Fn::GetAtt" in value:
        return [value["Fn::GetAtt"][0]]
    return _referred(list(value.values()))


def _change(properties: Any, path: list[str]) -> bool:
    """Give one property another value, if it has one."""
    for part in path[:-1]:
        if not isinstance(properties, dict) or part not in properties:
            return False
        properties = properties[part]
    if not isinstance(properties, dict) or path[-1] not in properties:
        return False
    properties[path[-1]] = "another"
    return True
