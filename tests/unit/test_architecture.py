"""The structure of the code: no circle of imports, and every room looks down only."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import ROOT

LIBRARY = ROOT / "constructs" / "aws_genai"
SOURCES = {LIBRARY.parent: ("aws_genai",), ROOT: ("settings", "stacks", "operations", "local")}

#: The rooms of the library, from the ground up: each may import those before it.
FLOORS = (
    "errors",
    "lazily",
    "node",
    "once",
    "explain",
    "options",
    "resource_name",
    "data",
    "functions",
    "policies",
    "gate",
    "testing",
    "foundation",
    "packaging",
    "compute",
    "models.access",
    "models.prompts",
    "models.knowledge",
    "models.hosting",
    "models.training",
    "models.runs",
    "models.custom",
    "models",
    "application",
)


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for root, packages in SOURCES.items():
        for package in packages:
            for path in (root / package).rglob("*.py"):
                parts = path.relative_to(root).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path) -> set[str]:
    """The modules that a module imports, wherever in it the import stands."""
    base = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            above = base[: len(base) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {
                f"{source}.{each.name}" if f"{source}.{each.name}" in modules() else source for each in node.names
            }
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found & set(modules())


@cache
def graph() -> dict[str, set[str]]:
    """What each module imports. A package that only hands names on stands for the modules that hold them."""
    edges = {name: imported(name, path) for name, path in modules().items()}
    faces = {name for name, path in modules().items() if path.name == "__init__.py" and "exports(" in path.read_text()}
    return {name: targets - faces - {name} for name, targets in edges.items() if name not in faces}


def test_there_is_no_circle_of_imports() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def floor(name: str) -> int:
    inner = name.removeprefix("aws_genai.")
    return max((FLOORS.index(each) for each in FLOORS if inner == each or inner.startswith(f"{each}.")), default=-1)


def test_rooms_look_down_only() -> None:
    up = {
        f"{name} imports {target}"
        for name, targets in graph().items()
        for target in targets
        if name.startswith("aws_genai.") and floor(target) > floor(name)
    }
    assert not up


def test_every_room_has_a_floor() -> None:
    assert {name for name in modules() if name.startswith("aws_genai.") and floor(name) < 0} == set()


def test_functions_hold_code_of_lambda_only() -> None:
    for path in (LIBRARY / "functions").rglob("*.py"):
        assert "aws_cdk" not in path.read_text(encoding="utf-8"), path


def test_no_exported_name_is_that_of_a_module() -> None:
    """The module, once imported, would be found in place of what is exported."""
    for name, path in modules().items():
        if path.name == "__init__.py" and "exports(" in path.read_text(encoding="utf-8"):
            exported = set(import_module(name).__all__)
            assert not exported & {each.stem for each in path.parent.iterdir()}, name
