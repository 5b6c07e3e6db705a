"""Update the catalog of Bedrock models: ``make models``.

``LIVE=1`` gets models, inference profiles, their Regions and their ends of life from Amazon Bedrock with your
credentials. ``PRICES=file`` reads a list of limits and prices. ``--regions file`` reads a table of Regions, routes and
ends of life that was compiled from public sources. Facts that no source provides are not changed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from aws_genai.data.bedrock import USES
from settings import told
from settings.disk import replace

from .models import render

Entry = dict[str, Any]

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "bedrock_models.json"
#: Prices in US dollars per million tokens, by their names in a list of prices.
_TOKENS = ("input", "output", "batch_input", "batch_output", "cache_read", "cache_write")
_OTHER_PRICES = {"output_cost_per_image": "usd_per_image", "input_cost_per_query": "usd_per_query"}
_ENDS = ("end_of_life", "end_of_life_by_region")
#: Facts that come from AWS, even if a list of prices has them.
_OF_AWS = ("regions", "routes", *_ENDS, "embedding_dimension")
#: The main sources of a table of Regions.
_CITED = ("api-bm", "api-bua", "docs-regions", "docs-lifecycle", "litellm")
_KEPT = (
    "mode",
    "in_region",
    "max_input_tokens",
    "max_output_tokens",
    "end_of_life",
    "inference_profiles",
    "embedding_dimension",
    "supports",
    "supports_not",
)


def main(arguments: list[str] | None = None) -> int:
    """Update the file. Return 0 on success, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.bedrock_models", description=__doc__)
    parser.add_argument("--live", action="store_true", help="query Amazon Bedrock with your credentials")
    parser.add_argument("--prices", type=Path, help="read a list of limits and prices")
    parser.add_argument("--regions", type=Path, help="read a table of Regions, routes and ends of life")
    chosen = parser.parse_args(arguments)
    content = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        if chosen.prices:
            content = priced(content, json.loads(chosen.prices.read_text(encoding="utf-8")))
        if chosen.regions:
            content = placed(content, json.loads(chosen.regions.read_text(encoding="utf-8")))
        if chosen.live:
            content = _live(content)
    except (OSError, ValueError, KeyError) as error:
        print(f"The models of Bedrock could not be read: {error}. Nothing was written.", file=sys.stderr)
        return 2
    kept = {name: each for name, each in content["models"].items() if not list(problems(each))}
    for name in sorted(set(content["models"]) - set(kept)):
        print(f"left out: {name}: {'; '.join(problems(content['models'][name]))}", file=sys.stderr)
    replace(FILE, render({**content, "models": dict(sorted(kept.items()))}))
    print(f"{FILE.name}: {len(kept)} models")
    return 0


