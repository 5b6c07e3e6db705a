"""The library stands alone: built into a wheel, installed by itself, every construct synthesizes with the gate on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.examples import EXAMPLES, LIBRARY, from_docstrings

RUN_ALL = """
import pathlib, runpy, sys, tempfile, os
os.chdir(tempfile.mkdtemp())
import aws_genai
assert "site-packages" in aws_genai.__file__, aws_genai.__file__
for path in sys.argv[1:]:
    runpy.run_path(path, run_name="__main__")
    print("synthesized", path, flush=True)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return next(folder.glob("*.whl"))


def test_wheel_holds_code_rules_and_facts(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "aws_genai/py.typed",
        "aws_genai/functions/requirements.txt",
        "aws_genai/compute/hyperpod/controller.sh",
        "aws_genai/compute/hyperpod/intake.py",
        "aws_genai/functions/bucket_files/handler.py",
        "aws_genai/functions/chat/handler.py",
        "aws_genai/functions/chat/request.schema.json",
        *(f"aws_genai/data/{path.name}" for path in (LIBRARY / "data").glob("*.json")),
    } <= names
    assert all(name.startswith("aws_genai") for name in names)


def test_every_construct_synthesizes_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")], check=True, timeout=60)
    lock = str(ROOT / "requirements.txt")
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--constraint", lock, str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), "-c", RUN_ALL, *map(str, from_docstrings())],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("synthesized") == len(from_docstrings())


def test_examples_are_those_of_the_docstrings() -> None:
    examples = from_docstrings()
    files = set(EXAMPLES.rglob("*.py"))
    assert files == set(examples), "run: make docs"
    for path, code in examples.items():
        assert path.read_text(encoding="utf-8") == code, f"{path.name}: run make docs"


def test_every_construct_has_an_example() -> None:
    bases = [
        match
        for path in LIBRARY.rglob("*.py")
        for match in re.findall(r"^class (\w+)\((\w+)\)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    # What others derive from is nothing by itself; what derives is a construct too.
    derived = {base for _, base in bases}
    classes = {name for name, base in bases if base == "Construct"}
    classes = {name for name, base in bases if base in ({"Construct"} | classes)} - derived
    classes = {name for name in classes if not name.startswith("_")}
    assert len(classes) >= 10
    assert {re.sub("_", "", path.stem) for path in from_docstrings()} >= {name.lower() for name in classes}


def test_library_knows_neither_settings_nor_stacks() -> None:
    for path in LIBRARY.rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (settings|stacks|operations)\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )
