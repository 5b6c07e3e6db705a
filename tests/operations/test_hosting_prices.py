"""SageMaker's own prices: asked for with credentials only, kept for a day, and never waited for."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from rich.console import Console

from operations import hosting_prices as prices
from operations.costs import hosted_types, idle
from operations.summary import render
from tests.conftest import Synthesized

KIND = "ml.g5.12xlarge"


def product(usd: str, unit: str = "Hrs") -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return json.dumps({"terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}})


class Client:
    """The Price List API, which may not answer."""

    def __init__(self, *products: str, error: Exception | None = None) -> None:
        self.products, self.error, self.asked = products, error, 0

    def get_products(self, **request: Any) -> dict[str, Any]:
        self.asked += 1
        assert request["ServiceCode"] == "AmazonSageMaker"
        if self.error:
            raise self.error
        return {"PriceList": list(self.products)}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "cache" / "prices.json"
    monkeypatch.setattr(prices, "cache", lambda: file)
    return file


def test_the_request_is_one_that_the_api_takes() -> None:
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")  # noqa: S106 - a stub
    with Stubber(client) as stub:
        stub.add_response("get_products", {"FormatVersion": "aws_v1", "PriceList": [product("7.09")]})
        assert prices._ask(client, KIND, "us-east-1") == 7.09


def test_prices_are_kept_for_a_day(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    client = Client(product("0"), product("7.09"), product("3", unit="GB"))
    monkeypatch.setattr(prices, "_client", lambda: client)
    assert prices.hosting_prices([KIND, KIND], "us-east-1") == {KIND: 7.09}
    assert prices.hosting_prices([KIND], "us-east-1") == {KIND: 7.09}
    assert client.asked == 1
    prices.hosting_prices([KIND], "eu-west-1")
    assert client.asked == 2
    home.write_text(json.dumps({**json.loads(home.read_text()), "at": time.time() - 90_000}))
    prices.hosting_prices([KIND], "eu-west-1")
    assert client.asked == 3


@pytest.mark.parametrize(
    "client",
    [None, Client(), Client(error=EndpointConnectionError(endpoint_url="https://pricing"))],
    ids=["nobody signed in", "no price", "no answer"],
)
def test_without_an_answer_there_is_no_price(monkeypatch: pytest.MonkeyPatch, client: Client | None) -> None:
    monkeypatch.setattr(prices, "_client", lambda: client)
    assert prices.hosting_prices([KIND], "us-east-1") == {}


def test_a_spoilt_cache_is_asked_anew(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    home.parent.mkdir()
    home.write_text("{")
    monkeypatch.setattr(prices, "_client", lambda: Client(product("7.09")))
    assert prices.hosting_prices([KIND], "us-east-1") == {KIND: 7.09}


def test_nobody_signed_in_is_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    started = time.monotonic()
    assert prices._client() is None
    assert time.monotonic() - started < 2


def test_the_table_says_which_price_it_is(reference: Synthesized) -> None:
    template = reference.template("hosting")
    assert KIND in hosted_types(template)
    estimated = {cost.what: cost for cost in idle(template)}
    assert estimated[f"{KIND}, at EC2's price"].estimated
    known = {cost.what: cost for cost in idle(template, {KIND: 7.0})}
    line = known[f"{KIND}, at SageMaker's price"]
    assert not line.estimated
    assert line.usd_per_month == line.count * 7.0 * 730
    shown = io.StringIO()
    render(reference.settings, reference.folder, Console(file=shown, width=160), {KIND: 7.0})
    assert "SageMaker's own of us-east-1 by the AWS Price List API" in shown.getvalue()
    assert "training support, ml.g5.12xlarge" in shown.getvalue()
