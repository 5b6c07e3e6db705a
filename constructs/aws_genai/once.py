"""Cached properties of a construct that never change, because each read from the CDK is a call to Node.js."""

from __future__ import annotations

from typing import Any

from constructs import IConstruct, Node


def once(owner: object, name: str) -> Any:  # noqa: ANN401 - whatever the property holds
    """A property that never changes, such as ``role_arn``, ``ref`` or ``attr_arn``."""
    known: dict[str, Any] = vars(owner).setdefault("_aws_genai_once", {})
    if name not in known:
        known[name] = getattr(owner, name)
    return known[name]


def node(construct: IConstruct) -> Node:
    """The node of a construct in the construct tree."""
    found: Node = once(construct, "node")
    return found


def path(construct: IConstruct) -> str:
    """The path of a construct in the construct tree."""
    return str(once(node(construct), "path"))
