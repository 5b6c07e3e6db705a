"""AWS's own linter finds no error in the templates of any shipped environment.

https://github.com/aws-cloudformation/cfn-lint
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from settings import available
from tests.conftest import Synthesized

#: cfn-lint takes ARNs of state machines for those of the partition aws only: its pattern refuses ${Partition}, which the
#: definition's own substitutions give a value.
MISTAKEN = ("E3601", "arn:${Partition}:states:::")


@pytest.mark.parametrize("name", available())
def test_no_error(environment: Callable[[str], Synthesized], name: str) -> None:
    made = environment(name)
    files = sorted(map(str, made.folder.glob("*.template.json")))
    linter = Path(sys.executable).parent / "cfn-lint"
    command = [str(linter), "--format", "json", "--regions", made.settings.region, "-t", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("["), done.stderr
    errors = [
        f"{Path(each['Filename']).name}: {each['Rule']['Id']}: {each['Message']}"
        for each in json.loads(done.stdout)
        if each["Level"] == "Error" and not (each["Rule"]["Id"] == MISTAKEN[0] and MISTAKEN[1] in each["Message"])
    ]
    assert errors == []
