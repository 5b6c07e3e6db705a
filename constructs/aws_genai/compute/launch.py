"""How an accelerated instance is launched: closed, encrypted, on a current image, with the interfaces that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnParameter, Fn, Stack, aws_ec2 as ec2
from constructs import Construct

from ..data.accelerators import Accelerator
from ..foundation.key import DataKey
from ..foundation.network import let_reach
from ..gate.acknowledgement import acknowledge, compliance
from .lustre import LustreFileSystem
from .options import AcceleratedInstances, Capacity


def launch_template(
    scope: Construct,
    id: str,
    *,
    options: AcceleratedInstances,
    key: DataKey,
    types: Sequence[Accelerator],
    groups: Sequence[str],
    root_device: str,
    user_data: str,
    further: dict[str, Any] | None = None,
) -> ec2.CfnLaunchTemplate:
    """A launch template of instances that nobody can log in to.

    No key pair, no public address, instance metadata version 2 with a hop limit of 1, volumes encrypted with the
    customer key.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html

    :param types: instance types that are launched from it.
    :param groups: ids of the security groups of the instances.
    :param root_device: name of the image's root device.
    :param user_data: the script that an instance runs when it boots, in clear text.
    :param further: further properties of the launch template data. Default: none.
    """
    data = ec2.CfnLaunchTemplate
    tags = [{"key": "Name", "value": scope.node.path}]
    capacity = options.capacity
    return ec2.CfnLaunchTemplate(
        scope,
        id,
        launch_template_data=data.LaunchTemplateDataProperty(
            ebs_optimized=True,
            monitoring={"enabled": True},
            instance_market_options={"marketType": "capacity-block"} if capacity.block else None,
            capacity_reservation_specification=_reservation(capacity),
            metadata_options={
                "httpEndpoint": "enabled",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 1,
                "instanceMetadataTags": "disabled",
            },
            network_interfaces=_fabric(types[0], groups) if options.efa else [_interface(0, groups)],
            block_device_mappings=[
                {
                    "deviceName": root_device,
                    "ebs": {
                        "encrypted": True,
                        "kmsKeyId": key.key_arn,
                        "volumeType": "gp3",
                        "volumeSize": options.root_volume_gib,
                        "deleteOnTermination": True,
                    },
                }
            ],
            user_data=Fn.base64(user_data),
            tag_specifications=[{"resourceType": kind, "tags": tags} for kind in ("instance", "volume")],
            **(further or {}),
        ),
    )


def _reservation(capacity: Capacity) -> ec2.CfnLaunchTemplate.CapacityReservationSpecificationProperty | None:
    """The reservation that instances run in."""
    bought = capacity.block or capacity.reserved
    if bought is None:
        return None
    template = ec2.CfnLaunchTemplate
    return template.CapacityReservationSpecificationProperty(
        capacity_reservation_target=template.CapacityReservationTargetProperty(
            capacity_reservation_id=bought.reservation_id,
            capacity_reservation_resource_group_arn=capacity.reserved.resource_group_arn if capacity.reserved else None,
        )
    )


def _fabric(first: Accelerator, groups: Sequence[str]) -> list[ec2.CfnLaunchTemplate.NetworkInterfaceProperty]:
    """An interface on each network card that supports an Elastic Fabric Adapter.

    The first carries IP traffic; the others carry the fabric only and have no address. The options make sure that all
    types have the same cards.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
    """
    primary = _interface(0, groups, kind="efa" if 0 in first.efa_cards else None)
    return [primary, *(_interface(card, groups, kind="efa-only") for card in first.efa_cards if card > 0)]


def _interface(
    card: int, groups: Sequence[str], *, kind: str | None = None
) -> ec2.CfnLaunchTemplate.NetworkInterfaceProperty:
    return ec2.CfnLaunchTemplate.NetworkInterfaceProperty(
        network_card_index=card,
        # A card but the first has its only interface at index 1.
        device_index=0 if card == 0 else 1,
        interface_type=kind,
        associate_public_ip_address=False,
        delete_on_termination=True,
        groups=list(groups),
    )


def groups_of(own: ec2.CfnSecurityGroup, files: LustreFileSystem | None) -> list[str]:
    """The ids of the security groups of an instance: its own, and that of the clients of a file system."""
    return [own.attr_group_id, *([files.clients.attr_group_id] if files is not None else [])]


def allow_fabric(scope: Construct, group: ec2.CfnSecurityGroup) -> None:
    """Let instances of a group reach each other by every protocol, which EFA requires, and nothing else.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security
    """
    text = "Elastic Fabric Adapter: instances of this group among themselves"
    inbound = let_reach(scope, "Fabric", group, group, description=text)
    acknowledge(
        inbound,
        compliance("EC2RestrictedCommonPorts"),
        reason="EFA needs every protocol between the instances of one group, and no address outside it is named.",
        met_by="the source, which is the group itself, and instances on which no login service runs",
    )


def image_of(stack: Stack, parameter: str) -> str:
    """One template parameter of a stack for each image; CloudFormation reads its value at each deployment."""
    parts = [part for part in parameter.split("/")[3:] if part not in ("", "latest", "recommended")][:-1]
    id = "Image" + "".join(part.title() for part in parts).replace("-", "").replace(".", "").replace("_", "")
    existing = stack.node.try_find_child(id)
    if isinstance(existing, CfnParameter):
        return existing.value_as_string
    return CfnParameter(
        stack, id, type="AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", default=parameter
    ).value_as_string
