"""The queue of test files, and what a run says of files that fail or never end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import parallel
from tests.conftest import ROOT

SLOW, FAST, LOCAL = ROOT / "tests/unit/test_slow.py", ROOT / "tests/unit/test_fast.py", ROOT / "tests/local/test_it.py"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> parallel.Queue:
    known = tmp_path / "seconds.json"
    known.write_text(json.dumps({"tests/unit/test_slow.py": 9, "tests/local/test_it.py": 1}))
    monkeypatch.setattr(parallel, "SECONDS", known)
    return parallel.Queue([FAST, LOCAL, SLOW])


def test_a_process_with_an_account_takes_what_needs_one_and_then_the_slowest(queue: parallel.Queue) -> None:
    taken = [queue.next(0) for _ in range(4)]
    assert taken == ["tests/local/test_it.py", "tests/unit/test_slow.py", "tests/unit/test_fast.py", None]


def test_a_process_without_an_account_never_starts_one(queue: parallel.Queue) -> None:
    taken = [queue.next(parallel.ACCOUNTS) for _ in range(3)]
    assert taken == ["tests/unit/test_slow.py", "tests/unit/test_fast.py", None]
    assert queue.next(0) == "tests/local/test_it.py"


def test_every_recorded_file_is_there() -> None:
    """A file that was renamed is recorded anew: ``python -m tests.parallel --record``."""
    recorded = json.loads(parallel.SECONDS.read_text(encoding="utf-8"))
    assert [name for name in recorded if not (ROOT / name).exists()] == []


@pytest.fixture
def planted() -> Iterator[Path]:
    folder = ROOT / "tests" / "planted"
    folder.mkdir()
    yield folder
    for each in sorted(folder.rglob("*"), reverse=True):
        each.rmdir() if each.is_dir() else each.unlink()
    folder.rmdir()


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.parallel", "--processes", "1", str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_a_file_that_fails_or_cannot_be_read_fails_the_run(planted: Path) -> None:
    (planted / "test_breaks.py").write_text("import nothing_of_this_name\n")
    (planted / "test_fails.py").write_text("def test_it():\n    assert 1 == 2\n")
    (planted / "test_passes.py").write_text("def test_it():\n    pass\n")
    done = run(planted)
    assert done.returncode == 1
    assert "No module named 'nothing_of_this_name'" in done.stdout
    assert "tests/planted/test_fails.py: 1 failed" in done.stdout
    assert "tests/planted/test_passes.py: 1 passed" in done.stdout
    assert "3 of 3 files" in done.stdout


def test_a_process_that_dies_fails_the_run(planted: Path) -> None:
    (planted / "test_ends.py").write_text("import os\n\n\ndef test_it():\n    os._exit(0)\n")
    done = run(planted)
    assert done.returncode == 1
    assert "tests/planted/test_ends.py: not run to its end" in done.stdout
