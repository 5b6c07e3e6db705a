"""Settings that are wrong, and what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import SettingsError, load

BASE: dict[str, Any] = {
    "project": "demo",
    "region": "us-east-1",
    "owner": "team",
    "cost_center": "1",
}


def write(folder: Path, content: str) -> Path:
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "test.yaml").write_text(content, encoding="utf-8")
    return config


def message(folder: Path, content: dict[str, Any] | str) -> str:
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    with pytest.raises(SettingsError) as caught:
        load("test", write(folder, text))
    return str(caught.value)
