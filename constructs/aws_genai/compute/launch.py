"""How an accelerated instance is started: closed, encrypted, on a current image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnParameter, Fn, Stack, aws_ec2 as ec2
from constructs import Construct

from ..data.purchase import Capacity, CapacityBlock
from ..foundation.key import DataKey
from .capacity import reservation


def launch_template(
    scope: Construct,
    id: str,
    *,
    key: DataKey,
    capacity: Capacity,
    network_interfaces: Sequence[ec2.CfnLaunchTemplate.NetworkInterfaceProperty],
    root_device: str,
    root_volume_gib: int,
    user_data: str,
    **further: Any,  # noqa: ANN401 - further properties, by CloudFormation's names
) -> ec2.CfnLaunchTemplate:
    """A launch template of instances that nobody can log in to.

    No key pair, no public address, instance metadata version 2 with a hop limit of 1, volumes under the customer key.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html

    :param capacity: how the instances are bought.
    :param root_device: name of the image's root device.
    :param user_data: what an instance does when it boots, in clear.
    """
    data = ec2.CfnLaunchTemplate
    tags = [{"key": "Name", "value": scope.node.path}]
    block = isinstance(capacity, CapacityBlock)
    return ec2.CfnLaunchTemplate(
        scope,
        id,
        launch_template_data=data.LaunchTemplateDataProperty(
            ebs_optimized=True,
            monitoring={"enabled": True},
            instance_market_options={"marketType": "capacity-block"} if block else None,
            capacity_reservation_specification=reservation(capacity),
            metadata_options={
                "httpEndpoint": "enabled",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 1,
                "instanceMetadataTags": "disabled",
            },
            network_interfaces=list(network_interfaces),
            block_device_mappings=[
                {
                    "deviceName": root_device,
                    "ebs": {
                        "encrypted": True,
                        "kmsKeyId": key.key_arn,
                        "volumeType": "gp3",
                        "volumeSize": root_volume_gib,
                        "deleteOnTermination": True,
                    },
                }
            ],
            user_data=Fn.base64(user_data),
            tag_specifications=[{"resourceType": kind, "tags": tags} for kind in ("instance", "volume")],
            **further,
        ),
    )


def image_of(stack: Stack, parameter: str) -> str:
    """One template parameter a stack for each image; CloudFormation reads it anew at each deploy."""
    parts = [part for part in parameter.split("/")[3:] if part not in ("", "latest", "recommended")][:-1]
    id = "Image" + "".join(part.title() for part in parts).replace("-", "").replace(".", "").replace("_", "")
    existing = stack.node.try_find_child(id)
    if isinstance(existing, CfnParameter):
        return existing.value_as_string
    return CfnParameter(
        stack, id, type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", default=parameter
    ).value_as_string
