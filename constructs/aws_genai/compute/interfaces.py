"""The network interfaces of accelerated instances, with an Elastic Fabric Adapter on every card that takes one."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ..data.accelerators import Accelerator
from ..data.purchase import check_efa
from ..foundation.network import let_reach
from ..gate.acknowledgement import acknowledge, compliance
from .lustre import LustreFileSystem

Interface = ec2.CfnLaunchTemplate.NetworkInterfaceProperty


def interfaces(types: Sequence[Accelerator], groups: Sequence[str], *, efa: bool) -> list[Interface]:
    """One interface, or with ``efa`` one on each card.

    The first carries IP traffic; the others carry the fabric only and take no address.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html

    :raises InvalidValueError: if a type has no EFA, or the types have different cards.
    """
    if not efa:
        return [_interface(0, groups)]
    check_efa(types)
    first = types[0]
    primary = _interface(0, groups, kind="efa" if 0 in first.efa_cards else None)
    return [primary, *(_interface(card, groups, kind="efa-only") for card in first.efa_cards if card > 0)]


def _interface(card: int, groups: Sequence[str], *, kind: str | None = None) -> Interface:
    return Interface(
        network_card_index=card,
        # A card but the first has its only interface at index 1.
        device_index=0 if card == 0 else 1,
        interface_type=kind,
        associate_public_ip_address=False,
        delete_on_termination=True,
        groups=list(groups),
    )


def groups_of(own: ec2.CfnSecurityGroup, files: LustreFileSystem | None) -> list[str]:
    """The ids of the security groups of an instance: its own, and that of a file system's clients."""
    return [own.attr_group_id, *([files.clients.attr_group_id] if files is not None else [])]


def allow_fabric(scope: Construct, group: ec2.CfnSecurityGroup) -> None:
    """Let instances of a group speak to each other by every protocol, which EFA needs, and to nobody else.

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
