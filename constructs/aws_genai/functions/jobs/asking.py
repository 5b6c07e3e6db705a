"""Clients and limits of steps that invoke models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from ..chat.service import Limits
from .environment import Invoking


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """Returns a client, created on first use. It retries throttled requests often, since no user is waiting."""
    config = Config(connect_timeout=5, read_timeout=120, retries={"mode": "adaptive", "total_max_attempts": 8})
    return boto3.client(service, config=config)


def limits(plan: Mapping[str, Any], environment: Invoking) -> Limits:
    """Returns the limits from the plan and the environment variables.

    :param plan: ``models`` and ``system_prompt``.
    """
    return Limits(
        models=plan["models"],
        profiles=environment.profiles,
        guardrail_id=environment.GUARDRAIL_ID,
        guardrail_version=environment.GUARDRAIL_VERSION,
        system_prompt=plan["system_prompt"],
    )
