"""The entry: exit codes, messages, an untouched output folder, and the same bytes every time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Synthesized


def run(environment: str, out: Path, root: Path = ROOT, **context: object) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps({"environment": environment, **context}),
        "CDK_OUTDIR": str(out),
    }
    return subprocess.run(
        [sys.executable, str(root / "app.py")],
        cwd=out.parent,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def templates(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.template.json")}


def test_two_syntheses_are_byte_identical(reference: Synthesized, tmp_path: Path) -> None:
    done = run("reference", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert templates(tmp_path / "out") == templates(reference.folder)


def test_a_mistake_in_the_settings_exits_with_2_and_leaves_the_output_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("kept")
    done = run("nowhere", out)
    assert done.returncode == 2
    assert done.stderr.startswith("config/nowhere.yaml: there is no such environment")
    assert "Traceback" not in done.stderr
    assert [path.name for path in out.iterdir()] == ["old"]


def test_a_finding_exits_with_1_and_says_where_why_and_how(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("settings", "stacks", "config", "cdk.json"):
        (project / name).symlink_to(ROOT / name)
    entry = (ROOT / "app.py").read_text(encoding="utf-8")
    planted = (
        "assemble(app, settings)\n"
        "        import aws_cdk.aws_s3 as s3; s3.CfnBucket(app.node.find_child('models'), 'Open')"
    )
    (project / "app.py").write_text(entry.replace("assemble(app, settings)", planted), encoding="utf-8")
    done = run("dev", tmp_path / "out", project)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "GENAI_NO_PUBLIC_WEIGHTS" in done.stderr
    assert re.search(r"at +models/Open\n +from +stacks\.models\.ModelsStack", done.stderr)
    assert "Fix:" in done.stderr


def test_app_is_short() -> None:
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 60


def test_source_root_shadows_nothing() -> None:
    assert not (ROOT / "constructs" / "__init__.py").exists()
    import constructs

    assert "site-packages" in str(constructs.__file__)


@pytest.mark.parametrize(
    "verb", ["synth", "diff", "deploy", "bootstrap", "test", "check", "unit", "coverage", "bench", "snapshots"]
)
def test_make_lists_its_verbs(verb: str) -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert re.search(rf"^{verb} +\S", done.stdout, re.MULTILINE)


def test_cdk_command_lists_the_stacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "node_modules" / ".bin" / "cdk"), "ls", "--output", str(tmp_path), "-c", "environment=prod"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "foundation",
        "(genai-prod-foundation)",
        "models",
        "(genai-prod-models)",
        "hosting",
        "(genai-prod-hosting)",
        "application",
        "(genai-prod-application)",
    ]
