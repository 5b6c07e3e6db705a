"""Every JumpStart model of the catalogue deploys: synthesized, validated, and linted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import aws_cdk as cdk
import pytest

from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import synth
from aws_genai.models import EndpointOptions, JumpStartEndpoint
from local import emulator
from tests.support import new_app

NAMES = JumpStartCatalogue.names()
#: A stack holds 500 resources, and an endpoint has about ten.
AT_A_TIME = 41
GROUPS = [NAMES[start : start + AT_A_TIME] for start in range(0, len(NAMES), AT_A_TIME)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0]}...")
def test_every_model_synthesizes_and_passes_the_linters(group: list[str], tmp_path: Path) -> None:
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
    template = Path(assembly.directory) / "Models.template.json"
    lint = str(Path(emulator.PYTHON).parent / "cfn-lint")
    command = [lint, "--regions", "us-east-1", "--ignore-checks", "W3010", "--format", "parseable", "--", str(template)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
