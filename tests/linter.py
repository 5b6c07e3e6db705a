"""AWS's own linter of templates: https://github.com/aws-cloudformation/cfn-lint"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: cfn-lint as its command runs it, without looking for garbage, of which it leaves little: a seventh of its time.
PROGRAM = "import gc, sys; gc.disable(); from cfnlint.runner import main; sys.exit(main())"
#: Hundreds of resources take a minute on a slow machine.
SECONDS = 300


def lint(templates: Sequence[Path], region: str, *options: str) -> dict[Path, list[dict[str, Any]]]:
    """What cfn-lint finds in each template, all in one process, whose start takes as long as a small template."""
    command = [sys.executable, "-c", PROGRAM, "--format", "json", "--regions", region, *options, "-t"]
    done = subprocess.run(
        [*command, *map(str, templates)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.stdout.startswith("["), done.stderr
    found: dict[Path, list[dict[str, Any]]] = {template: [] for template in templates}
    for each in json.loads(done.stdout):
        found[Path(each["Filename"])].append(each)
    return found
