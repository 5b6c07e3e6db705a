"""Hosting prices of SageMaker, from the AWS Price List API if there are credentials.

Prices are cached for a day in the user's cache. Without credentials, or if AWS does not respond quickly, EC2's price of
the same hardware is used, and the table says so.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from settings.disk import replace

#: The API has endpoints in few Regions, and prices for all: api-pricing.html#service-endpoints
_ENDPOINT = "us-east-1"
_DAY = 86_400
_SECONDS = 3


def cache() -> Path:
    """The folder of cached prices."""
    return Path.home() / ".cache" / "aws-genai" / "hosting-prices.json"


def hosting_prices(types: Iterable[str], region: str) -> dict[str, float]:
    """Hosting prices in US dollars per hour, by instance type; empty without credentials."""
    wanted = sorted(set(types))
    known = _kept(region)
    missing = [each for each in wanted if each not in known]
    if missing:
        client = _client()
        if client is None:
            return {each: known[each] for each in wanted if each in known}
        found = {each: price for each in missing if (price := _ask(client, each, region)) is not None}
        known |= found
        _keep(region, known)
    return {each: known[each] for each in wanted if each in known}


def _client() -> Any:  # noqa: ANN401 - boto3 has no types
    """A client with short timeouts; None without credentials."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session()
        # Instance metadata is not queried for credentials: that takes seconds outside of EC2.
        session._session.get_component("credential_provider").remove("iam-role")
        if session.get_credentials() is None:
            return None
        limits = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
        return session.client("pricing", region_name=_ENDPOINT, config=limits)
    except BotoCoreError:
        return None


def _ask(client: Any, instance_type: str, region: str) -> float | None:  # noqa: ANN401
    from botocore.exceptions import BotoCoreError, ClientError

    filters = {"instanceName": instance_type, "regionCode": region, "component": "Hosting"}
    try:
        answer = client.get_products(
            ServiceCode="AmazonSageMaker",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
            FormatVersion="aws_v1",
        )
    except (BotoCoreError, ClientError):
        return None
    prices = [price for product in answer["PriceList"] for price in _on_demand(json.loads(product))]
    return min(prices) if prices else None


def _on_demand(product: Mapping[str, Any]) -> Iterable[float]:
    """The hourly On-Demand prices of a product that are not zero."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0))
            if usd and dimension["unit"].lower().startswith("h"):
                yield usd


def _kept(region: str) -> dict[str, float]:
    try:
        content = json.loads(cache().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    fresh = content.get("region") == region and time.time() - content.get("at", 0) < _DAY
    return dict(content["prices"]) if fresh else {}


def _keep(region: str, prices: Mapping[str, float]) -> None:
    try:
        cache().parent.mkdir(parents=True, exist_ok=True)
        replace(cache(), json.dumps({"region": region, "at": time.time(), "prices": prices}))
    except OSError:
        return
