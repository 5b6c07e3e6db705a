"""Every alarm names a page that says what to do, and every page is that of an alarm."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest

from aws_genai.foundation.alarms import Runbook, described
from tests.conftest import ROOT, Synthesized

RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = {path.stem for path in RUNBOOKS.glob("*.md")}
ENVIRONMENTS = ("dev", "prod", "local", "reference")
_NAMED = re.compile(r" Runbook: docs/runbooks/([a-z-]+)\.md$")


def alarms(made: Synthesized) -> dict[str, dict[str, Any]]:
    return {
        f"{stack}/{id}": resource["Properties"]
        for stack, template in made.templates.items()
        for id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def text(description: Any) -> str:
    """A description whose references are left out."""
    if isinstance(description, str):
        return description
    return "".join(part if isinstance(part, str) else "..." for part in description["Fn::Join"][1])


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_alarm_names_a_runbook_that_exists(name: str, environment: Callable[[str], Synthesized]) -> None:
    found = alarms(environment(name))
    assert found
    for id, properties in found.items():
        named = _NAMED.search(text(properties["AlarmDescription"]))
        assert named, f"{id} names no runbook"
        assert named[1] in PAGES, id
        assert len(text(properties["AlarmDescription"])) <= 1024


def test_every_runbook_is_named_by_an_alarm(environment: Callable[[str], Synthesized]) -> None:
    named = {
        match[1]
        for name in ENVIRONMENTS
        for properties in alarms(environment(name)).values()
        if (match := _NAMED.search(text(properties["AlarmDescription"])))
    }
    assert named == PAGES == set(get_args(Runbook))


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_runbook_says_what_it_means_where_to_look_what_to_do_and_when_it_is_over(page: str) -> None:
    content = (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", content, re.M)
    assert headings == ["What it means", "Look", "Do", "Over when"]
    parts = re.split(r"^## .*$", content, flags=re.M)[1:]
    assert all(len(part.split()) >= 5 for part in parts), "no part is left out"
    for link in re.findall(r"\]\(([^)#]+\.md)", content):
        assert (RUNBOOKS / link).resolve().exists(), link


def test_runbooks_are_reached_from_operations_and_the_navigation() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"(runbooks/{page}.md)" in operations
        assert f"runbooks/{page}.md\n" in navigation


def test_the_path_ends_the_description() -> None:
    assert described("It is slow.", "endpoint-latency") == "It is slow. Runbook: docs/runbooks/endpoint-latency.md"
    assert json.dumps(described("x", "scaling")).isascii()
