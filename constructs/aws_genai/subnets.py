"""Cutting a network into zones."""

from __future__ import annotations

import ipaddress

from .errors import InvalidValueError


def split(cidr: str, zones: int) -> list[str]:
    """Cut ``cidr`` into one equal subnet per zone.

    A subnet has 16 to 65,536 addresses: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html

    :raises InvalidValueError: if ``cidr`` is no network, larger than /16, or too small for the zones.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise InvalidValueError(
            f"{cidr} is not an IPv4 network: {error}", field="cidr", hint="Try 10.0.0.0/16"
        ) from error
    if str(network) != cidr:
        raise InvalidValueError(f"{cidr} is not written as AWS does", field="cidr", hint=f"Write it as {network}")
    bits = max(zones - 1, 0).bit_length()
    longest = 28 - bits
    if network.prefixlen > longest:
        raise InvalidValueError(
            f"{cidr} is too small for {zones} zones: a subnet needs at least a /28",
            field="cidr",
            hint=f"Use a /{longest} or larger, such as {network.network_address}/{longest}",
        )
    if network.prefixlen < 16:
        raise InvalidValueError(
            f"{cidr} is larger than the /16 that a VPC may have",
            field="cidr",
            hint=f"Use {network.network_address}/16",
        )
    return [str(subnet) for subnet in list(network.subnets(prefixlen_diff=bits))[:zones]]
