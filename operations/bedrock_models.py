"""Write the catalogue of Bedrock models anew: ``make models``.

``LIVE=1`` asks Amazon Bedrock with your credentials which models and inference profiles it has, in which Regions, and
until when; ``PRICES=file`` reads a list of limits and prices. What neither tells stays as it was.
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

from .models import render

Entry = dict[str, Any]

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "bedrock_models.json"
#: Prices by the token, in US dollars a million, as a list calls them.
_TOKENS = ("input", "output", "batch_input", "batch_output", "cache_read", "cache_write")
_OTHER_PRICES = {"output_cost_per_image": "usd_per_image", "input_cost_per_query": "usd_per_query"}
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
    """Rewrite the file; 0 if that worked, 2 with one message if not."""
    parser = argparse.ArgumentParser(prog="python -m operations.bedrock_models", description=__doc__)
    parser.add_argument("--live", action="store_true", help="ask Amazon Bedrock, with your credentials")
    parser.add_argument("--prices", type=Path, help="read a list of limits and prices")
    chosen = parser.parse_args(arguments)
    content = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        if chosen.prices:
            content = priced(content, json.loads(chosen.prices.read_text(encoding="utf-8")))
        if chosen.live:
            content = _live(content)
    except (OSError, ValueError, KeyError) as error:
        print(f"The models of Bedrock could not be read: {error}. Nothing was written.", file=sys.stderr)
        return 2
    kept = {name: each for name, each in content["models"].items() if not list(problems(each))}
    for name in sorted(set(content["models"]) - set(kept)):
        print(f"left out: {name}: {'; '.join(problems(content['models'][name]))}", file=sys.stderr)
    FILE.write_text(render({**content, "models": dict(sorted(kept.items()))}), encoding="utf-8")
    print(f"{FILE.name}: {len(kept)} models")
    return 0


def priced(content: Mapping[str, Any], listed: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the limits and prices of a list; what only Amazon Bedrock tells is kept."""
    before = content["models"]
    models = {name: {**_only_live(before.get(name, {})), **entry(facts)} for name, facts in listed["models"].items()}
    return {**content, "source": listed["source"], "retrieved": listed.get("retrieved", _month()), "models": models}


def entry(facts: Mapping[str, Any]) -> Entry:
    """What the catalogue keeps of one model of a list."""
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


def problems(each: Entry) -> Iterator[str]:
    """Why an entry cannot be committed; nothing if it can."""
    if each.get("mode") not in USES:
        yield "what it is for is not known"
    if not each.get("in_region") and not each.get("inference_profiles"):
        yield "it is reached neither in a Region nor through an inference profile"
    if (ends := each.get("end_of_life")) and not _is_date(ends):
        yield f"its end of life {ends} is no date"
    if each.get("mode") == "embedding" and not each.get("max_input_tokens"):
        yield "how long a text it embeds is not known"


def merged(
    content: Mapping[str, Any],
    summaries: Mapping[str, Iterable[Mapping[str, Any]]],
    profiles: Mapping[str, Iterable[Mapping[str, Any]]],
) -> dict[str, Any]:
    """The content with what Bedrock says in each Region: models, their ends of life, and where profiles route to.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
    """
    models = {name: {**each, "regions": []} for name, each in content["models"].items()}
    for region, found in sorted(summaries.items()):
        for summary in found:
            each = models.get(str(summary["modelId"]))
            if each is None:
                continue
            if "ON_DEMAND" in summary.get("inferenceTypesSupported", ()):
                each["regions"].append(region)
            if ends := summary.get("modelLifecycle", {}).get("endOfLifeTime"):
                each["end_of_life"] = ends.date().isoformat()
    routes: dict[str, dict[str, list[str]]] = {name: {} for name in models}
    for region, listed in sorted(profiles.items()):
        for profile in listed:
            arns = [str(each["modelArn"]) for each in profile["models"]]
            name = arns[0].partition("foundation-model/")[2]
            if name in routes:
                # A global profile names one ARN without a Region.
                to = sorted({arn.split(":")[3] for arn in arns} - {""})
                routes[name].setdefault(profile["inferenceProfileId"], []).extend([region, *to])
    for name, each in models.items():
        each["in_region"] = bool(each["regions"])
        if routes[name]:
            each["inference_profiles"] = sorted(routes[name])
            each["routes"] = {profile: sorted(set(to)) for profile, to in sorted(routes[name].items())}
    return {**content, "retrieved": datetime.now(UTC).date().isoformat(), "models": models}


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
                # A Region that the account has not opted into refuses the credentials.
                if error.response["Error"]["Code"] != "UnrecognizedClientException":
                    raise
    except (BotoCoreError, ClientError) as error:
        raise ValueError(f"AWS did not answer: {error}") from error
    if not any(summaries.values()):
        raise ValueError("Amazon Bedrock listed no model in any Region of this account")
    return merged(content, summaries, profiles)


def _only_live(each: Mapping[str, Any]) -> Entry:
    return {name: each[name] for name in ("regions", "routes") if name in each}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _month() -> str:
    return datetime.now(UTC).strftime("%Y-%m")


if __name__ == "__main__":
    sys.exit(main())
