"""The library's facts about AWS, which need no CDK, for the account's own process."""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCES = str(Path(__file__).resolve().parents[2] / "constructs")
if _SOURCES not in sys.path:
    # Last, so that packages of the virtual environment take precedence.
    sys.path.append(_SOURCES)

from aws_genai.data import bedrock, geographies  # noqa: E402 - the path comes first

__all__ = ["bedrock", "geographies"]
