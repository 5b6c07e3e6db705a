"""The catalogue of Bedrock models is rewritten from what AWS and price lists say, and from nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from operations import bedrock_models


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "bedrock_models.json"
    copy.write_bytes(bedrock_models.FILE.read_bytes())
    monkeypatch.setattr(bedrock_models, "FILE", copy)
    return copy


def test_the_shipped_file_is_what_the_command_writes(file: Path) -> None:
    before = file.read_bytes()
    assert bedrock_models.main([]) == 0
    assert file.read_bytes() == before


def test_a_list_of_prices_brings_models_and_leaves_out_what_is_not_known(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = {"mode": "chat", "in_region": True, "price": {"input": 1.5, "output": 2, "batch_input": 0.7}}
    listed = {
        "source": "a list",
        "models": {
            "some.new-v1:0": whole,
            "some.odd-v1:0": {"price": {"input": 1}},
            "some.none-v1:0": {"mode": "chat"},
        },
    }
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(listed))
    assert bedrock_models.main(["--prices", str(prices)]) == 0
    content = json.loads(file.read_text())
    assert content["models"] == {
        "some.new-v1:0": {
            "mode": "chat",
            "in_region": True,
            "usd_per_million_input_tokens": 1.5,
            "usd_per_million_output_tokens": 2,
            "usd_per_million_batch_input_tokens": 0.7,
        }
    }
    told = capsys.readouterr().err
    assert "left out: some.odd-v1:0: its purpose is unknown" in told
    assert "left out: some.none-v1:0: it is available neither in a Region" in told


@pytest.mark.parametrize("text", ["{", "{}", '{"models": {}}'])
def test_an_unreadable_list_writes_nothing(
    file: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, prices = file.read_bytes(), tmp_path / "prices.json"
    prices.write_text(text)
    assert bedrock_models.main(["--prices", str(prices)]) == 2
    assert "Nothing was written" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_what_bedrock_says_of_regions_routes_and_lifetimes_is_kept() -> None:
    content = {"models": {"amazon.nova-lite-v1:0": {"mode": "chat"}, "amazon.other-v1:0": {"mode": "chat"}}}
    summary: dict[str, Any] = {
        "modelId": "amazon.nova-lite-v1:0",
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"endOfLifeTime": datetime(2027, 5, 1, tzinfo=UTC)},
    }
    through = {**summary, "inferenceTypesSupported": ["INFERENCE_PROFILE"]}

    def arn(region: str) -> dict[str, str]:
        return {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/amazon.nova-lite-v1:0"}

    profile = {"inferenceProfileId": "us.amazon.nova-lite-v1:0", "models": [arn("us-east-1"), arn("us-west-2")]}
    everywhere = {"inferenceProfileId": "global.amazon.nova-lite-v1:0", "models": [arn(""), arn("us-east-1")]}
    made = bedrock_models.merged(
        content,
        {"us-east-1": [summary], "us-west-2": [through], "us-west-1": [{"modelId": "amazon.unheard-v1:0"}]},
        {"us-east-1": [profile, everywhere], "us-east-2": [profile]},
    )["models"]
    assert made["amazon.nova-lite-v1:0"] == {
        "mode": "chat",
        "regions": ["us-east-1"],
        "end_of_life": "2027-05-01",
        "in_region": True,
        "inference_profiles": ["global.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"],
        "routes": {
            "us.amazon.nova-lite-v1:0": [{"from": ["us-east-1", "us-east-2"], "to": ["us-east-1", "us-west-2"]}]
        },
    }
    assert made["amazon.other-v1:0"]["in_region"] is False


def test_an_end_of_life_that_differs_by_region_is_told_apart() -> None:
    def summary(**lifecycle: Any) -> dict[str, Any]:
        return {"modelId": "a.b-v1:0", "inferenceTypesSupported": ["ON_DEMAND"], "modelLifecycle": lifecycle}

    content = {"models": {"a.b-v1:0": {"mode": "chat", "end_of_life": "2026-01-01"}}}
    ends = summary(endOfLifeTime=datetime(2027, 5, 1, tzinfo=UTC))
    made = bedrock_models.merged(content, {"us-east-1": [ends], "us-west-2": [summary()]}, {})["models"]["a.b-v1:0"]
    assert made["end_of_life_by_region"] == {"us-east-1": "2027-05-01"}
    assert "end_of_life" not in made
    everywhere = bedrock_models.merged(content, {"us-east-1": [ends], "us-west-2": [ends]}, {})["models"]["a.b-v1:0"]
    assert everywhere["end_of_life"] == "2027-05-01"
    untold = bedrock_models.merged(content, {"us-east-1": [summary()]}, {})["models"]["a.b-v1:0"]
    assert untold["end_of_life"] == "2026-01-01"


def test_a_table_of_regions_says_where_models_are_and_a_list_of_prices_keeps_that(file: Path, tmp_path: Path) -> None:
    way = {"us-east-1": ["us-west-2", "us-east-1"], "us-west-2": ["us-east-1", "us-west-2"], "us-west-1": None}
    told = {
        "on_demand_regions": ["us-west-2", "us-east-1"],
        "profiles": {
            "us.amazon.nova-lite-v1:0": {"sources": list(way), "destinations": way},
            "global.amazon.nova-lite-v1:0": {"sources": ["us-east-1"], "destinations": ["us-east-1"]},
            "us-gov.amazon.nova-lite-v1:0": {"sources": ["us-gov-west-1"], "destinations": None},
        },
        "lifecycle": {
            "eol_date": None,
            "region_groups": [
                {"regions": ["us-east-1"], "eol_date": "2026-07-30"},
                {"regions": ["us-west-2"], "eol_date": None},
            ],
        },
    }
    unknown = {"on_demand_regions": None, "profiles": {}, "lifecycle": None}
    table = tmp_path / "regions.json"
    sources = {"api-bm": {"what": "a dump", "url": "https://example.com", "date": "2026-11-01"}}
    models = {"amazon.nova-lite-v1:0": told, "amazon.nova-micro-v1:0": unknown, "some.unheard-v1:0": told}
    table.write_text(json.dumps({"read": "2026-11-25", "sources": sources, "models": models}))
    assert bedrock_models.main(["--regions", str(table)]) == 0
    content = json.loads(file.read_text())
    assert content["regions_retrieved"] == "2026-11-25"
    assert "a dump, https://example.com, 2026-11-01" in content["regions_source"]
    lite, micro = content["models"]["amazon.nova-lite-v1:0"], content["models"]["amazon.nova-micro-v1:0"]
    assert lite["regions"] == ["us-east-1", "us-west-2"]
    assert lite["routes"]["us.amazon.nova-lite-v1:0"] == [
        {"from": ["us-east-1", "us-west-2"], "to": ["us-east-1", "us-west-2"]}
    ]
    assert set(lite["routes"]) == {"us.amazon.nova-lite-v1:0"}
    assert lite["end_of_life_by_region"] == {"us-east-1": "2026-07-30"}
    assert "us-gov.amazon.nova-lite-v1:0" in lite["inference_profiles"]
    assert not {"regions", "in_region", "routes"} & set(micro)
    assert "some.unheard-v1:0" not in content["models"]

    listed = {"mode": "chat", "in_region": False, "inference_profiles": ["eu.amazon.nova-lite-v1:0"], "price": {}}
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"source": "a list", "models": {"amazon.nova-lite-v1:0": listed}}))
    assert bedrock_models.main(["--prices", str(prices)]) == 0
    after = json.loads(file.read_text())["models"]["amazon.nova-lite-v1:0"]
    assert after["in_region"] is True
    assert after["routes"] == lite["routes"]
    assert {"eu.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"} <= set(after["inference_profiles"])
