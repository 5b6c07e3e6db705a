"""Two models are asked the same questions, judged, and shown side by side; too bad an answer fails the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operations import evaluate as operation
from operations.evaluate import evaluate
from settings import load
from tests.conftest import ROOT

from .conftest import Local

LINE = "  evaluations:\n"
MODELS = "models: [us.amazon.nova-lite-v1:0, amazon.nova-micro-v1:0]"
JUDGED = "judge: {model: us.amazon.nova-lite-v1:0, metrics: [Correctness]}"


def settings_of(tmp_path: Path, text: str) -> Any:
    folder = tmp_path / "config"
    folder.mkdir(exist_ok=True)
    whole = (ROOT / "config" / "local.yaml").read_text(encoding="utf-8").replace(LINE, LINE + text)
    (folder / "local.yaml").write_text(whole, encoding="utf-8")
    return load("local", folder)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    # The account's model answers with what it was asked.
    lines = [{"prompt": f"Question {n}?", "referenceResponse": f"tiny heard: Question {n}?"} for n in range(5)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


class Session:
    def __init__(self, local: Local) -> None:
        self._local = local

    def client(self, service: str) -> Any:
        return self._local.client(service)


def test_two_models_are_compared_and_a_threshold_fails_the_run(
    local: Local, variant: Callable[..., Path], questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "_SECONDS", 0.5)
    good = f"    both: {{{MODELS}, {JUDGED}, thresholds: {{f1: 0.1, Correctness: 0.5}}}}\n"
    high = good.replace("f1: 0.1", "usd_per_answer: 0")
    try:
        local.deploy(variant(LINE, LINE + good))
        passed, report = evaluate(Session(local), settings_of(tmp_path, good), "both", questions)
        assert passed
        header = next(line for line in report.splitlines() if "nova-micro" in line)
        assert "us.amazon.nova-lite-v1:0 | amazon.nova-micro-v1:0" in header
        rows = {line.split("|")[1].strip(): line for line in report.splitlines() if line.startswith("| ")}
        assert {"Correctness", "f1", "Latency, median (ms)", "USD per answer", "Blocked (%)"} <= rows.keys()
        assert [cell.strip() for cell in rows["Correctness"].split("|")[2:4]] == ["1", "1"]
        local.deploy(variant(LINE, LINE + high))
        passed, report = evaluate(Session(local), settings_of(tmp_path, high), "both", None)
        assert not passed
        assert "usd_per_answer of us.amazon.nova-lite-v1:0 is" in report
    finally:
        local.deploy(variant())
