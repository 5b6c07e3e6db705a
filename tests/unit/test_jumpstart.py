"""Every JumpStart model of the catalogue is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aws_genai.data import load
from aws_genai.data.jumpstart import JumpStartCatalogue
from operations import models

NAMES = JumpStartCatalogue.names()
CONTENT = load("models.lock")


def test_there_are_many_of_every_kind() -> None:
    assert len(NAMES) >= 100
    tasks = {JumpStartCatalogue.get(name).task for name in NAMES}
    assert {"text", "embedding", "image", "speech", "vision"} <= tasks
    families = (
        "llama-3",
        "mistral",
        "qwen2",
        "deepseek",
        "gemma",
        "phi-3",
        "falcon",
        "stable-diffusion",
        "whisper",
        "bge",
        "e5",
    )
    for family in families:
        assert any(family in name for name in NAMES), family
    assert any(name.startswith("huggingface-txt2imgneuron") for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_satisfies_every_check(name: str) -> None:
    assert list(models.problems(name, CONTENT["models"][name], CONTENT)) == []


def spoilt(**changed: Any) -> list[str]:
    entry = {**CONTENT["models"]["huggingface-sentencesimilarity-bge-m3"], **changed}
    return list(models.problems("huggingface-sentencesimilarity-bge-m3", entry, CONTENT))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"default_instance_type": "ml.g6.48xlarge"}, "is not among the types"),
        ({"images": {}}, "no image for ml."),
        ({"regions": "r99"}, "it is available in no Region"),
        ({"supported_instance_types": []}, "has the memory for it"),
        ({"parameters": 900e9}, "it does not fit ml."),
        ({"gated": True, "eula": None}, "license agreement is unknown"),
        ({"environment": {"WORKERS": 1}}, "is not text"),
        (
            {"images": dict.fromkeys(("g4dn", "g5", "g6", "g6e", "p4d", "p5"), "unknown:1")},
            "no registry has unknown:1",
        ),
    ],
)
def test_an_entry_that_is_wrong_cannot_be_committed(changed: dict[str, Any], told: str) -> None:
    assert any(told in problem for problem in spoilt(**changed)), spoilt(**changed)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("meta-textgeneration-llama-3-1-70b-instruct", 70e9),
        ("meta-textgeneration-llama-3-8b", 8e9),
        ("huggingface-llm-qwen2-0-5b-instruct", 0.5e9),
        ("deepseek-llm-r1-distill-qwen-1-5b", 1.5e9),
        ("meta-tc-llama-prompt-guard-86m", 86e6),
        ("huggingface-llm-mixtral-8x7b-instruct", None),
        ("huggingface-llm-phi-2", None),
    ],
)
def test_the_size_is_read_from_the_id(name: str, size: float | None) -> None:
    assert models.parameters(name) == size


def test_the_command_rewrites_what_is_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "models.lock.json"
    copy.write_text(models.FILE.read_text())
    monkeypatch.setattr(models, "FILE", copy)
    content = json.loads(copy.read_text())
    content["models"]["huggingface-llm-phi-2"]["images"] = {}
    assert models.main([]) == 0
    assert (
        copy.read_text() == Path(__file__).parents[2].joinpath("constructs/aws_genai/data/models.lock.json").read_text()
    )
    copy.write_text(models.render(content))
    assert models.main([]) == 0
    assert "left out: huggingface-llm-phi-2: no image" in capsys.readouterr().err
    assert "huggingface-llm-phi-2" not in json.loads(copy.read_text())["models"]
    before = copy.read_text()
    assert models.main(["--manifest", str(tmp_path / "absent.json")]) == 2
    assert copy.read_text() == before


def test_a_document_of_the_hub_changes_an_entry() -> None:
    before = CONTENT["models"]["huggingface-sentencesimilarity-bge-m3"]
    document = {
        "DefaultInferenceInstanceType": "ml.g6.xlarge",
        "SupportedInferenceInstanceTypes": ["ml.g6.xlarge", "ml.p3.2xlarge"],
        "InferenceEnvironmentVariables": [{"Name": "WORKERS", "Default": 2}, {"Name": "TOKEN", "Default": None}],
        "HostingArtifactUri": "s3://jumpstart-cache-prod-us-east-1/bge/v9/",
    }
    after = models.from_document(before, {"HubContentVersion": "9.0.0", "HubContentDocument": json.dumps(document)})
    assert after["version"] == "9.0.0"
    assert after["default_instance_type"] == "ml.g6.xlarge"
    assert after["supported_instance_types"] == ["ml.g6.xlarge"], "Xen has no place here"
    assert after["environment"] == {"WORKERS": "2"}
    assert after["artifact"] == "bge/v9/"
