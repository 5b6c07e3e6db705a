"""The templates of every shipped environment, whole; `make snapshots` rewrites them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from settings import available, load
from tests.conftest import Synthesized


def masked(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what changes when no line of it does: hashes of assets."""
    return json.loads(re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(template)))


def stacks() -> list[tuple[str, str]]:
    found = []
    for name in available():
        settings = load(name)
        models = settings.models
        wanted = {
            "foundation": True,
            "compute": settings.compute,
            "models": models and models.governed,
            "hosting": models and models.hosted,
            "application": settings.application,
        }
        found += [(name, stack) for stack, present in wanted.items() if present]
    return found


@pytest.mark.parametrize(("name", "stack"), stacks())
def test_template(
    environment: Callable[[str], Synthesized], snapshot: SnapshotAssertion, name: str, stack: str
) -> None:
    assert masked(environment(name).template(stack)) == snapshot(extension_class=JSONSnapshotExtension)
