"""The functions that serve custom resources: one of each kind in a stack, whatever the number of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack

from ..security.alarms import AlarmTopic
from ..security.key import DataKey
from .python_function import PythonFunction

if TYPE_CHECKING:
    from ..security.network import PrivateNetwork


def provider(
    stack: Stack,
    id: str,
    folder: str,
    *,
    key: DataKey,
    topic: AlarmTopic,
    network: PrivateNetwork | None = None,
    log_days: int = 365,
    removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
) -> PythonFunction:
    """The function of ``folder`` that serves custom resources of this stack; made on first use."""
    existing = stack.node.try_find_child(id)
    if isinstance(existing, PythonFunction):
        return existing
    return PythonFunction(
        stack,
        id,
        folder=folder,
        include=("custom_resource",),
        key=key,
        topic=topic,
        network=network,
        timeout_seconds=300,
        reserved_concurrency=5,
        log_days=log_days,
        removal_policy=removal_policy,
    )
