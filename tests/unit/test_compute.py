"""What fleets are made of, and which types they refuse."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.compute import Accelerator, AcceleratorCatalogue, Platform
from aws_genai.data.accelerators import image_parameter
from aws_genai.errors import InvalidValueError
from tests.conftest import Synthesized

CATALOGUE = AcceleratorCatalogue.default()


def launch_templates(reference: Synthesized) -> list[dict[str, Any]]:
    return [
        item["Properties"]["LaunchTemplateData"]
        for item in reference.template("compute")["Resources"].values()
        if item["Type"] == "AWS::EC2::LaunchTemplate"
    ]


def text_of(user_data: Any) -> str:
    """The script of an instance, with the names of what is filled in at deploy time."""
    content = user_data["Fn::Base64"]
    parts = content["Fn::Join"][1] if isinstance(content, dict) else [content]
    return "".join(part if isinstance(part, str) else str(next(iter(part.values()))) for part in parts)


def test_fleets_are_empty_until_asked_for(reference: Synthesized) -> None:
    groups = [
        item["Properties"]
        for item in reference.template("compute")["Resources"].values()
        if item["Type"] == "AWS::AutoScaling::AutoScalingGroup"
    ]
    assert [(group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) for group in groups] == [
        ("0", "0", "4"),
        ("0", "0", "8"),
    ]
    # The first stands in one zone, for its instances stand close together.
    assert [len(group["VPCZoneIdentifier"]) for group in groups] == [1, 3]


def test_instances_have_no_way_in(reference: Synthesized) -> None:
    templates = launch_templates(reference)
    # Two fleets and two queues.
    assert len(templates) == 4
    for data in templates:
        assert "KeyName" not in data
        assert all(each["AssociatePublicIpAddress"] is False for each in data["NetworkInterfaces"])
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert all(mapping["Ebs"]["Encrypted"] for mapping in data["BlockDeviceMappings"])
    resources = reference.template("compute")["Resources"].values()
    groups = [item["Properties"] for item in resources if item["Type"] == "AWS::EC2::SecurityGroup"]
    # Each of them, two clusters, and the file system with its clients, and the function that copies scripts.
    assert len(groups) == 9
    assert all("SecurityGroupIngress" not in group for group in groups)
    for item in resources:
        if item["Type"] == "AWS::EC2::SecurityGroupIngress":
            # Instances among themselves, for EFA, or with the file system; nobody else, and by no login's port.
            rule = item["Properties"]
            assert "SourceSecurityGroupId" in rule
            assert "CidrIp" not in rule
            assert rule["IpProtocol"] == "tcp" or rule["SourceSecurityGroupId"] == rule["GroupId"]
            assert rule["IpProtocol"] == "-1" or rule["FromPort"] in (988, 1018)


def test_shells_are_masked_at_boot(reference: Synthesized) -> None:
    for data in launch_templates(reference):
        script = text_of(data["UserData"])
        for unit in ("amazon-ssm-agent", "ssh.service", "ec2-instance-connect", "serial-getty"):
            assert unit in script


def test_network_has_no_endpoint_for_sessions(reference: Synthesized) -> None:
    services = [
        str(item["Properties"]["ServiceName"])
        for item in reference.template("foundation")["Resources"].values()
        if item["Type"] == "AWS::EC2::VPCEndpoint"
    ]
    assert services
    assert not [service for service in services if "ssm" in service or "ec2messages" in service]


def test_image_is_read_at_deploy_time(reference: Synthesized) -> None:
    parameters = [
        item["Default"]
        for item in reference.template("compute")["Parameters"].values()
        if item["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    ]
    assert sorted(parameters) == [
        "/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/recommended/image_id",
        "/aws/service/neuron/dlami/multi-framework/ubuntu-24.04/latest/image_id",
    ]


@pytest.mark.parametrize(
    ("instance_type", "platform", "count", "gib"),
    [
        ("inf2.48xlarge", Platform.NEURON, 12, 32),
        ("trn1.32xlarge", Platform.NEURON, 16, 32),
        ("trn2.48xlarge", Platform.NEURON, 16, 96),
        ("p5.48xlarge", Platform.CUDA, 8, 80),
        ("p4d.24xlarge", Platform.CUDA, 8, 40),
        ("g6e.xlarge", Platform.CUDA, 1, 44),
    ],
)
def test_catalogue_knows_the_hardware(instance_type: str, platform: Platform, count: int, gib: int) -> None:
    facts = CATALOGUE.get(instance_type)
    assert (facts.platform, facts.count) == (platform, count)
    assert facts.memory_mib / 1024 == pytest.approx(gib, rel=0.05)


def test_catalogue_agrees_with_ec2_on_every_type() -> None:
    with mock_aws():
        client = boto3.client("ec2", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")  # noqa: S106
        pages = client.get_paginator("describe_instance_types").paginate()
        hardware = {item["InstanceType"]: item for page in pages for item in page["InstanceTypes"]}
    for name in CATALOGUE.names():
        facts: Accelerator = CATALOGUE.get(name)
        assert hardware[name]["Hypervisor"] == "nitro"
        assert hardware[name]["VCpuInfo"]["DefaultVCpus"] == facts.vcpus
        assert bool(hardware[name]["InstanceStorageSupported"]) == facts.has_local_storage


@pytest.mark.parametrize("instance_type", ["p3.2xlarge", "g3.4xlarge", "m7i.large", "g6.nothing", ""])
def test_catalogue_refuses(instance_type: str) -> None:
    with pytest.raises(InvalidValueError):
        CATALOGUE.get(instance_type)


def test_every_type_but_inf1_has_an_image() -> None:
    without = []
    for name in CATALOGUE.names():
        try:
            assert image_parameter(CATALOGUE.get(name)).startswith("/aws/service/")
        except InvalidValueError:
            without.append(name)
    assert {name.partition(".")[0] for name in without} == {"inf1"}
    assert "arm64" in image_parameter(CATALOGUE.get("g5g.xlarge"))
