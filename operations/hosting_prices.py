"""SageMaker's own hosting prices, from the AWS Price List API where there are credentials.

Prices are kept for a day in the user's cache. Without credentials, or if AWS does not answer at once, the price of
the same hardware at EC2 stands in, and the table says so.
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/price-changes.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from settings.disk import replace

#: The API has an endpoint in few Regions, and prices of all: api-pricing.html#service-endpoints
_ENDPOINT = "us-east-1"
_DAY = 86_400
_SECONDS = 3


def cache() -> Path:
    """Where prices are kept."""
    return Path.home() / ".cache" / "aws-genai" / "hosting-prices.json"


def hosting_prices(types: Iterable[str], region: str) -> dict[str, float]:
    """US dollars an hour of each type that AWS tells a hosting price for; nothing without credentials."""
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
    """A client that gives up soon; None without credentials."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session()
        # Credentials of an instance are not looked for: that takes seconds where there is none.
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
    """The hourly prices of a product that are more than nothing."""
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
