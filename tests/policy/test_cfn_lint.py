"""AWS's own linter finds no error in the templates of any shipped environment.

https://github.com/aws-cloudformation/cfn-lint
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from settings import available
from tests.conftest import Synthesized
from tests.linter import lint

#: cfn-lint takes ARNs of state machines for those of the partition aws only: its pattern refuses ${Partition}, which the
#: definition's own substitutions give a value.
MISTAKEN = ("E3601", "arn:${Partition}:states:::")


def templates(made: Synthesized) -> list[Path]:
    return sorted(made.folder.glob("*.template.json"))


@pytest.fixture(scope="module")
def found(environment: Callable[[str], Synthesized]) -> dict[Path, list[dict[str, Any]]]:
    """What is found in every template."""
    regions: dict[str, list[Path]] = {}
    for made in map(environment, available()):
        regions.setdefault(made.settings.region, []).extend(templates(made))
    return {path: each for region, files in regions.items() for path, each in lint(files, region).items()}


@pytest.mark.parametrize("name", available())
def test_no_error(
    environment: Callable[[str], Synthesized], found: dict[Path, list[dict[str, Any]]], name: str
) -> None:
    errors = [
        f"{path.name}: {each['Rule']['Id']}: {each['Message']}"
        for path in templates(environment(name))
        for each in found[path]
        if each["Level"] == "Error" and not (each["Rule"]["Id"] == MISTAKEN[0] and MISTAKEN[1] in each["Message"])
    ]
    assert errors == []
