"""What make demo shows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
import yaml
from rich.console import Console

from local import demo
from local.home import LocalError
from settings import load

from .conftest import Local

SCRIPT = yaml.safe_load(demo.SCRIPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shown(local: Local) -> Iterator[str]:
    local.home.write(local.home.model, {"quotes": True})
    console = Console(file=io.StringIO(), width=200)
    demo.Tour(local.home, local.account, load("local"), console).run()
    yield console.file.getvalue()  # type: ignore[attr-defined]
    local.answers_by(local.model_url)
    bucket = local.resource("models", "AWS::S3::Bucket", "handbookknowledgeBucket")
    for name in demo.documents():
        local.client("s3").delete_object(Bucket=bucket, Key=f"incoming/{name}")


def answers(shown: str) -> list[str]:
    """What was shown of each question, in their order."""
    return re.split(r"^(?=(?:staff|hr)> )", shown, flags=re.M)[1:]


def test_each_question_is_answered_from_what_its_asker_may_read(shown: str) -> None:
    for each, told in zip(SCRIPT["questions"], answers(shown), strict=True):
        assert told.startswith(f"{each['groups'][0]}> {each['ask']}\n")
        assert ("refused, 403 input_blocked" in told) == each.get("blocked", False), told
        sources = re.findall(r"^  from (.*)$", told, flags=re.M)
        assert all(name in sources[0] for name in each.get("sources", [])[:1]), told
        assert not any(name in sources[0] for name in each.get("never", [])), told


def test_most_questions_are_answered_with_what_they_ask_for(shown: str) -> None:
    asked = [(each, told) for each, told in zip(SCRIPT["questions"], answers(shown), strict=True) if "mentions" in each]
    right = [each["ask"] for each, told in asked if all(word in told for word in each["mentions"])]
    assert len(right) >= 6, right


def test_the_poisoned_document_is_in_quarantine_with_its_reason(shown: str) -> None:
    number = len(demo.documents())
    assert f"{number} documents go to s3://" in shown
    assert re.search(
        rf"{number - 1} can be asked about after \d+ s; 1 in quarantine:\n  {SCRIPT['poisoned']}: \w", shown
    )


def test_models_are_compared_and_costs_are_told(shown: str) -> None:
    assert re.search(r"us.amazon.nova-lite-v1:0 +amazon.nova-micro-v1:0 +threshold", shown)
    assert re.search(r"Correctness +[\d.]+ +[\d.]+", shown)
    assert "The run passed." in shown
    assert re.search(r"[\d,]+ \+ [\d,]+ tokens of us.amazon.nova-lite-v1:0 +│ +0\.0\d+ ", shown)
    assert re.search(r"genai-local-models +│ +[\d,]+\.\d\d +│ a month, idle", shown)


def test_settings_without_documents_are_told(local: Local) -> None:
    settings = load("local")
    assert settings.models is not None
    bare = settings.model_copy(update={"models": settings.models.model_copy(update={"knowledge": {}})})
    with pytest.raises(LocalError, match=r"have no models\.knowledge"):
        demo.Tour(local.home, local.account, bare, Console(file=io.StringIO())).run()
