"""The table after a synthesis: stacks, resources, findings, costs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from aws_genai.data.accelerators import AcceleratorCatalogue
from aws_genai.data.bedrock import BedrockCatalogue
from aws_genai.data.jumpstart import JumpStartCatalogue
from aws_genai.gate.record import GateRecord, RecordError, read_record
from settings import STACKS, Settings, SettingsError, about, load as load_settings, make, told

from .costs import Cost, hosted_types, idle
from .hosting_prices import hosting_prices

ROOT = Path(__file__).resolve().parent.parent


def stacks(assembly: Path) -> dict[str, dict[str, Any]]:
    """The templates of a cloud assembly by stack name, in the order of deployment."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    found = {
        artifact["properties"].get("stackName", name): json.loads(
            (assembly / artifact["properties"]["templateFile"]).read_text(encoding="utf-8")
        )
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    return dict(sorted(found.items(), key=lambda item: STACKS.index(item[0].rpartition("-")[2])))


def checked(assembly: Path, settings: Settings) -> GateRecord:
    """The record of a synthesis of these settings.

    :raises RecordError: if the assembly is of another environment, or was synthesized from other settings.
    """
    record, asked = read_record(assembly), about(settings)
    held = record.about.get("environment")
    if held != asked["environment"]:
        raise RecordError(f"{assembly} holds {held or 'an app without an environment'}, not {settings.environment}")
    if record.about.get("settings") != asked["settings"]:
        raise RecordError(f"config/{settings.environment}.yaml has changed since {assembly} was synthesized")
    return record


def render(settings: Settings, assembly: Path, console: Console, hosting: Mapping[str, float] | None = None) -> None:
    """Print the environment's stacks, resources, findings and costs.

    :param hosting: hosting prices of SageMaker by instance type. Default: EC2's prices, as an estimate.
    :raises RecordError: if the assembly is not a synthesis of these settings.
    """
    record = checked(assembly, settings)
    table = Table(title=f"{settings.prefix} in {settings.region}", title_justify="left")
    table.add_column("Stack", overflow="fold")
    table.add_column("Resources", justify="right", min_width=9)
    # Sums are never truncated, even in a narrow terminal.
    table.add_column("Idle, USD a month", justify="right", no_wrap=True, min_width=17)
    total, resources = 0.0, 0
    for name, template in stacks(assembly).items():
        costs = idle(template, hosting)
        sum_of = sum(cost.usd_per_month for cost in costs)
        total, resources = total + sum_of, resources + len(template["Resources"])
        table.add_row(name, str(len(template["Resources"])), f"{sum_of:,.2f}")
        for cost in costs:
            table.add_row(f"  {cost.count} x {cost.what}", "", _amount(cost), style="dim")
    table.add_section()
    table.add_row("All", str(resources), f"{total:,.2f}")
    console.print(table)
    where = f", SageMaker's own of {settings.region} by the AWS Price List API" if hosting else ""
    console.print(
        f"List prices of us-east-1{where}, without free tiers; ~ estimated, each from the price that its line names."
    )
    if used := by_use(settings):
        console.print(_prices(used))
    engines = ", ".join(f"{name} {version}" for name, version in record.engines)
    count = len(record.findings)
    console.print(
        f"{count} {'finding' if count == 1 else 'findings'}: {engines}; {record.acceptances} accepted, each with its "
        f"reason.{' Nothing may be deployed.' if count else ''}"
    )
    if settings.budget.monthly_usd is not None and total > settings.budget.monthly_usd:
        console.print(
            f"Idle costs are above the budget of {settings.budget.monthly_usd:,.0f} USD a month.", style="bold"
        )


def by_use(settings: Settings) -> list[tuple[str, str, str]]:
    """Charges by use: name, price in US dollars, unit."""
    rows = []
    for name, fleet in settings.compute.fleets.items() if settings.compute else ():
        first = fleet.types(settings.region)[0]
        rows.append((f"fleet {name}, {first.instance_type}", _price(first.usd_per_hour), "an instance and hour"))
    for name, queue in settings.compute.queues.items() if settings.compute else ():
        first = queue.types()[0]
        rows.append((f"queue {name}, {first.instance_type}", _price(first.usd_per_hour), "an instance and hour"))
    tuning = settings.models.fine_tuning if settings.models else None
    for name, tuned in tuning.pipelines.items() if tuning else ():
        kind = tuned.instance_type or JumpStartCatalogue.get(tuned.model).training.default_instance_type  # type: ignore[union-attr]
        hourly = AcceleratorCatalogue.default().get(kind.removeprefix("ml.")).usd_per_hour
        price = f"~{_price(hourly)}" if hourly else _price(None)
        rows.append((f"training {name}, {kind}, at EC2's price", price, "an hour"))
    for model in settings.models.bedrock.models if settings.models and settings.models.bedrock else ():
        facts = BedrockCatalogue.get(model)
        if facts.mode not in ("chat", "embedding"):
            continue
        prices = _price(facts.usd_per_million_input_tokens)
        if facts.mode == "chat":
            prices += f" / {_price(facts.usd_per_million_output_tokens)}"
        unit = "a million tokens in / out" if facts.mode == "chat" else "a million tokens in"
        rows.append((model, prices, unit))
    return rows


def _prices(rows: list[tuple[str, str, str]]) -> Table:
    table = Table(title="By use", title_justify="left")
    table.add_column("What", no_wrap=True)
    table.add_column("USD", justify="right")
    table.add_column("for")
    for row in rows:
        table.add_row(*row)
    return table


def _price(value: float | None) -> str:
    return "not known" if value is None else f"{value:g}"


def _amount(cost: Cost) -> str:
    return f"{'~' if cost.estimated else ''}{cost.usd_per_month:,.2f}"


def main(arguments: list[str] | None = None) -> int:
    """Entry of ``python -m operations.summary ENVIRONMENT``.

    Return 0; 1 if the synthesis has findings; 2 with one message if there is no synthesis of the current settings.
    """
    parser = argparse.ArgumentParser(description="Show resources and costs of the last synthesis.")
    parser.add_argument("environment")
    parser.add_argument("--assembly", type=Path, default=ROOT / "cdk.out")
    chosen = parser.parse_args(arguments)
    try:
        settings = load_settings(chosen.environment)
        record = checked(chosen.assembly, settings)
        kinds = {kind for template in stacks(chosen.assembly).values() for kind in hosted_types(template)}
        render(settings, chosen.assembly, Console(), hosting_prices(kinds, settings.region) if kinds else None)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except RecordError as error:
        print(f"{error}. Run {make('synth', chosen.environment)}", file=sys.stderr)
        return 2
    return 1 if record.findings else 0


if __name__ == "__main__":
    sys.exit(told(main))
