"""The picture of the stacks is what the construct tree of ``reference`` is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import picture
from tests.conftest import Synthesized
from tests.examples import LIBRARY


def test_the_committed_picture_is_drawn_from_the_tree(reference: Synthesized) -> None:
    found = picture.stacks(reference.folder)
    classes = picture.drawn()
    assert {stack.name: set(stack.constructs) for stack in found} == {
        name: set(constructs) for name, constructs in classes.items()
    }, "run: make docs"
    assert picture.PICTURE.read_text(encoding="utf-8") == picture.draw(found, classes), "run: make docs"


def test_it_counts_every_resource(reference: Synthesized) -> None:
    counted = {stack.name: stack.resources for stack in picture.stacks(reference.folder)}
    assert counted == {name: len(template["Resources"]) for name, template in reference.templates.items()}


def test_its_classes_are_those_of_the_library() -> None:
    known = {
        node.name
        for path in LIBRARY.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    named = {label for constructs in picture.drawn().values() for label in constructs.values()}
    assert named - {picture.OTHER} <= known, "run: make docs"


def test_a_construct_that_is_not_in_it_is_found(
    reference: Synthesized, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = picture.PICTURE.read_text(encoding="utf-8").replace("&quot;Firewall&quot;: &quot;Firewall&quot;, ", "")
    other = tmp_path / "stack.svg"
    other.write_text(lines, encoding="utf-8")
    monkeypatch.setattr(picture, "PICTURE", other)
    (application,) = [stack for stack in picture.stacks(reference.folder) if stack.layer == "application"]
    assert "Firewall" in application.constructs
    assert "Firewall" not in picture.drawn()[application.name]


@pytest.mark.parametrize("number", range(1, 10))
def test_stacks_side_by_side_fill_the_width(number: int) -> None:
    found = [picture.Stack(f"a-b-{n}", "models", {"x": n + 1}) for n in range(number)]
    for line in picture._lines(found):
        assert sum(span for _, span in line) == picture.COLUMNS
    text = picture.draw(found, {stack.name: {"x": "Guardrail"} for stack in found})
    assert text.count(">Guardrail<") == number
