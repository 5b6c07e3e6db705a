"""Code that runs in AWS Lambda imports what is there: the local account's environment holds more."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.conftest import ROOT

FUNCTIONS = ROOT / "constructs" / "aws_genai" / "functions"
#: What the managed runtime of Python brings: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
RUNTIME = {"boto3", "botocore", "urllib3"}
#: What the layer of libraries brings, by the name that is imported.
LAYER = {"aws-lambda-powertools": "aws_lambda_powertools", "aws-xray-sdk": "aws_xray_sdk"}
FOLDERS = sorted(folder for folder in FUNCTIONS.iterdir() if folder.is_dir() and folder.name != "__pycache__")


def layer() -> set[str]:
    lines = (FUNCTIONS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [line.partition("==")[0] for line in lines if "==" in line]
    return {LAYER.get(name, name.replace("-", "_")) for name in names}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_only_what_lambda_has(folder: object) -> None:
    known = RUNTIME | layer() | sys.stdlib_module_names
    for file in sorted(folder.rglob("*.py")):  # type: ignore[attr-defined]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = [node.module or ""]
            else:
                continue
            for name in found:
                assert name.partition(".")[0] in known, f"{file}:{node.lineno} imports {name}"
