"""How this code raises: each time an exception of its own, and never one that loses what the first one said."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from aws_genai.errors import InvalidValueError, below, reported_at
from tests.conftest import ROOT

#: Names of exceptions; a dataclass whose name ends so too is listed here.
_ENDINGS = ("Error", "Exception", "Interrupt", "Exit")
_NO_EXCEPTIONS = {"GatewayError"}


@cache
def trees() -> dict[Path, ast.Module]:
    files = [
        path
        for folder in ("constructs", "settings", "operations", "local", "stacks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    assert len(files) > 200
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in [*files, ROOT / "app.py"]}


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_exception(name: str) -> bool:
    return name.endswith(_ENDINGS) and name not in _NO_EXCEPTIONS


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """What runs once, when a module is imported: no function and no lambda; those that are cached run once too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [name_of(each.func if isinstance(each, ast.Call) else each) for each in child.decorator_list]
            if not {"cache", "lru_cache", "cached_property"} & set(decorators):
                continue
            # What a cached function raises is made anew; what it returns is kept.
            for each in ast.walk(child):
                if isinstance(each, ast.Return):
                    yield from ast.walk(each)
            continue
        if isinstance(child, ast.Lambda | ast.Raise):
            continue
        yield child
        yield from outside_functions(child)


def shared(tree: ast.AST) -> Iterator[int]:
    """Lines that make an exception which is kept."""
    for node in outside_functions(tree):
        if isinstance(node, ast.Call) and is_exception(name_of(node.func)):
            yield node.lineno


def test_no_exception_is_kept_and_raised_again() -> None:
    """Its traceback grows with every raise, and keeps the frames of every call, as long as the process runs."""
    found = [f"{path}:{line}" for path, tree in trees().items() for line in shared(tree)]
    assert found == [], "make it where it is raised, or keep a function that makes it"


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("SLOW = ChatError(503)", 1),
        ("KNOWN = {'a': ValueError('x')}", 1),
        ("class A:\n    broken = errors.ChatError(1)", 1),
        ("@cache\ndef slow():\n    return ChatError(1)", 1),
        ("@cache\ndef slow():\n    raise ChatError(1)", 0),
        ("def slow():\n    return ChatError(1)", 0),
        ("SLOW = lambda: ChatError(503)", 0),
        ("if broken:\n    raise ImportError('x')", 0),
        ("SLOW = Failure(503)", 0),
    ],
)
def test_what_is_kept_is_found(code: str, count: int) -> None:
    assert len(list(shared(ast.parse(code)))) == count


def again(tree: ast.AST) -> Iterator[int]:
    """Lines that make an error anew from one of the same class that was caught: what it held besides its text is lost."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None:
            continue
        caught = {name_of(each) for each in ast.walk(handler.type) if isinstance(each, ast.Name | ast.Attribute)}
        for node in ast.walk(handler):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            made = name_of(node.exc.func)
            used = {each.id for each in ast.walk(node.exc) if isinstance(each, ast.Name)}
            # One class that several become may be one of them.
            only = not isinstance(handler.type, ast.Tuple) and handler.name in used
            if made in caught and (made == "InvalidValueError" or only):
                yield node.lineno


def test_no_error_is_written_out_again() -> None:
    """``below`` and ``reported_at`` keep message and hint apart; a copy by hand puts one into the other."""
    found = [f"{path}:{line}" for path, tree in trees().items() for line in again(tree)]
    assert found == [], "use below() or reported_at() of aws_genai.errors"


@pytest.mark.parametrize(
    ("raised", "count"),
    [
        ("raise InvalidValueError(str(error), field='a') from error", 1),
        ("raise InvalidValueError(f'{error}') from error", 1),
        ("raise InvalidValueError('other', field='a') from error", 1),
        ("raise errors.InvalidValueError(error.message, hint=error.hint)", 1),
        ("raise error.at('a') from error", 0),
        ("raise SettingsError(str(error)) from error", 0),
        ("raise", 0),
    ],
)
@pytest.mark.parametrize("caught", ["InvalidValueError", "(KeyError, errors.InvalidValueError)"])
def test_what_is_written_out_again_is_found(raised: str, count: int, caught: str) -> None:
    code = f"try:\n    f()\nexcept {caught} as error:\n    {raised}"
    assert len(list(again(ast.parse(code)))) == count


def test_an_error_keeps_what_it_said_wherever_it_is_reported() -> None:
    def fail(field: str | None = "cidr") -> None:
        raise InvalidValueError("It is no network", field=field, hint="Try 10.0.0.0/16")

    for manager, field, expected in (
        (below("network"), "cidr", "network.cidr"),
        (below("network"), None, "network"),
        (reported_at("network.cidr"), "other", "network.cidr"),
        (reported_at("network.cidr"), None, "network.cidr"),
    ):
        with pytest.raises(InvalidValueError) as raised, manager:
            fail(field)
        error = raised.value
        assert (error.field, error.message, error.hint) == (expected, "It is no network", "Try 10.0.0.0/16")
        assert str(error) == "It is no network. Try 10.0.0.0/16"
        assert isinstance(error.__cause__, InvalidValueError)
    with pytest.raises(InvalidValueError) as raised, below("a"), below("b"):
        fail()
    assert (raised.value.field, str(raised.value).count("Try 10")) == ("a.b.cidr", 1)
