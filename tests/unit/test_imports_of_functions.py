"""Code that runs in AWS Lambda imports what is there: the local account's environment holds more."""

from __future__ import annotations

import ast
import sys
import zipfile
from pathlib import PurePosixPath

import pytest

from tests.conftest import ROOT, Synthesized

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


def test_every_package_has_the_folders_that_its_code_imports(reference: Synthesized) -> None:
    missing: set[tuple[str, str]] = set()
    packages = {
        (each["Properties"]["Handler"], each["Properties"]["Code"]["S3Key"])
        for template in reference.templates.values()
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function" and "S3Key" in each["Properties"].get("Code", {})
    }
    assert len(packages) > 10
    for handler, key in packages:
        with zipfile.ZipFile(reference.folder / f"asset.{key}") as package:
            files = {name for name in package.namelist() if name.endswith(".py")}
            left = [f"{handler.rpartition('.')[0].replace('.', '/')}.py"]
            read = set(left)
            while left:
                file = left.pop()
                for imported in _relative(PurePosixPath(file), package.read(file)):
                    found = {f"{imported}.py", f"{imported}/__init__.py"} & files
                    missing |= {(handler, str(imported))} if not found else set()
                    left += found - read
                    read |= found
    # The counters of a budget are imported where there is one.
    assert {each for each in missing if "usage_budget" not in each[1]} == set()


def _relative(file: PurePosixPath, code: bytes) -> list[PurePosixPath]:
    """The modules that a file imports relatively, whether at its top or inside a function."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            found.append(file.parents[node.level - 1].joinpath(*node.module.split(".")))
    return found
