"""Accelerated instances that nobody can log in to."""

from __future__ import annotations

from aws_cdk import CfnParameter, CfnTag, Fn, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..data.accelerators import AcceleratorCatalogue, image_parameter
from ..security.alarms import AlarmTopic
from ..security.key import DataKey
from ..security.network import PrivateNetwork
from ..security.role import WorkloadRole
from .weights import WeightsBucket

# Belt and braces: the role has no Systems Manager permission and the network no endpoint for it.
_NO_WAY_IN = """#!/bin/bash
set -eu
for unit in amazon-ssm-agent.service snap.amazon-ssm-agent.amazon-ssm-agent.service ssh.service ssh.socket \\
    ec2-instance-connect.service serial-getty@ttyS0.service; do
  systemctl disable --now "$unit" 2>/dev/null || true
  systemctl mask "$unit" 2>/dev/null || true
done
"""


class AcceleratorFleet(Construct):
    """An Auto Scaling group of one accelerated instance type, empty until it is asked for, and closed.

    No key pair, no inbound rule, no public address, no Session Manager; instance metadata version 2 with a hop
    limit of 1; every volume under the customer key; a role that reads its own weights and nothing else. The
    Neuron or NVIDIA deep learning image comes from AWS's public parameter, read by CloudFormation at each deploy.
    https://docs.aws.amazon.com/dlami/latest/devguide/what-is-dlami.html

    Example::

        import aws_cdk as cdk
        from aws_genai.compute import AcceleratorFleet
        from aws_genai.security import AlarmTopic, CostTags, DataKey, PrivateNetwork, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Compute")
        key = DataKey(stack, "Key", description="Fleet")
        key.allow_logs()
        AcceleratorFleet(
            stack,
            "Fleet",
            instance_type="inf2.xlarge",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param instance_type: an accelerated, Nitro-based EC2 type of :class:`AcceleratorCatalogue`.
    :param network: where the instances run.
    :param key: encrypts the volumes; the role that starts instances is added to its policy.
    :param topic: told of every launch and termination.
    :param max_instances: upper bound of the group. Default: 1.
    :param root_volume_gib: size of the root volume in GiB, 100 to 16,384. Default: 200.
    :param weights: the bucket the fleet reads its weights from. Default: none.
    :param weights_prefix: the part of the bucket it may read, ending in ``/``. Default: the construct's id.
    :raises InvalidValueError: if the type does not exist, has no accelerator, is not Nitro-based, or has no image.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        instance_type: str,
        network: PrivateNetwork,
        key: DataKey,
        topic: AlarmTopic,
        max_instances: int = 1,
        root_volume_gib: int = 200,
        weights: WeightsBucket | None = None,
        weights_prefix: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.accelerator = AcceleratorCatalogue.default().get(instance_type)
        image = _image(Stack.of(self), image_parameter(self.accelerator))
        self.role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"Instances of the fleet {id}",
        )
        if weights is not None:
            weights.grant_read(self.role, weights_prefix or f"{id}/")
        key.allow_auto_scaling_volumes()
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        self.security_group = network.security_group(self, "Group", description=f"Fleet {id}: no inbound rule")
        tags = [CfnTag(key="Name", value=self.node.path)]
        template = ec2.CfnLaunchTemplate(
            self,
            "Template",
            launch_template_data=ec2.CfnLaunchTemplate.LaunchTemplateDataProperty(
                instance_type=instance_type,
                image_id=image,
                iam_instance_profile=ec2.CfnLaunchTemplate.IamInstanceProfileProperty(arn=profile.attr_arn),
                ebs_optimized=True,
                monitoring=ec2.CfnLaunchTemplate.MonitoringProperty(enabled=True),
                metadata_options=ec2.CfnLaunchTemplate.MetadataOptionsProperty(
                    http_endpoint="enabled",
                    http_tokens="required",
                    http_put_response_hop_limit=1,
                    instance_metadata_tags="disabled",
                ),
                network_interfaces=[
                    ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
                        device_index=0,
                        associate_public_ip_address=False,
                        delete_on_termination=True,
                        groups=[self.security_group.attr_group_id],
                    )
                ],
                block_device_mappings=[
                    ec2.CfnLaunchTemplate.BlockDeviceMappingProperty(
                        device_name="/dev/sda1",
                        ebs=ec2.CfnLaunchTemplate.EbsProperty(
                            encrypted=True,
                            kms_key_id=key.key_arn,
                            volume_type="gp3",
                            volume_size=root_volume_gib,
                            delete_on_termination=True,
                        ),
                    )
                ],
                user_data=Fn.base64(_NO_WAY_IN),
                tag_specifications=[
                    ec2.CfnLaunchTemplate.TagSpecificationProperty(resource_type=kind, tags=tags)
                    for kind in ("instance", "volume")
                ],
            ),
        )
        self.group = autoscaling.CfnAutoScalingGroup(
            self,
            "Resource",
            min_size="0",
            max_size=str(max_instances),
            desired_capacity="0",
            cooldown="300",
            health_check_type="EC2",
            health_check_grace_period=300,
            vpc_zone_identifier=network.subnet_ids,
            launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
                launch_template_id=template.ref, version=template.attr_latest_version_number
            ),
            notification_configurations=[
                autoscaling.CfnAutoScalingGroup.NotificationConfigurationProperty(
                    topic_arn=topic.topic_arn,
                    notification_types=[
                        "autoscaling:EC2_INSTANCE_LAUNCH",
                        "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
                        "autoscaling:EC2_INSTANCE_TERMINATE",
                        "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
                    ],
                )
            ],
        )
        self.group_name: str = self.group.ref


def _image(stack: Stack, parameter: str) -> str:
    """One template parameter a stack for each image; CloudFormation reads it anew at each deploy."""
    id = "Image" + "".join(part.title() for part in parameter.split("/")[3:-2] if part).replace("-", "").replace(
        ".", ""
    ).replace("_", "")
    existing = stack.node.try_find_child(id)
    if isinstance(existing, CfnParameter):
        return existing.value_as_string
    return CfnParameter(
        stack, id, type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", default=parameter
    ).value_as_string
