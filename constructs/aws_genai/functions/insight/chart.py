"""A chart of a result: a Vega-Lite specification that is built here, from names of columns and nothing else.

The model chooses the kind, the columns and a title. Data are inline; nothing refers to an address, and no text is an
expression. https://vega.github.io/vega-lite/docs/spec.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .table import Column, Table, Value

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_MARKS = {"bar": "bar", "line": "line", "area": "area", "point": "point", "pie": "arc"}
#: What the model may say of a chart.
ARGUMENTS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "x", "y"],
    "properties": {
        "kind": {"enum": list(_MARKS)},
        "x": {"type": "string", "maxLength": 200, "description": "Column of categories, or of points in time."},
        "y": {"type": "string", "maxLength": 200, "description": "Column of numbers."},
        "series": {"type": "string", "maxLength": 200, "description": "Column that tells several series apart."},
        "title": {"type": "string", "maxLength": 200},
    },
}
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})(?: (\d{2}:\d{2}:\d{2}(?:\.\d+)?))?(?: UTC)?")


class ChartError(ValueError):
    """The chart does not fit the result; the message is for the model."""


def chart(asked: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """The specification of a chart.

    Fields have names of their own in it, because a point or a bracket in the name of a column would be read as a path.

    :param asked: fits :data:`ARGUMENTS`.
    :raises ChartError: if a column does not exist, or the values cannot be drawn.
    """
    columns = [each.name for each in table.columns]
    places = {part: _place(asked[part], columns) for part in ("x", "y", "series") if part in asked}
    x, y = table.columns[places["x"]], table.columns[places["y"]]
    if not y.numeric:
        raise ChartError(f"The column {y.name} has the type {y.type}, and y has to be a number.")
    if not table.rows:
        raise ChartError("There are no rows to draw.")
    values = [
        {part: _value(table.columns[place], row[place]) for part, place in places.items()}
        for row in table.rows
        if row[places["x"]] is not None and _number(row[places["y"]])
    ]
    series = table.columns[places["series"]] if "series" in places else None
    return {
        "$schema": SCHEMA,
        **({"title": asked["title"]} if asked.get("title") else {}),
        "data": {"values": values},
        "mark": {"type": _MARKS[asked["kind"]], "tooltip": True},
        "encoding": _pie(x, y) if asked["kind"] == "pie" else _axes(x, y, series),
    }


def _axes(x: Column, y: Column, series: Column | None) -> dict[str, Any]:
    # The query has sorted the rows.
    kind = "temporal" if x.temporal else "quantitative" if x.numeric else "nominal"
    return {
        "x": {"field": "x", "type": kind, "title": x.name, **({"sort": None} if kind == "nominal" else {})},
        "y": {"field": "y", "type": "quantitative", "title": y.name},
        **({"color": {"field": "series", "type": "nominal", "title": series.name}} if series else {}),
    }


def _pie(x: Column, y: Column) -> dict[str, Any]:
    return {
        "theta": {"field": "y", "type": "quantitative", "title": y.name, "stack": True},
        "color": {"field": "x", "type": "nominal", "title": x.name, "sort": None},
    }


def _place(name: str, columns: list[str]) -> int:
    # Athena writes names in lower case.
    for place, each in enumerate(columns):
        if each.lower() == name.lower():
            return place
    raise ChartError(f"The result has no column {name}. It has: {', '.join(columns)}.")


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(column: Column, value: Value) -> Value:
    """A value; points in time in the form that browsers read."""
    if column.temporal and isinstance(value, str) and (found := _TIME.fullmatch(value)):
        day, time = found.groups()
        return f"{day}T{time}" if time else day
    return value
