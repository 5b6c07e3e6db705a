"""Rules that prevent access to instances with weights or data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..emitted import Emitted, pick
from ..rules import Hit, rule

_TEMPLATE, _ENVIRONMENT = "AWS::EC2::LaunchTemplate", "AWS::Batch::ComputeEnvironment"
_CLUSTER, _JOBS = "AWS::SageMaker::Cluster", "AWS::Batch::JobDefinition"
_ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})

#: Families on the Xen hypervisor. https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html
_XEN = re.compile(r"(ml\.)?(p2|p3|g2|g3|g3s|f1|m1|m2|m3|m4|c1|c3|c4|r3|r4|i2|i3|d2|h1|x1|x1e|t1|t2)\.")


def instance_types(app: Emitted) -> Iterator[tuple[Any, str, str]]:
    """The resource, property and value of every instance type in the templates."""
    for each in app.of(_TEMPLATE, "AWS::EC2::Instance"):
        where = "LaunchTemplateData.InstanceType" if each.type == _TEMPLATE else "InstanceType"
        if kind := each.get(where):
            yield each, where, str(kind)
    for each in app.of(_ENVIRONMENT):
        for kind in each.get("ComputeResources.InstanceTypes") or ():
            yield each, "ComputeResources.InstanceTypes", str(kind)
    for each in app.of(_CLUSTER):
        for group in each.get("InstanceGroups") or ():
            yield each, "InstanceGroups", str(group.get("InstanceType", ""))
    for each in app.of("AWS::AutoScaling::AutoScalingGroup"):
        for override in each.get("MixedInstancesPolicy.LaunchTemplate.Overrides") or ():
            yield each, "MixedInstancesPolicy.LaunchTemplate.Overrides", str(override.get("InstanceType", ""))
    for each in app.of("AWS::SageMaker::EndpointConfig"):
        for variant in each.get("ProductionVariants") or ():
            yield each, "ProductionVariants", str(variant.get("InstanceType", ""))


@rule(
    "GENAI_NITRO_INSTANCES_ONLY",
    holds="Instances are Nitro-based.",
    why="Only the Nitro System is designed so that operators cannot access the memory of an instance.",
    fix="choose a Nitro-based accelerated type, such as g5.xlarge.",
    page="https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html",
)
def nitro_only(app: Emitted) -> Iterator[Hit]:
    for each, where, kind in instance_types(app):
        if _XEN.match(kind):
            yield Hit(each, f"Properties.{where}", f"{kind} is not Nitro-based.")


@rule(
    "GENAI_INSTANCES_UNREACHABLE",
    holds="Instances have no key pair and no public address, and require IMDSv2 with a hop limit of 1.",
    why="Access to an instance or to its credentials gives access to the weights.",
    fix="omit key pairs and public addresses, and require IMDSv2 with a hop limit of 1.",
    page="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
)
def unreachable(app: Emitted) -> Iterator[Hit]:
    data = "Properties.LaunchTemplateData"
    for each in app.of(_TEMPLATE):
        if each.get("LaunchTemplateData.KeyName") is not None:
            yield Hit(each, f"{data}.KeyName", "A key pair allows logins.")
        if each.get("LaunchTemplateData.MetadataOptions.HttpTokens") != "required":
            yield Hit(each, f"{data}.MetadataOptions", "HttpTokens is not required.")
        if each.get("LaunchTemplateData.MetadataOptions.HttpPutResponseHopLimit") != 1:
            yield Hit(each, f"{data}.MetadataOptions", "HttpPutResponseHopLimit is not 1.")
        for interface in each.get("LaunchTemplateData.NetworkInterfaces") or ():
            if interface.get("AssociatePublicIpAddress") is not False:
                yield Hit(each, f"{data}.NetworkInterfaces", "AssociatePublicIpAddress is not false.")


@rule(
    "GENAI_TRAINING_ISOLATED",
    holds="Training hosts have no key pair, containers no privileges or shell; clusters are encrypted and in a VPC.",
    why="Training jobs and clusters process the training data and the weights.",
    fix="use TrainingQueue and TrainingCluster.",
    page="https://docs.aws.amazon.com/batch/latest/userguide/security-best-practices.html",
)
def training_isolated(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_ENVIRONMENT):
        resources = each.get("ComputeResources") or {}
        if resources.get("Ec2KeyPair") is not None:
            yield Hit(each, "Properties.ComputeResources.Ec2KeyPair", "A key pair allows logins.")
        if str(resources.get("Type", "")).startswith("FARGATE"):
            continue
        if resources and resources.get("LaunchTemplate") is None:
            what = "Without a launch template, instances allow IMDSv1 and volumes have no customer managed key."
            yield Hit(each, "Properties.ComputeResources.LaunchTemplate", what)
    for each in app.of(_JOBS):
        ranges = each.get("NodeProperties.NodeRangeProperties") or ()
        containers = [each.get("ContainerProperties"), *(item.get("Container") for item in ranges)]
        for container in filter(None, containers):
            if container.get("Privileged") is True:
                yield Hit(each, "Properties", "A privileged container reaches the host, its disks and its credentials.")
            if container.get("EnableExecuteCommand") is True:
                yield Hit(each, "Properties", "ECS Exec opens a shell in the container.")
    for each in app.of(_CLUSTER):
        if each.get("VpcConfig") is None:
            yield Hit(each, "Properties.VpcConfig", "A cluster outside a VPC reaches the internet.")
        if each.get("NodeRecovery") != "Automatic":
            yield Hit(
                each,
                "Properties.NodeRecovery",
                "Without recovery, one failed accelerator stops a training run of weeks.",
            )
        for group in each.get("InstanceGroups") or ():
            for storage in group.get("InstanceStorageConfigs") or ():
                if "EbsVolumeConfig" in storage and pick(storage, "EbsVolumeConfig.VolumeKmsKeyId") is None:
                    yield Hit(each, "Properties.InstanceGroups", "A volume is under no customer key.")


@rule(
    "GENAI_VOLUMES_USE_CUSTOMER_KEY",
    holds="Volumes are encrypted with a customer managed key.",
    why="Otherwise, every administrator can read the volume or a snapshot of it.",
    fix="set Encrypted to true and KmsKeyId to a DataKey.",
    page="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
)
def volumes_encrypted(app: Emitted) -> Iterator[Hit]:
    for each in app.of(_TEMPLATE):
        for mapping in each.get("LaunchTemplateData.BlockDeviceMappings") or ():
            disk = mapping.get("Ebs")
            if disk is not None and (disk.get("Encrypted") is not True or disk.get("KmsKeyId") is None):
                yield Hit(each, "Properties.LaunchTemplateData.BlockDeviceMappings")


@rule(
    "GENAI_SECURITY_GROUP_CLOSED",
    holds="No security group is open to all addresses.",
    why="A security group that is open to all addresses exposes models to the internet.",
    fix="allow the source security group or the CIDR range of the VPC.",
    page="https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html",
)
def groups_closed(app: Emitted) -> Iterator[Hit]:
    for each in app.of("AWS::EC2::SecurityGroup"):
        for ingress in each.get("SecurityGroupIngress") or ():
            if {ingress.get("CidrIp"), ingress.get("CidrIpv6")} & _ANYWHERE:
                yield Hit(each, "Properties.SecurityGroupIngress")
    for each in app.of("AWS::EC2::SecurityGroupIngress"):
        if {each.get("CidrIp"), each.get("CidrIpv6")} & _ANYWHERE:
            yield Hit(each)
