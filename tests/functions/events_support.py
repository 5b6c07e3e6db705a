"""Events as their schema has them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from tests.conftest import ROOT

_SCHEMA = json.loads((ROOT / "constructs/aws_genai/functions/assistant/events.schema.json").read_text(encoding="utf-8"))


def check(event: str, data: dict[str, Any]) -> None:
    """Fail unless an event is in the schema."""
    jsonschema.validate({event: data}, _SCHEMA)
