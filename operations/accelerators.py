"""Update the catalog of accelerated instance types: ``make accelerators``.

By default, the facts come from the EC2 responses that are recorded in moto, which contributors have installed. No
credentials are needed. With ``--live``, they come from EC2 and the AWS Price List API.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

from settings import told
from settings.disk import replace

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "accelerators.json"
REGION = "us-east-1"
#: The Price List API has endpoints in three Regions only:
#: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
PRICE_API_REGION = "us-east-1"
#: Every Region offers one of these types. A Region without any has not responded.
EVERYWHERE = ("m5.large", "m6g.large", "m6i.large", "m7g.large", "m7i.large", "t3.micro", "t4g.micro")
#: Facts that are wrong in the recorded responses, with the page that documents them.
DEVICE_MEMORY_MIB = {"Trainium2": 96 * 1024}


def main(arguments: list[str] | None = None) -> int:
    """Update the file. Return 0 on success, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.accelerators", description=__doc__)
    parser.add_argument("--live", action="store_true", help="query AWS with your credentials")
    live = parser.parse_args(arguments).live
    content = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        refreshed = refresh(content, live=live)
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in, or omit --live.", file=sys.stderr)
        return 2
    except ModuleNotFoundError:
        print("Without --live this needs moto. Run make setup-dev.", file=sys.stderr)
        return 2
    replace(FILE, render(refreshed))
    print(f"{FILE.name}: {len(refreshed['types'])} types")
    return 0


def refresh(content: dict[str, Any], *, live: bool) -> dict[str, Any]:
    """The content of the file with current facts. Offline, prices are not changed."""
    sources = dict(content["sources"])
    dates = {"retrieved": content["retrieved"]}
    with nullcontext() if live else _recorded():
        raw = describe(boto3.client("ec2", region_name=REGION))
        offered, answered = offerings([each["RegionName"] for each in _regions()], sorted(raw))
        if live:
            prices = {name: price(boto3.client("pricing", region_name=PRICE_API_REGION), name) for name in raw}
            today = datetime.now(UTC).date().isoformat()
            dates = {"retrieved": today}
            sources["hardware"] = f"Amazon EC2 DescribeInstanceTypes ({REGION}), {today}"
            sources["zones"] = f"Amazon EC2 DescribeInstanceTypeOfferings, {today}"
            sources["usd_per_hour"] = f"AWS Price List, EC2 on-demand, Linux, shared tenancy, {REGION}, {today}"
        else:
            import moto

            prices = {name: content["types"].get(name, {}).get("usd_per_hour") for name in raw}
            recorded = f"as recorded in the PyPI package moto {moto.__version__}"
            sources["hardware"] = (
                f"Amazon EC2 DescribeInstanceTypes ({REGION}) {recorded}; bare-metal sizes and hypervisors other than "
                "Nitro left out"
            )
            sources["zones"] = f"Amazon EC2 DescribeInstanceTypeOfferings {recorded}; ids of zones, not names"
    types = {
        name: {**facts(each), "zones": offered.get(name, {}), "usd_per_hour": prices[name]}
        for name, each in sorted(raw.items())
    }
    lists = {}
    for name, shape in (("hyperpod_types", "ClusterInstanceType"), ("transform_types", "TransformInstanceType")):
        sources[name] = f"{shape} of SageMaker's service model in the PyPI package botocore {botocore.__version__}"
        lists[name] = sorted(_enumerated(shape))
    return {**content, **dates, "sources": sources, "regions": answered, **lists, "types": types}


def _enumerated(shape: str) -> list[str]:
    model = boto3.client("sagemaker", region_name=REGION).meta.service_model
    found: list[str] = model.shape_for(shape).enum
    return found


def _recorded() -> Any:  # noqa: ANN401 - moto's context manager
    from moto import mock_aws

    # By default, moto would create hundreds of images for each Region.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    return mock_aws()


def _regions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("ec2", region_name=REGION).describe_regions()["Regions"]
    return found


