"""The division of a network into subnets, one per zone."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ..errors import InvalidValueError

#: The letters with which the zones of a Region end; no Region has more than six zones.
LETTERS = "abcdefgh"
_BITS = (len(LETTERS) - 1).bit_length()


def split(cidr: str, zones: Sequence[str]) -> list[str]:
    """The subnet of each zone: one of eight equal ranges, always the same for the same letter.

    Adding a zone therefore does not change other subnets: EC2 cannot change the range of a subnet and does not allow
    ranges to overlap. A subnet has 16 to 65,536 addresses:
    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html

    :raises InvalidValueError: if ``cidr`` is no network, larger than /16, or too small for eight subnets, or a zone has
        no letter from a to h of its own.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise InvalidValueError(
            f"{cidr} is not an IPv4 network: {error}", field="cidr", hint="Try 10.0.0.0/16"
        ) from error
    if str(network) != cidr:
        raise InvalidValueError(f"{cidr} is not written as AWS does", field="cidr", hint=f"Write it as {network}")
    longest = 28 - _BITS
    if network.prefixlen > longest:
        raise InvalidValueError(
            f"{cidr} is too small for {len(LETTERS)} zones: a subnet needs at least a /28",
            field="cidr",
            hint=f"Use a /{longest} or larger, such as {network.supernet(new_prefix=longest)}",
        )
    if network.prefixlen < 16:
        raise InvalidValueError(
            f"{cidr} is larger than the /16 that a VPC may have",
            field="cidr",
            hint=f"Use {network.network_address}/16",
        )
    ranges = [str(subnet) for subnet in network.subnets(prefixlen_diff=_BITS)]
    return [ranges[LETTERS.index(letter)] for letter in letters(zones)]


def letters(zones: Sequence[str]) -> list[str]:
    """The letter that selects each zone's subnet.

    :raises InvalidValueError: if it is none from a to h, or another zone's too.
    """
    found = [zone[-1:] for zone in zones]
    for zone, letter in zip(zones, found, strict=True):
        if letter not in LETTERS or found.count(letter) > 1:
            raise InvalidValueError(
                f"{zone} has no subnet of its own: zones go by their last letter, a to {LETTERS[-1]}",
                field="zones",
                hint="Name zones of one Region, each once",
            )
    return found
