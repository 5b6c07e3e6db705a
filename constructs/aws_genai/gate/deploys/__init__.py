"""Rules on what AWS would refuse, or do otherwise than the template's author meant."""

from . import copies, events, keys, limits, names, network, order, policies, regions, roles, routes, services

__all__ = [
    "copies",
    "events",
    "keys",
    "limits",
    "names",
    "network",
    "order",
    "policies",
    "regions",
    "roles",
    "routes",
    "services",
]
