"""The examples in the README of every room run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.examples import LIBRARY

ROOMS = sorted(
    path.parent for path in LIBRARY.rglob("__init__.py") if "functions" not in path.relative_to(LIBRARY).parts[:-2]
)
BLOCKS = [
    pytest.param(block, id=f"{path.parent.relative_to(LIBRARY)}-{number}")
    for path in sorted(LIBRARY.rglob("README.md"))
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S), 1
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_example_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "cdk.out"))
    exec(compile(block, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - the example itself


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(LIBRARY)))
def test_every_room_has_a_readme(room: Path) -> None:
    if room == LIBRARY or room.parent.name in ("gate", "functions") or room.parent.parent.name == "functions":
        return
    text = (room / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert len(text.splitlines()) <= 120, "a README of a room is a page"
