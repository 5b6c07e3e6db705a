"""The results of an evaluation, as a table and as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from .names import COSTS, LEAST

_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17becf")
_TITLES = {"latency_ms": "Latency, median (ms)", "usd_per_answer": "USD per answer", "blocked_percent": "Blocked (%)"}
_BAR, _LEFT, _WIDTH = 14, 270, 420


@dataclass(frozen=True)
class Compared:
    """The metrics of one model, or the reason why there are none."""

    model: str
    figures: Mapping[str, float]
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "figures": dict(self.figures)}


def table(name: str, compared: Sequence[Compared], thresholds: Mapping[str, float]) -> str:
    """Returns a table of the models in Markdown, with the thresholds."""
    rows = [["", *(each.model for each in compared), "threshold"], ["---", *("---:" for _ in compared), "---:"]]
    for metric in _metrics(compared):
        limit = thresholds.get(metric)
        sign = "at most" if metric in LEAST else "at least"
        asked = "" if limit is None else f"{sign} {limit:g}"
        rows.append([_TITLES.get(metric, metric), *(_shown(each.figures.get(metric)) for each in compared), asked])
    lines = [f"# Evaluation {name}", "", *("| " + " | ".join(row) + " |" for row in rows)]
    lines += ["", *(f"- {each.model}: {each.reason}" for each in compared if each.reason)]
    return "\n".join(lines).rstrip() + "\n"


def chart(name: str, compared: Sequence[Compared]) -> str:
    """Returns a bar chart of each metric, as SVG."""
    parts: list[str] = []
    y = 40
    for number, each in enumerate(compared):
        parts.append(f'<rect x="{_LEFT}" y="{y - 10}" width="10" height="10" fill="{_colour(number)}"/>')
        parts.append(f'<text x="{_LEFT + 16}" y="{y}">{escape(each.model)}</text>')
        y += 18
    y += 8
    for metric in _metrics(compared):
        values = [each.figures.get(metric) for each in compared]
        # Shares are drawn relative to 1, everything else relative to the largest value.
        whole = 1.0 if metric not in COSTS else max((value for value in values if value), default=0) or 1.0
        better = ", lower is better" if metric in LEAST else ""
        parts.append(f'<text x="8" y="{y + _BAR}">{escape(_TITLES.get(metric, metric) + better)}</text>')
        for number, value in enumerate(values):
            width = 0 if value is None else round(_WIDTH * min(1.0, value / whole), 1)
            fill = f'fill="{_colour(number)}"'
            parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width}" height="{_BAR}" {fill}/>')
            parts.append(f'<text x="{_LEFT + width + 6}" y="{y + _BAR - 3}">{_shown(value)}</text>')
            y += _BAR + 2
        y += 10
    width = _LEFT + _WIDTH + 100
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" font-family="sans-serif" font-size="12">'
    )
    title = f'<text x="8" y="18" font-size="15">Evaluation {escape(name)}</text>'
    return "\n".join([head, f'<rect width="{width}" height="{y}" fill="#ffffff"/>', title, *parts, "</svg>"]) + "\n"


def _metrics(compared: Sequence[Compared]) -> list[str]:
    found = {metric for each in compared for metric in each.figures}
    # Quality metrics first, then costs.
    return [*sorted(found - set(COSTS)), *(metric for metric in COSTS if metric in found)]


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
