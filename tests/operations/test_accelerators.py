"""The catalogue's file is what its command writes, and the command that proposes types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operations import accelerators, choose


def test_the_committed_file_is_what_the_command_writes() -> None:
    text = accelerators.FILE.read_text(encoding="utf-8")
    content = json.loads(text)
    spoilt = {**content, "types": {name: {"usd_per_hour": t["usd_per_hour"]} for name, t in content["types"].items()}}
    assert accelerators.render(accelerators.refresh(spoilt, live=False)) == text


def test_a_price_is_read_from_the_price_list() -> None:
    class Pricing:
        def __init__(self, amount: str | None) -> None:
            self.amount = amount

        def get_products(self, *, ServiceCode: str, Filters: list[dict[str, str]]) -> dict[str, Any]:
            assert ServiceCode == "AmazonEC2"
            assert {"Type": "TERM_MATCH", "Field": "instanceType", "Value": "g6.xlarge"} in Filters
            if self.amount is None:
                return {"PriceList": []}
            term = {"priceDimensions": {"d": {"unit": "Hrs", "pricePerUnit": {"USD": self.amount}}}}
            return {"PriceList": [json.dumps({"product": {}, "terms": {"OnDemand": {"t": term}}})]}

    assert accelerators.price(Pricing("0.8048000000"), "g6.xlarge") == pytest.approx(0.8048)
    assert accelerators.price(Pricing("0.0000000000"), "g6.xlarge") is None
    assert accelerators.price(Pricing(None), "g6.xlarge") is None


def test_without_credentials_live_ends_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    before = accelerators.FILE.read_text(encoding="utf-8")
    assert accelerators.main(["--live"]) == 2
    assert "Sign in, or omit --live" in capsys.readouterr().err
    assert accelerators.FILE.read_text(encoding="utf-8") == before


def test_choose_prints_types_or_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose.main(["--parameters", "8e9", "--region", "us-east-1"]) == 0
    shown = capsys.readouterr().out
    assert "inf2.xlarge" in shown
    assert "g6.xlarge" in shown
    assert choose.main(["--parameters", "8e9", "--region", "eu-cental-1"]) == 2
    refused = capsys.readouterr()
    assert refused.err == "eu-cental-1 is not an AWS Region. Did you mean eu-central-1?\n"
    assert refused.out == ""
    assert choose.main(["--parameters", "1e14"]) == 2
    failed = capsys.readouterr()
    assert "fit no single instance" in failed.err
    assert failed.out == ""
