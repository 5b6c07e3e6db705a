"""A name that is cut to fit a service's limit ends in what tells it from every other that begins alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import aws_cdk as cdk
import pytest

from aws_genai.foundation.naming import lasting
from aws_genai.functions.jobs.naming import job_name
from aws_genai.models.access.application_profiles import _name as profile_name
from tests.conftest import ROOT

LONG = "genai-production-quarterly-summaries-of-the-customers-of-"
_TELLS_APART = ("token", "digest", "sha256", "uuid")


def test_jobs_of_two_names_that_begin_alike_are_two() -> None:
    one, other = job_name(f"{LONG}north", "run", 1), job_name(f"{LONG}south", "run", 1)
    assert one != other
    assert one == job_name(f"{LONG}north", "run", 1), "and the same however often it is asked for"
    assert job_name("a", "b", 1) != job_name("a", "b", 2)
    assert all(len(name) <= 63 and "--" not in name for name, _ in (one, other, job_name("x" * 39 + "-y", "run")))


@pytest.mark.parametrize("longest", [28, 32, 63])
def test_names_that_a_replacement_changes(longest: int) -> None:
    stack = cdk.Stack()
    names = [lasting(stack, f"{LONG}{end}", "the same properties", longest=longest) for end in ("north", "south")]
    assert len(set(names)) == 2
    assert all(len(name) <= longest for name in names)


def test_application_profiles() -> None:
    names = {profile_name(f"{LONG}{end}-amazon.nova-lite-v1-0") for end in ("north", "south")}
    assert len(names) == 2
    assert all(len(name) <= 64 for name in names)


def cut(tree: ast.AST) -> Iterator[int]:
    """Lines on which a name is shortened, and nothing beside it tells it from another."""
    told = {
        id(part)
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr) and any(word in ast.unparse(text).lower() for word in _TELLS_APART)
        for part in ast.walk(text)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice) or node.slice.lower is not None:
            continue
        last = ast.unparse(node.value).strip("]'\"").lower().replace('"', ".").replace("'", ".").rpartition(".")[2]
        one = isinstance(node.slice.upper, ast.Constant) and node.slice.upper.value == 1
        if (last == "name" or last.endswith("_name")) and not one and id(node) not in told:
            yield node.lineno


def test_no_name_is_only_cut() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("constructs", "settings", "stacks", "operations")
        for path in (ROOT / folder).rglob("*.py")
        # What a message quotes of a wrong name is no name.
        if path.name != "guardrail_policy.py"
        for line in cut(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(), "refuse it, or let it end in a digest of the whole"


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("component = f'{name}-{each}'; short = name[:63]", 1),
        ("f'{self._plan.name[:40]}-{number}'", 1),
        ("properties['Name'][:54]", 1),
        ("endpoint_name[:_LONGEST]", 1),
        ("f'{name[:40]}-{token}'", 0),
        ("f\"{properties['Name'][:54]}-{token[:8]}\"", 0),
        ("name[:1].lower() + name[1:]", 0),
        ("reason[:1000]", 0),
    ],
)
def test_what_is_cut_is_found(code: str, count: int) -> None:
    assert len(list(cut(ast.parse(code)))) == count
