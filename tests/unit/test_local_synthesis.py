"""The local account's stacks are synthesized when something that they are made of has changed, and not else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from local import cdk
from local.home import Home, LocalError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose app writes one file, and fails if its settings say so."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "local.yaml").write_text("works: true\n")
    (tmp_path / "app.py").write_text(
        "import os, pathlib, sys\n"
        "settings = pathlib.Path('config/local.yaml').read_text()\n"
        "sys.exit('refused') if 'false' in settings else None\n"
        "out = pathlib.Path(os.environ['CDK_OUTDIR'])\n"
        "out.mkdir(parents=True, exist_ok=True)\n"
        "(out / 'manifest.json').write_text(settings)\n"
    )
    monkeypatch.setattr(cdk, "ROOT", tmp_path)
    monkeypatch.setattr(cdk, "SOURCES", ("app.py", "config"))
    return tmp_path


def synthesized(home: Home, environment: str = "local") -> bool:
    """Whether a synthesis was made."""
    process = cdk.synthesize(home, environment)
    cdk.finish(home, process)
    return process is not None


def test_an_unchanged_project_is_synthesized_once(project: Path) -> None:
    home = Home(project / "home")
    assert [synthesized(home), synthesized(home)] == [True, False]


@pytest.mark.parametrize("change", ["settings", "code", "new file", "environment", "another day", "packages"])
def test_whatever_changes_is_synthesized_anew(project: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    home, environment = Home(project / "home"), "local"
    assert synthesized(home)
    if change == "settings":
        (project / "config" / "local.yaml").write_text("works: yes\n")
    if change == "code":
        with (project / "app.py").open("a") as app:
            app.write("# changed\n")
    if change == "new file":
        (project / "config" / "other.yaml").touch()
    if change == "environment":
        environment = "dev"
    if change == "another day":
        home.write(cdk._note(home), {**home.read(cdk._note(home)), "day": "2026-01-01"})
    if change == "packages":
        monkeypatch.setattr(cdk, "distributions", lambda: [])
    assert [synthesized(home, environment), synthesized(home, environment)] == [True, False]


def test_a_synthesis_that_failed_or_was_cut_off_is_made_again(project: Path) -> None:
    home, settings = Home(project / "home"), project / "config" / "local.yaml"
    assert synthesized(home)
    settings.write_text("works: false\n")
    with pytest.raises(LocalError, match="refused"):
        synthesized(home)
    # The folder holds what was made before, or half of what came after.
    settings.write_text("works: true\n")
    running = cdk.synthesize(home, "local")
    assert running is not None
    running.kill()
    running.wait(timeout=10)
    assert synthesized(home)


def test_a_change_during_a_synthesis_is_not_lost(project: Path) -> None:
    home = Home(project / "home")
    running = cdk.synthesize(home, "local")
    (project / "config" / "local.yaml").write_text("works: yes\n")
    cdk.finish(home, running)
    assert synthesized(home)


def test_every_folder_that_a_synthesis_reads_is_looked_at() -> None:
    """What Python imports for ``app.py`` of this project lies in the sources."""
    program = (
        "import sys; sys.argv = ['app.py']; import app, stacks, settings, aws_genai.gate, aws_genai.packaging.dependencies\n"
        "print(*(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None)), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cdk.ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    own = {Path(each) for each in done.stdout.splitlines() if Path(each).is_relative_to(cdk.ROOT)}
    own = {each for each in own if ".venv" not in each.parts}
    assert len(own) > 50
    assert own <= set(cdk._sources())