def describe(client: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3 has no types
    """EC2's description of every type of the catalog: Nitro-based, virtual, with NVIDIA or Neuron devices."""
    pages = client.get_paginator("describe_instance_types").paginate()
    return {each["InstanceType"]: each for page in pages for each in page["InstanceTypes"] if _is_covered(each)}


def _is_covered(each: dict[str, Any]) -> bool:
    if each.get("BareMetal") or each.get("Hypervisor") != "nitro":
        return False
    gpus = each.get("GpuInfo", {}).get("Gpus", [])
    return bool(each.get("NeuronInfo")) or any(gpu["Manufacturer"] == "NVIDIA" for gpu in gpus)


def facts(each: dict[str, Any]) -> dict[str, Any]:
    """The part of EC2's response that the catalog stores."""
    neuron = each.get("NeuronInfo")
    device = neuron["NeuronDevices"][0] if neuron else each["GpuInfo"]["Gpus"][0]
    network = each["NetworkInfo"]
    cards = network["NetworkCards"]
    efa = network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0) if network.get("EfaSupported") else 0
    able = [card["NetworkCardIndex"] for card in cards if "efa" in card.get("InterfaceTypes", ["efa"])]
    return {
        "accelerator": device["Name"],
        "platform": "neuron" if neuron else "cuda",
        # A fraction of a GPU counts as one GPU.
        "count": device.get("Count") or 1,
        "memory_mib": DEVICE_MEMORY_MIB.get(device["Name"], device["MemoryInfo"]["SizeInMiB"]),
        "vcpus": each["VCpuInfo"]["DefaultVCpus"],
        "system_memory_mib": each["MemoryInfo"]["SizeInMiB"],
        "local_storage_gb": each.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0),
        "architecture": each["ProcessorInfo"]["SupportedArchitectures"][0],
        "network_performance": network["NetworkPerformance"],
        "network_cards": len(cards),
        "interfaces_per_card": cards[0]["MaximumNetworkInterfaces"],
        "efa_interfaces": efa,
        # One EFA for each network card, from this card on: on some types the first card carries IP traffic only.
        "first_efa_card": able[0] if efa and able else 0,
        "nitro_tpm": each.get("NitroTpmSupport") == "supported",
        "encryption_in_transit": bool(network.get("EncryptionInTransitSupported")),
        "cluster_placement": "cluster" in each.get("PlacementGroupInfo", {}).get("SupportedStrategies", []),
        "purchase": sorted(each.get("SupportedUsageClasses", [])),
    }


def offerings(regions: list[str], types: list[str]) -> tuple[dict[str, dict[str, list[str]]], list[str]]:
    """The ids of the Availability Zones that offer a type, by type and Region; and the Regions with known offerings."""
    found: dict[str, dict[str, list[str]]] = {}
    answered: list[str] = []
    wanted = [{"Name": "instance-type", "Values": [*types, *EVERYWHERE]}]
    for region in sorted(regions):
        client = boto3.client("ec2", region_name=region)
        paginator = client.get_paginator("describe_instance_type_offerings")
        pages = paginator.paginate(LocationType="availability-zone-id", Filters=wanted)
        offers = [offer for page in pages for offer in page["InstanceTypeOfferings"]]
        if offers:
            answered.append(region)
        for each in offers:
            found.setdefault(each["InstanceType"], {}).setdefault(region, []).append(each["Location"])
    return {name: {region: sorted(zones) for region, zones in by.items()} for name, by in found.items()}, answered


def price(client: Any, instance_type: str) -> float | None:  # noqa: ANN401 - boto3 has no types
    """The On-Demand price in US dollars per hour; None if the Price List has none.

    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
    """
    wanted = {
        "instanceType": instance_type,
        "regionCode": REGION,
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
    }
    filters = [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in wanted.items()]
    for text in client.get_products(ServiceCode="AmazonEC2", Filters=filters)["PriceList"]:
        for term in json.loads(text)["terms"].get("OnDemand", {}).values():
            for dimension in term["priceDimensions"].values():
                if found := float(dimension["pricePerUnit"].get("USD", 0)):
                    return found
    return None


def render(content: dict[str, Any]) -> str:
    """The text of the file, with one line for each type, so that diffs are readable."""
    head = {key: value for key, value in content.items() if key != "types"}
    lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in content["types"].items()]
    return json.dumps({**head, "types": {}}, indent=1)[: -len("{}\n}")] + "{\n" + ",\n".join(lines) + "\n }\n}\n"


if __name__ == "__main__":
    sys.exit(told(main))
