"""Every JumpStart model of the catalogue deploys: synthesized, validated, and linted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import synth
from aws_genai.models import EndpointOptions, JumpStartEndpoint
from tests.linter import lint
from tests.support import new_app

NAMES = JumpStartCatalogue.names()
#: A stack holds 500 resources, and an endpoint has about ten.
AT_A_TIME = 41
GROUPS = [NAMES[start : start + AT_A_TIME] for start in range(0, len(NAMES), AT_A_TIME)]


def synthesized(group: list[str]) -> Path:
    """The template of a stack with every model of a group."""
    app = new_app()
    stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
    CostTags(project="p", environment="e", layer="l", owner="o", cost_center="c").apply(stack)
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    for number, name in enumerate(group):
        JumpStartEndpoint(
            stack,
            f"E{number}",
            foundation=foundation,
            endpoint_name=f"e{number}",
            options=EndpointOptions(model=name, accept_eula=True),
        )
    assembly = synth(app)
    return Path(assembly.directory) / "Models.template.json"


@pytest.fixture(scope="module")
def found() -> list[list[dict[str, Any]]]:
    """What the linter finds, by group."""
    files = [synthesized(group) for group in GROUPS]
    told = lint(files, "us-east-1", "--ignore-checks", "W3010")
    return [told[file] for file in files]


@pytest.mark.parametrize("number", range(len(GROUPS)), ids=[f"{group[0]}..." for group in GROUPS])
def test_every_model_synthesizes_and_passes_the_linters(found: list[list[dict[str, Any]]], number: int) -> None:
    assert found[number] == []
