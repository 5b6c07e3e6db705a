"""Every make command that a message advises exists, names the environment that it is about, and is right as typed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from settings import make
from tests.conftest import ROOT

_COMMAND = re.compile(r"(?<![\w-])make ((?:[a-z]+)(?:-[a-z]+)*)((?: [A-Z_]+=\S*)*)")
#: Words after "make" that are English; whatever else follows it is a command.
_ENGLISH = {
    "a", "answers", "any", "budgets", "each", "every", "groups", "inference", "it", "its", "making", "network", "one",
    "resources", "sense", "sure", "the", "their", "them", "this", "two", "up", "vectors", "what",
}  # fmt: skip


@cache
def recipes() -> dict[str, str]:
    """What each target of the Makefile runs."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for target, whole in re.findall(r"^([a-z-]+):(?!=)(.*\n(?:\t.*\n)*)", text, re.MULTILINE):
        found[target] = found.get(target, "") + whole
    return found


def documented(tree: ast.AST) -> set[ast.AST]:
    """Docstrings, of modules, classes, functions and attributes: they name a verb and advise nothing."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant | ast.JoinedStr)
    }


def messages(tree: ast.AST) -> Iterator[str]:
    """The strings of a module, whatever is filled in as ``{}``."""
    left_out = documented(tree)
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if node in left_out or node in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def wrong(message: str) -> Iterator[str]:
    """What is wrong with the commands in a message."""
    for verb, given in _COMMAND.findall(message):
        if verb in _ENGLISH:
            continue
        recipe = recipes().get(verb)
        if recipe is None:
            yield f"make {verb}: there is no such target"
            continue
        names = re.findall(r"([A-Z_]+)=", given)
        if "$(ENV)" in recipe and "ENV" not in names:
            yield f"make {verb}: without ENV it is about dev; write it with settings.make"
        for name in names:
            if name not in ("ENV", "LOCAL_HOME") and f"$({name})" not in recipe and f"${name}" not in recipe:
                yield f"make {verb}: it takes no {name}"


def modules() -> list[Path]:
    folders = ("constructs", "settings", "stacks", "operations", "local")
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    # Pages of the documentation name verbs; they advise nobody.
    return [*(path for path in found if path.name != "document.py"), ROOT / "app.py"]


def test_every_advised_command_is_right() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in modules()
        for message in messages(ast.parse(path.read_text(encoding="utf-8")))
        for problem in wrong(message)
    ]
    assert found == []


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call of ``settings.make`` with its verb."""
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "make" or not node.args:
                continue
            if isinstance(node.args[0], ast.Constant):
                yield str(path.relative_to(ROOT)), str(node.args[0].value), node


def test_every_made_command_is_right() -> None:
    found = list(calls())
    assert len(found) > 8
    for path, verb, node in found:
        assert verb in recipes(), f"{path}: make {verb}"
        assert len(node.args) == 2, f"{path}: make {verb} without its environment"
        for keyword in node.keywords:
            assert re.search(rf"\$\(?{keyword.arg}\b", recipes()[verb]), f"{path}: {keyword.arg}"


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("Bring it back with: make wake NAME={}", 1),
        ("Bring it back with: make wake NAME={} ENV={}", 0),
        ("deploy first: make deploy", 1),
        ("Run make deploy ENV=prod", 0),
        ("Run make deplyo ENV=prod", 1),
        ("Run make sign NAME=x ENV=prod", 1),
        ("Run make setup", 0),
        ("to make sure that it is there", 0),
    ],
)
def test_what_is_wrong_is_found(message: str, count: int) -> None:
    assert len(list(wrong(message))) == count


def test_a_command_is_quoted() -> None:
    assert make("wake", "prod", NAME="genai-prod-llama") == "make wake NAME=genai-prod-llama ENV=prod"
    assert make("local") == "make local"
    assert shlex.split(make("manifest", "prod", DATA="two words"))[2] == "DATA=two words"
