"""The libraries that functions run on, from locked wheels, without Docker."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path

#: AWS Lambda's platform: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
PYTHON_VERSION = "3.14"
_PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")


class DependenciesError(RuntimeError):
    """The wheels of the functions could not be fetched; the message says what to do."""


@cache
def lock_digest() -> str:
    """A digest of the lock and the platform: what identifies a bundle."""
    lock = (files("aws_genai") / "functions" / "requirements.txt").read_bytes()
    return hashlib.sha256(lock + f"{PYTHON_VERSION} {_PLATFORMS}".encode()).hexdigest()


def bundle() -> Path:
    """The folder that a Lambda layer is made from; fetched on first use, once for each lock.

    The bundle lies in the user's cache, so that a synthesis after the first needs no network.

    :raises DependenciesError: if pip cannot fetch the wheels.
    """
    target = Path.home() / ".cache" / "aws-genai" / "functions" / lock_digest()
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _unpack(_download(Path(scratch) / "wheels"), Path(scratch) / "bundle" / "python")
            try:
                (Path(scratch) / "bundle").rename(target)
            except OSError:
                if not target.is_dir():  # otherwise another process was first, with the same content
                    raise
    return target


def _download(wheels: Path) -> list[Path]:
    lock = files("aws_genai") / "functions" / "requirements.txt"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={PYTHON_VERSION}", *(f"--platform={platform}" for platform in _PLATFORMS)]
    command += ["--dest", str(wheels), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, own arguments
    if done.returncode:
        raise DependenciesError(
            "The wheels of the Lambda functions could not be fetched by pip; "
            f"check the connection to the package index and try again.\n{done.stderr.strip()}"
        )
    return sorted(wheels.glob("*.whl"))


def _unpack(wheels: list[Path], target: Path) -> None:
    # A wheel of these is a zip of what goes on the path; unpacking it leaves nothing of this machine in it.
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)
    for scripts in target.glob("*.data"):
        shutil.rmtree(scripts)