def priced(content: Mapping[str, Any], listed: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the limits and prices of a list. Facts that only Amazon Bedrock provides are kept."""
    before = content["models"]
    models = {name: _with_aws(entry(facts), before.get(name, {})) for name, facts in listed["models"].items()}
    return {**content, "source": listed["source"], "retrieved": listed.get("retrieved", _month()), "models": models}


def entry(facts: Mapping[str, Any]) -> Entry:
    """The catalog entry of one model of a list."""
    made: Entry = {name: facts[name] for name in _KEPT if facts.get(name) not in (None, [])}
    price = facts.get("price", {})
    made |= {f"usd_per_million_{kind}_tokens": price[kind] for kind in _TOKENS if kind in price}
    made |= {ours: price[theirs] for theirs, ours in _OTHER_PRICES.items() if theirs in price}
    by_profile = {
        profile: {kind: each[kind] for kind in _TOKENS if kind in each}
        for profile, each in facts.get("profile_price", {}).items()
    }
    if by_profile:
        made["usd_per_million_tokens_by_profile"] = by_profile
    return made


def placed(content: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the facts of a table about each model: Regions, routes, ends of life, dimensions.

    ``on_demand_regions`` are null if they are unknown. Global profiles have no routes, because they are rejected.
    """
    models = {name: dict(each) for name, each in content["models"].items()}
    for name, stated in table["models"].items():
        if name not in models:
            continue
        each = models[name]
        for key in ("in_region", "regions", "routes", "end_of_life_by_region"):
            each.pop(key, None)
        if (regions := stated["on_demand_regions"]) is not None:
            each |= {"in_region": bool(regions), "regions": sorted(regions)}
        profiles = {*each.get("inference_profiles", ()), *stated["profiles"]}
        routes = {
            profile: _ways(way["destinations"])
            for profile, way in sorted(stated["profiles"].items())
            if isinstance(way["destinations"], dict)
        }
        each |= {"inference_profiles": sorted(profiles)} if profiles else {}
        each |= {"routes": routes} if routes else {}
        cycle: Mapping[str, Any] = stated["lifecycle"] or {}
        if cycle.get("eol_date"):
            each["end_of_life"] = cycle["eol_date"]
        differing = {
            region: group["eol_date"]
            for group in cycle.get("region_groups", ())
            if group["eol_date"] and group["eol_date"] != cycle["eol_date"]
            for region in group["regions"]
        }
        each |= {"end_of_life_by_region": dict(sorted(differing.items()))} if differing else {}
        if dimension := stated.get("embedding_default"):
            each["embedding_dimension"] = dimension
    sources = "; ".join(
        f"{source['what']}, {source['url']}, {source['date'] or 'undated'}"
        for name, source in table["sources"].items()
        if name in _CITED
    )
    return {
        **{key: value for key, value in content.items() if key != "models"},
        "regions_source": f"Regions, routes and ends of life: {sources}",
        "regions_retrieved": table["read"],
        "models": models,
    }


def problems(each: Entry) -> Iterator[str]:
    """The reasons why an entry cannot be committed, if any."""
    if each.get("mode") not in USES:
        yield "its purpose is unknown"
    # A model without known Regions, or with none, stays in the catalog: messages then say so, not that it is unknown.
    if not each.get("in_region") and not each.get("inference_profiles") and "regions" not in each and not _seen(each):
        yield "it is available neither in a Region nor through an inference profile"
    for ends in (each.get("end_of_life"), *each.get("end_of_life_by_region", {}).values()):
        if ends and not _is_date(ends):
            yield f"its end of life {ends} is not a date"
    if each.get("mode") == "embedding" and not each.get("max_input_tokens"):
        yield "the maximum length of its input is unknown"


def merged(
    content: Mapping[str, Any],
    summaries: Mapping[str, Iterable[Mapping[str, Any]]],
    profiles: Mapping[str, Iterable[Mapping[str, Any]]],
) -> dict[str, Any]:
    """The content with the facts from Bedrock in each Region: models, ends of life, and destinations of profiles.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
    """
    models = {name: {**each, "regions": []} for name, each in content["models"].items()}
    ends_by_region: dict[str, dict[str, str | None]] = {name: {} for name in models}
    for region, found in sorted(summaries.items()):
        for summary in found:
            each = models.get(str(summary["modelId"]))
            if each is None:
                continue
            if "ON_DEMAND" in summary.get("inferenceTypesSupported", ()):
                each["regions"].append(region)
            ends = summary.get("modelLifecycle", {}).get("endOfLifeTime")
            ends_by_region[str(summary["modelId"])][region] = ends.date().isoformat() if ends else None
    for name, by_region in ends_by_region.items():
        if not any(by_region.values()):
            continue
        models[name] = {key: each for key, each in models[name].items() if key not in _ENDS}
        days = set(by_region.values())
        models[name] |= (
            {"end_of_life": days.pop()}
            if len(days) == 1
            else {"end_of_life_by_region": {region: day for region, day in by_region.items() if day}}
        )
    routes: dict[str, dict[str, dict[str, list[str]]]] = {name: {} for name in models}
    for region, listed in sorted(profiles.items()):
        for profile in listed:
            arns = [str(each["modelArn"]) for each in profile["models"]]
            name = arns[0].partition("foundation-model/")[2]
            if name in routes:
                # A global profile names one ARN without a Region.
                to = sorted({arn.split(":")[3] for arn in arns} - {""})
                routes[name].setdefault(str(profile["inferenceProfileId"]), {})[region] = to
    for name, each in models.items():
        each["in_region"] = bool(each["regions"])
        each.pop("routes", None)
        if routes[name]:
            each["inference_profiles"] = sorted(routes[name])
            ways = {profile: _ways(to) for profile, to in sorted(routes[name].items())}
            each["routes"] = {profile: to for profile, to in ways.items() if not profile.startswith("global.")}
    today = datetime.now(UTC).date().isoformat()
    source = "Regions, routes and ends of life: ListFoundationModels and ListInferenceProfiles of Amazon Bedrock"
    return {**content, "retrieved": today, "regions_source": source, "regions_retrieved": today, "models": models}


def _live(content: Mapping[str, Any]) -> dict[str, Any]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    summaries: dict[str, list[Any]] = {}
    profiles: dict[str, list[Any]] = {}
    try:
        for region in boto3.Session().get_available_regions("bedrock"):
            client = boto3.client("bedrock", region_name=region)
            try:
                summaries[region] = client.list_foundation_models()["modelSummaries"]
                pages = client.get_paginator("list_inference_profiles").paginate(typeEquals="SYSTEM_DEFINED")
                profiles[region] = [each for page in pages for each in page["inferenceProfileSummaries"]]
            except ClientError as error:
                # A Region that the account has not opted in to rejects the credentials.
                if error.response["Error"]["Code"] != "UnrecognizedClientException":
                    raise
    except (BotoCoreError, ClientError) as error:
        raise ValueError(f"AWS did not answer: {error}") from error
    if not any(summaries.values()):
        raise ValueError("Amazon Bedrock listed no model in any Region of this account")
    return merged(content, summaries, profiles)


def _with_aws(listed: Entry, before: Mapping[str, Any]) -> Entry:
    """An entry of a list with the facts that AWS knows better: Regions, routes, profiles and ends of life."""
    kept = {name: before[name] for name in _OF_AWS if name in before}
    made: Entry = {**listed, **kept}
    if "regions" in before:
        made["in_region"] = bool(before["regions"])
    profiles = sorted({*listed.get("inference_profiles", ()), *before.get("inference_profiles", ())})
    return {**made, "inference_profiles": profiles} if profiles else made


def _ways(routes: Mapping[str, Iterable[str] | None]) -> list[dict[str, list[str]]]:
    """The known routes of a profile, with source Regions grouped by their destination Regions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for source, to in sorted(routes.items()):
        if to:
            found.setdefault(tuple(sorted(set(to))), []).append(source)
    return [{"from": sources, "to": list(to)} for to, sources in found.items()]


def _seen(each: Entry) -> bool:
    """Whether the entry has a price, so that the model has been available."""
    return any(key.startswith("usd_per_") for key in each)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")


if __name__ == "__main__":
    sys.exit(told(main))
