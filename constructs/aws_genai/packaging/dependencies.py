"""The assets of functions: their code, and a layer with their libraries, from locked wheels, without Docker.

Both are zip files in the user's cache, named by a digest of their content: the same content results in the same file on
every computer, and only the first synthesis needs a network connection.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

#: AWS Lambda's platform: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
PYTHON_VERSION = "3.14"
_PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")
#: The earliest timestamp that a zip file supports, for all files, so that bundles are reproducible.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class DependenciesError(RuntimeError):
    """The wheels of the functions could not be downloaded; the message says what to do."""


@cache
def lock_digest() -> str:
    """A digest of the lock file and the platform, which identifies a bundle."""
    lock = (files("aws_genai") / "functions" / "requirements.txt").read_bytes()
    return hashlib.sha256(lock + f"{PYTHON_VERSION} {_PLATFORMS}".encode()).hexdigest()


def bundle() -> Path:
    """The zip file of the Lambda layer; created on first use, once for each lock file.

    :raises DependenciesError: if pip cannot fetch the wheels.
    """
    target = _cached(lock_digest())
    if not target.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            _write(target, _contents(_download(Path(scratch))))
    return target


@cache
def package(folders: Sequence[str]) -> tuple[Path, str]:
    """The zip file of the code of ``folders``, and its digest.

    They are in a folder ``functions``, so that modules import each other as they do here.
    """
    root = Path(str(files("aws_genai") / "functions"))
    return archive({f"functions/{name}": text for folder in folders for name, text in _files(root, folder).items()})


def archive(contents: Mapping[str, bytes]) -> tuple[Path, str]:
    """The zip file with the given files, by name, and its digest."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(f"{name} {len(contents[name])} ".encode() + contents[name])
    target = _cached(digest.hexdigest())
    if not target.is_file():
        _write(target, contents)
    return target, digest.hexdigest()


def _files(root: Path, folder: str) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _cached(digest: str) -> Path:
    return Path.home() / ".cache" / "aws-genai" / "functions" / f"{digest}.zip"


def _download(folder: Path) -> list[Path]:
    lock = files("aws_genai") / "functions" / "requirements.txt"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={PYTHON_VERSION}", *(f"--platform={platform}" for platform in _PLATFORMS)]
    command += ["--dest", str(folder), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, own arguments
    if done.returncode:
        raise DependenciesError(
            "The wheels of the Lambda functions could not be fetched by pip; "
            f"check the connection to the package index and try again.\n{done.stderr.strip()}"
        )
    return sorted(folder.glob("*.whl"))


def _contents(wheels: Sequence[Path]) -> dict[str, bytes]:
    # A wheel is a zip file of modules, and of scripts, which functions do not use.
    found: dict[str, bytes] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and ".data/" not in name:
                    found[f"python/{name}"] = archive.read(name)
    return found


def _write(target: Path, contents: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / target.name
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in sorted(contents):
                entry = zipfile.ZipInfo(name, _NO_TIME)
                # Lambda starts scripts, such as that of functions.streaming.
                entry.external_attr = (0o755 if contents[name].startswith(b"#!") else 0o644) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, contents[name])
        # Another process may have created the file meanwhile, with the same content.
        made.replace(target)
