"""What all tests share: one jsii process, and one synthesis of each environment."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import pytest

# Tests that call make are themselves called by make, whose flags are not theirs.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent

# Node.js of the virtual environment, whether it is activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

# One cache of botocore's service models. moto gives each test a session of its own, which would read them again.
botocore.session.create_loader = cache(botocore.loaders.create_loader)
# Whoever looks for images in moto's EC2 makes them; by default there are hundreds in each Region.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")


@cache
def flags() -> dict[str, Any]:
    """The feature flags of the project."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return {key: value for key, value in context.items() if key.startswith("@")}


class Synthesized:
    """One environment, synthesized through the gate."""

    def __init__(self, environment: str, folder: Path, config: Path | None = None) -> None:
        import aws_cdk as cdk

        from aws_genai.gate import CompliancePack, acknowledgements, attach_gate, synth
        from settings import about, load
        from stacks import assemble

        self.settings = load(environment, config) if config else load(environment)
        self.packs = [CompliancePack(pack) for pack in self.settings.security.packs]
        self.folder = folder
        app = cdk.App(context={**flags(), "@aws-cdk/core:failSynthOnValidationErrors": False}, outdir=str(folder))
        attach_gate(app, packs=self.packs, about=about(self.settings))
        assemble(app, self.settings)
        synth(app)
        self.acknowledgements = acknowledgements(app)
        #: Templates by stack name: what references between stacks go by.
        self.templates: dict[str, dict[str, Any]] = {
            f"{self.settings.prefix}-{path.name.partition('.')[0]}": json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.template.json"))
        }

    def template(self, layer: str) -> dict[str, Any]:
        """The template of one layer."""
        return self.templates[f"{self.settings.prefix}-{layer}"]


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait until no other process of this run does the same."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of ``python -m tests.parallel`` have; of this process alone without it."""
    return Path(os.environ.get("TESTS_SHARED") or tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="session")
def environment(shared: Path) -> Callable[[str], Synthesized]:
    """Environments by name, each synthesized once in a run, by whichever process asks first."""

    @cache
    def make(name: str) -> Synthesized:
        made = shared / f"{name}.pickle"
        with alone(shared / f"{name}.lock"):
            if not made.exists():
                made.write_bytes(pickle.dumps(Synthesized(name, shared / name)))
        found: Synthesized = pickle.loads(made.read_bytes())  # noqa: S301 - written by this run
        return found

    return make


@pytest.fixture(scope="session")
def reference(environment: Callable[[str], Synthesized]) -> Synthesized:
    """The environment with everything on."""
    return environment("reference")
