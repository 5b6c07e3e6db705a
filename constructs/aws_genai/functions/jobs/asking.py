"""How steps that ask models are set up: by clients that are patient, within the limits of the settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from ..chat.service import Limits


@cache
def client(service: str) -> Any:  # noqa: ANN401 - boto3 has no types
    """A client, made on first use, that is patient with throttling: nobody waits for an answer here."""
    config = Config(connect_timeout=5, read_timeout=120, retries={"mode": "adaptive", "total_max_attempts": 8})
    return boto3.client(service, config=config)


def limits(plan: Mapping[str, Any]) -> Limits:
    """What a plan and the environment allow."""
    return Limits(
        models=plan["models"],
        profiles=json.loads(os.environ.get("PROFILES", "{}")),
        guardrail_id=os.environ["GUARDRAIL_ID"],
        guardrail_version=os.environ["GUARDRAIL_VERSION"],
        system_prompt=plan["system_prompt"],
    )
