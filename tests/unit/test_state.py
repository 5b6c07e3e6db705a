"""The library keeps nothing of an app outside it: many apps in one process neither meet nor pile up."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

from aws_genai.gate.acknowledgement import acknowledge, acknowledgements, ineffective
from tests.conftest import ROOT

#: Tables that modules fill while they are imported, and never again.
_TABLES = {"RULES", "USES", "SAID", "MODELS"}
_MAKERS = {
    "dict",
    "list",
    "set",
    "defaultdict",
    "deque",
    "Counter",
    "WeakKeyDictionary",
    "WeakValueDictionary",
    "WeakSet",
}


def accepted(stack: cdk.Stack, name: str) -> None:
    acknowledge(
        s3.CfnBucket(stack, name), "AwsSolutions-S1", reason=f"{name} is here to be accepted.", met_by="nothing at all"
    )


def test_each_app_has_its_own_acknowledgements() -> None:
    one, other = cdk.App(), cdk.App()
    stack = cdk.Stack(one, "One")
    accepted(stack, "A")
    accepted(cdk.Stack(other, "Other"), "B")
    with ineffective():
        accepted(stack, "C")
    assert [(each.path, each.rule, each.reason, each.met_by) for each in acknowledgements(one)] == [
        ("One/A", "AwsSolutions-S1", "A is here to be accepted.", "nothing at all"),
        ("One/C", "AwsSolutions-S1", "C is here to be accepted.", "nothing at all"),
    ]
    assert [each.path for each in acknowledgements(other)] == ["Other/B"]
    assert acknowledgements(stack) == acknowledgements(one), "of the whole app"


def kept(tree: ast.Module) -> Iterator[str]:
    """Names of empty containers that a module holds, and of caches of functions that take constructs."""
    for node in tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        maker = value.func if isinstance(value, ast.Call) else None
        maker = maker.value if isinstance(maker, ast.Subscript) else maker
        made = getattr(maker, "attr", getattr(maker, "id", "")) in _MAKERS and not getattr(value, "args", ())
        empty = (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.List) and not value.elts)
        if (made or empty) and isinstance(target, ast.Name):
            yield target.id
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            decorators = {ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in function.decorator_list}
            taken = [ast.unparse(each.annotation) for each in function.args.args if each.annotation]
            if {"cache", "lru_cache"} & decorators and any(
                each.endswith(("Construct", "Stack", "App", "Scope")) for each in taken
            ):
                yield function.name


def test_no_module_collects_constructs() -> None:
    found = {
        (path.relative_to(ROOT), name)
        for folder in ("constructs", "stacks", "settings")
        for path in (ROOT / folder).rglob("*.py")
        for name in kept(ast.parse(path.read_text(encoding="utf-8")))
        if name not in _TABLES
    }
    assert found == set(), "keep it on a construct of the app"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("_recorded: list[Record] = []", ["_recorded"]),
        ("_seen = set()", ["_seen"]),
        ("_of = weakref.WeakKeyDictionary()", ["_of"]),
        ("_of = defaultdict[str, int]()", ["_of"]),
        ("KINDS = {'a': 1}", []),
        ("NAMES = set(('a', 'b'))", []),
        ("@cache\ndef topic(scope: Construct) -> Topic: ...", ["topic"]),
        ("@functools.lru_cache(8)\ndef topic(stack: cdk.Stack) -> Topic: ...", ["topic"]),
        ("@cache\ndef load(name: str) -> dict: ...", []),
    ],
)
def test_what_is_kept_is_found(code: str, names: list[str]) -> None:
    assert list(kept(ast.parse(code))) == names
