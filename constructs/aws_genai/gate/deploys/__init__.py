"""Rules for templates that AWS would reject, or deploy differently from the author's intention."""

from . import copies, events, keys, limits, names, network, order, policies, regions, roles, routes, services, sign_in

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
    "sign_in",
]
