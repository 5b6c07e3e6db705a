"""List the cheapest accelerated instance types with enough memory for a model: ``make choose PARAMETERS=8e9``."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from aws_genai.data import load
from aws_genai.data.sizing import choose
from aws_genai.errors import InvalidValueError
from settings import told


def main(arguments: list[str] | None = None) -> int:
    """Print the instance types. Return 2 with one message if there are none."""
    options = _options().parse_args(arguments)
    try:
        proposals = choose(
            parameters=options.parameters,
            precision=options.precision,
            context=options.context,
            sequences=options.sequences,
            region=options.region,
        )
    except InvalidValueError as error:
        print(error, file=sys.stderr)
        return 2
    table = Table(
        "Platform", "Type", "USD an hour", "Why", title="Types with enough memory for the model", title_justify="left"
    )
    for each in proposals:
        price = each.accelerator.usd_per_hour
        shown = "unknown" if price is None else f"{price:,.2f}"
        table.add_row(str(each.accelerator.platform), each.accelerator.instance_type, shown, each.why)
    console = Console()
    console.print(table)
    data = load("accelerators")
    console.print(f"Prices: {data['sources']['usd_per_hour']}", style="dim")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.choose", description=__doc__)
    parser.add_argument("--parameters", type=float, required=True, help="parameters of the model, such as 8e9")
    parser.add_argument("--precision", default="bf16", help="of the weights: fp32, bf16, fp16, fp8, int8 or int4")
    parser.add_argument("--context", type=int, default=8192, help="maximum length of a sequence in tokens")
    parser.add_argument("--sequences", type=int, default=1, help="number of concurrent sequences")
    parser.add_argument("--region", help="exclude types that this Region does not offer")
    return parser


if __name__ == "__main__":
    sys.exit(told(main))
