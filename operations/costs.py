"""Idle cost of a template: its cost per month without any request.

Prices are list prices of us-east-1, without free tiers. Charges by use (tokens, requests, gigabytes) are not included.
The prices and their sources are in the library's ``data/prices.json``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws_genai.data import load
from aws_genai.data.accelerators import AcceleratorCatalogue

from .warm_costs import Resources, warm_instances


@dataclass(frozen=True)
class Cost:
    """One line of the costs; ``estimated`` if AWS's price is not known offline."""

    what: str
    count: int
    usd_per_month: float
    estimated: bool = False


def idle(template: dict[str, Any], hosting: Mapping[str, float] | None = None) -> list[Cost]:
    """Costs of the template's resources per month while idle, the most expensive first.

    :param hosting: hosting prices of SageMaker by instance type. Default: EC2's prices, as an estimate.
    """
    lines: dict[str, Cost] = {}
    for cost in _costs(template.get("Resources", {}), hosting or {}):
        before = lines.get(cost.what, Cost(cost.what, 0, 0))
        lines[cost.what] = Cost(
            cost.what, before.count + cost.count, before.usd_per_month + cost.usd_per_month, cost.estimated
        )
    return sorted(lines.values(), key=lambda cost: -cost.usd_per_month)


def _costs(resources: Resources, hosting: Mapping[str, float]) -> Iterator[Cost]:
    for resource in resources.values():
        yield from _resource(resource["Type"], resource.get("Properties", {}), hosting)
    hours = load("prices")["hours_per_month"]
    for kind, mean in warm_instances(resources):
        for cost in _machines(kind, 1, hours, hosting):
            yield Cost(f"{cost.what}, in warm hours", 1, cost.usd_per_month * mean, cost.estimated)


def _resource(kind: str, properties: dict[str, Any], hosting: Mapping[str, float]) -> Iterator[Cost]:
    data = load("prices")
    prices, hours = data["prices"].get(kind), data["hours_per_month"]
    match kind:
        case "AWS::KMS::Key":
            yield Cost("KMS key", 1, prices["usd_per_month"])
        case "AWS::EC2::VPCEndpoint" if properties.get("VpcEndpointType") == "Interface":
            zones = len(properties["SubnetIds"])
            yield Cost("interface endpoint, per zone", zones, zones * hours * prices["usd_per_hour_per_zone"])
        case "AWS::WAFv2::WebACL":
            rules = len(properties["Rules"])
            yield Cost("web ACL", 1, prices["usd_per_month"])
            yield Cost("web ACL rule", rules, rules * prices["usd_per_month_per_rule"])
            if "AWSManagedRulesBotControlRuleSet" in str(properties["Rules"]):
                # Its monthly fee is charged beside that of the rule.
                yield Cost("WAF Bot Control, price not known", 1, 0, estimated=True)
        case "AWS::SecretsManager::Secret":
            yield Cost("secret, price not known", 1, 0, estimated=True)
        case "AWS::CloudWatch::Alarm":
            # An alarm on a metric math expression is billed for each metric in it.
            metrics = sum("MetricStat" in query for query in properties.get("Metrics", [])) or 1
            yield Cost("alarm", 1, metrics * prices["usd_per_month"])
        case "AWS::CloudWatch::Dashboard":
            yield Cost("dashboard", 1, prices["usd_per_month"])
        case "AWS::FSx::FileSystem":
            size, speed = properties["StorageCapacity"], properties["LustreConfiguration"]["PerUnitStorageThroughput"]
            # Only the price of the slowest storage is known offline. It is a lower bound for faster storage.
            usd = size * prices["usd_per_gb_month_at_125"]
            what = f"{size:,} GiB of FSx for Lustre" + ("" if speed == 125 else ", at 125 MB/s's price")
            yield Cost(what, 1, usd, estimated=speed != 125)
        case "AWS::SageMaker::EndpointConfig":
            if "AsyncInferenceConfig" in properties:
                # It scales in to zero instances, regardless of the initial number.
                return
            for variant in (*properties["ProductionVariants"], *properties.get("ShadowProductionVariants", ())):
                # Managed instance scaling scales in to its minimum; without it, the initial number of instances stays.
                least = variant.get("ManagedInstanceScaling", {}).get(
                    "MinInstanceCount", variant["InitialInstanceCount"]
                )
                if least:
                    yield from _machines(variant["InstanceType"], least, hours, hosting)
        case "AWS::CloudFormation::CustomResource" if "UsdPerUnitHour" in properties:
            units, usd = int(properties["Units"]), float(properties["UsdPerUnitHour"])
            yield Cost("model unit, at the settings' price", units, units * hours * usd)
        case "AWS::OpenSearchServerless::Collection":
            yield Cost("OpenSearch Serverless collection, price not known", 1, 0, estimated=True)
        case "AWS::SageMaker::Cluster":
            for group in properties["InstanceGroups"]:
                yield from _machines(group["InstanceType"], group["InstanceCount"], hours)
        case _:
            return


def hosted_types(template: dict[str, Any]) -> set[str]:
    """The SageMaker instance types of the endpoints of a template."""
    return {
        variant["InstanceType"]
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == "AWS::SageMaker::EndpointConfig"
        for name in ("ProductionVariants", "ShadowProductionVariants")
        for variant in resource["Properties"].get(name, ())
    }


def _machines(kind: str, count: int, hours: int, hosting: Mapping[str, float] | None = None) -> Iterator[Cost]:
    if hosting and kind in hosting:
        yield Cost(f"{kind}, at SageMaker's price", count, count * hours * hosting[kind])
        return
    # SageMaker's price is not known offline. EC2's price of the same hardware is a lower bound.
    catalogue, name = AcceleratorCatalogue.default(), kind.removeprefix("ml.")
    hourly = catalogue.get(name).usd_per_hour if name in catalogue else None
    if hourly is None:
        yield Cost(f"{kind}, price not known", count, 0, estimated=True)
    else:
        yield Cost(f"{kind}, at EC2's price", count, count * hours * hourly, estimated=True)
