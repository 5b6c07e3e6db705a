"""``make clean`` ends what runs, removes what was made and no more, and works where nothing is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

MADE = (
    "cdk.out/manifest.json",
    "cdk.out.1/x",
    "build/lib/x",
    "dist/x.whl",
    "aws_genai.egg-info/PKG-INFO",
    "constructs/aws_genai.egg-info/PKG-INFO",
    "node_modules/x/index.js",
    "tests/oracle/node_modules/x",
    ".venv-local/bin/x",
    ".venv-docs/bin/x",
    "site/index.html",
    ".mypy_cache/x",
    ".ruff_cache/x",
    ".pytest_cache/x",
    ".hypothesis/x",
    "operations/__pycache__/x.pyc",
)
MINE = ("config/mine.yaml", "notes.txt", ".env", "constructs/aws_genai/builds.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", ".gitignore", "operations/__init__.py", "operations/clean.py", "operations/set_up.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in (*MADE, *MINE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def clean(clone: Path, **environment: str) -> tuple[int, str, str]:
    base = Path(sys._base_executable).parent  # type: ignore[attr-defined]
    kept = {name: value for name, value in os.environ.items() if name not in ("LOCAL_HOME", "PYTHONPATH")}
    variables = {**kept, "PATH": os.pathsep.join((str(base), os.environ["PATH"])), **environment}
    command = ["make", "clean"]
    done = subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_what_was_made_goes_and_what_is_yours_stays(clone: Path) -> None:
    elsewhere = clone.parent / "elsewhere"
    elsewhere.mkdir()
    (clone / ".venv").symlink_to(elsewhere)
    code, told, errors = clean(clone, HOME=str(clone.parent / "nobody"))
    assert (code, errors) == (0, "")
    assert not [name for name in MADE if (clone / name).exists()]
    assert all((clone / name).exists() for name in MINE)
    assert not (clone / ".venv").is_symlink()
    assert elsewhere.is_dir()
    for name in (".venv", "cdk.out", "build", "node_modules", ".venv-local", "tests/oracle/node_modules"):
        assert f"Removed {name}\n" in told
    assert clean(clone, HOME=str(clone.parent / "nobody")) == (0, "There is nothing to remove.\n", "")


def test_the_cache_that_clones_share_stays_and_is_told(clone: Path) -> None:
    cache = clone.parent / "home" / ".cache" / "aws-genai"
    cache.mkdir(parents=True)
    (cache / "x.zip").write_bytes(bytes(3_000_000))
    told = clean(clone, HOME=str(clone.parent / "home"))[1]
    assert f"{cache} stays (3 MB), because other clones use it too. To remove it: rm -r {cache}" in told
    assert (cache / "x.zip").exists()


@pytest.mark.parametrize("where", ["default", "named"])
def test_a_local_account_is_ended_first_though_its_verbs_are_gone(clone: Path, where: str) -> None:
    home = clone / ".local" if where == "default" else clone.parent / "an account"
    home.mkdir()
    running = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "local.account"])
    try:
        (home / "account.json").write_text(json.dumps({"pid": running.pid, "port": 1}))
        more = {} if where == "default" else {"LOCAL_HOME": str(home)}
        code, told, errors = clean(clone, **more)
        assert (code, errors) == (0, "")
        assert f"Stopped the local account of {home}" in told
        assert running.wait(timeout=10) != 0
        assert not home.exists()
    finally:
        running.kill()
        running.wait()


def test_another_process_of_that_number_lives_on(clone: Path) -> None:
    (clone / ".local").mkdir()
    other = subprocess.Popen(["sleep", "60"])
    try:
        (clone / ".local" / "account.json").write_text(json.dumps({"pid": other.pid}))
        assert clean(clone)[0] == 0
        assert other.poll() is None
        assert not (clone / ".local").exists()
    finally:
        other.kill()
        other.wait()


def test_a_folder_that_is_no_account_is_left_alone(clone: Path) -> None:
    mine = clone.parent / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    assert clean(clone, LOCAL_HOME=str(mine))[0] == 0
    assert (mine / "thesis.txt").exists()
