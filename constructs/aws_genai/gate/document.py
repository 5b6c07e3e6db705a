"""The table of the gate's own rules, as Markdown: ``python -m aws_genai.gate.document FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from . import deploys, secure
from .rules import RULES, Rule

_HEAD = """# Own rules

What this library checks over the emitted templates of every synthesis, beside the engines that
[controls.md](controls.md) lists. Made from `constructs/aws_genai/gate` by `make docs`.
"""


def table() -> str:
    """All rules, with those for deployments first."""
    parts = [_HEAD]
    for family in (deploys, secure):
        rules = [each for each in RULES.values() if each.check.__module__.startswith(f"{family.__name__}.")]
        parts.append(f"## `{family.__name__.rpartition('.')[2]}`\n\n{family.__doc__}\n")
        parts.append("| rule | holds | why | fix |\n| --- | --- | --- | --- |\n" + "".join(map(_row, rules)))
    return "\n".join(parts)


def _row(rule: Rule) -> str:
    cells = (f"[`{rule.id}`]({rule.page})", rule.holds, rule.why, rule.fix[0].upper() + rule.fix[1:])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(table(), encoding="utf-8")
