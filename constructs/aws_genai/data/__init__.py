"""Data with its sources: accelerators, models and prices. Each file is read once, on first use."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

# Not importlib.resources, whose import takes 3% of a settings check.
_FOLDER = Path(__file__).parent


@cache
def load(name: str) -> dict[str, Any]:
    """The content of ``name``.json in this folder."""
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content
