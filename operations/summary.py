"""The table after a synthesis: stacks, resources, findings, costs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aws_genai.data import load
from aws_genai.data.bedrock import BedrockCatalogue
from settings import Settings
from settings import load as load_settings

from .costs import Cost, idle

ROOT = Path(__file__).resolve().parent.parent


def stacks(assembly: Path) -> dict[str, dict[str, Any]]:
    """The templates of a cloud assembly by stack name, in the order in which they deploy."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    found = {
        artifact["properties"].get("stackName", name): json.loads(
            (assembly / artifact["properties"]["templateFile"]).read_text(encoding="utf-8")
        )
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    order = ["foundation", "compute", "models", "application"]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0].rpartition("-")[2])))


def acknowledged(assembly: Path) -> int:
    """How many findings were accepted, each with a reason."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    count = 0
    for artifact in manifest["artifacts"].values():
        metadata = artifact.get("metadata") or {}
        if extra := artifact.get("additionalMetadataFile"):
            metadata = {**metadata, **json.loads((assembly / extra).read_text(encoding="utf-8"))}
        count += sum(
            len(entry["data"])
            for entries in metadata.values()
            for entry in entries
            if entry["type"] == "aws:cdk:acknowledged-rules"
        )
    return count


def render(settings: Settings, assembly: Path, console: Console) -> None:
    """Print what the environment is and what it costs."""
    table = Table(title=f"{settings.prefix} in {settings.region}", title_justify="left")
    table.add_column("Stack", no_wrap=True)
    table.add_column("Resources", justify="right")
    table.add_column("Idle, USD a month", justify="right")
    table.add_column("Of which")
    total, resources = 0.0, 0
    for name, template in stacks(assembly).items():
        costs = idle(template)
        sum_of = sum(cost.usd_per_month for cost in costs)
        total, resources = total + sum_of, resources + len(template["Resources"])
        table.add_row(name, str(len(template["Resources"])), f"{sum_of:,.2f}", ", ".join(map(_line, costs)))
    table.add_section()
    table.add_row("All", str(resources), f"{total:,.2f}", "list prices of us-east-1, no free tier; ~ estimated")
    console.print(table)
    if settings.models and settings.models.bedrock:
        console.print(_tokens(settings.models.bedrock.models))
    engines = 3 + len(settings.security.packs)
    console.print(
        f"0 findings in {engines + 1} policy engines; {acknowledged(assembly)} accepted, each with its reason."
    )
    if total > settings.budget.monthly_usd:
        console.print(
            f"Idle costs are above the budget of {settings.budget.monthly_usd:,.0f} USD a month.", style="bold"
        )


def _line(cost: Cost) -> str:
    return f"{'~' if cost.estimated else ''}{cost.usd_per_month:,.2f} {cost.count} x {cost.what}"


def _tokens(models: list[str]) -> Table:
    table = Table(title=f"By use, USD a million tokens ({load('bedrock_models')['retrieved']})", title_justify="left")
    table.add_column("Model")
    table.add_column("Input", justify="right")
    table.add_column("Output", justify="right")
    for model in models:
        facts = BedrockCatalogue.get(model)
        prices = (facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens)
        table.add_row(model, *("-" if price is None else f"{price:g}" for price in prices))
    return table


def main() -> None:
    """Entry of ``python -m operations.summary ENVIRONMENT``."""
    parser = argparse.ArgumentParser(description="Show what the last synthesis holds and costs.")
    parser.add_argument("environment")
    parser.add_argument("--assembly", type=Path, default=ROOT / "cdk.out")
    arguments = parser.parse_args()
    render(load_settings(arguments.environment), arguments.assembly, Console())


if __name__ == "__main__":
    main()
