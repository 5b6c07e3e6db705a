"""The result of a query as JSON.

https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Value = str | int | float | bool | None
#: Characters of one value, of one row, and of all rows together; columns, and characters of the name of one.
MOST_VALUE, MOST_ROW, MOST_ROWS = 1_000, 15_000, 100_000
MOST_COLUMNS, MOST_NAME = 100, 100
#: The largest integer that a number of JavaScript holds exactly.
_EXACT = 2**53 - 1
_INTEGERS = ("tinyint", "smallint", "integer", "int", "bigint")
_NUMBERS = (*_INTEGERS, "float", "real", "double", "decimal")
_TIMES = ("date", "timestamp", "timestamp with time zone")


class WideError(ValueError):
    """A result has too many columns; the message is for the model."""


@dataclass(frozen=True)
class Column:
    """A column of a result."""

    name: str
    #: Type in Athena, in lower case.
    type: str

    @property
    def numeric(self) -> bool:
        return self._base in _NUMBERS

    @property
    def temporal(self) -> bool:
        return self.type in _TIMES

    @property
    def _base(self) -> str:
        return self.type.partition("(")[0]

    def value(self, text: str | None, most: int = MOST_VALUE) -> Value:
        """A value as JSON. Integers and decimals that a number of JSON would round are strings.

        :param most: maximum number of characters.
        """
        if text is None:
            return None
        try:
            if self._base in _INTEGERS:
                whole = int(text)
                return whole if abs(whole) <= _EXACT else text
            if self._base == "decimal":
                digits = sum(each.isdigit() for each in text)
                return float(text) if digits <= 15 else text
            if self.numeric:
                number = float(text)
                return number if math.isfinite(number) else None
        except ValueError:
            return _cut(text, most)
        if self.type == "boolean":
            return text.lower() == "true"
        return _cut(text, most)


def _cut(text: str, most: int) -> str:
    """A text that ends in an ellipsis if a part of it is missing."""
    return text if len(text) <= most else f"{text[:most]}…"


@dataclass(frozen=True)
class Table:
    """A result, as much of it as is shown."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    #: Whether the query has more rows than are shown.
    truncated: bool
    #: Bytes that the query has read.
    bytes_scanned: int

    def event(self) -> dict[str, Any]:
        """Data of the event ``table``."""
        return {
            "columns": [{"name": each.name, "type": each.type} for each in self.columns],
            "rows": [list(row) for row in self.rows],
            "truncated": self.truncated,
            "bytes_scanned": self.bytes_scanned,
        }

    def lines(self) -> list[str]:
        """The names of the columns and each row, a JSON list each."""
        named = [each.name for each in self.columns]
        return [json.dumps(list(each), ensure_ascii=False) for each in (named, *self.rows)]

    def masked(self, lines: Sequence[str]) -> Table:
        """The table of lines in which a guardrail has masked parts.

        :raises ValueError: if they are no lines of this table.
        """
        named, *rows = [json.loads(each) for each in lines]
        if len(rows) != len(self.rows) or any(len(each) != len(self.columns) for each in (named, *rows)):
            raise ValueError("not the same table")
        columns = [Column(str(name), each.type) for name, each in zip(named, self.columns, strict=True)]
        return replace(self, columns=columns, rows=rows)


def table(pages: Iterable[Mapping[str, Any]], most: int, bytes_scanned: int) -> Table:
    """The table of the pages of a result, whose first row has the names of the columns.

    :param most: maximum number of rows.
    :raises WideError: if there are too many columns.
    """
    columns: list[Column] = []
    rows: list[list[Value]] = []
    size, first, truncated = 0, True, False
    for page in pages:
        found = page["ResultSet"]
        columns = columns or [
            Column(_cut(each["Name"], MOST_NAME), str(each["Type"]).lower())
            for each in found["ResultSetMetadata"]["ColumnInfo"]
        ]
        if len(columns) > MOST_COLUMNS:
            raise WideError(f"The result has {len(columns)} columns. Select at most {MOST_COLUMNS}.")
        wide = min(MOST_VALUE, MOST_ROW // max(len(columns), 1))
        for row in found["Rows"][1:] if first else found["Rows"]:
            values = [
                column.value(cell.get("VarCharValue"), wide) for column, cell in zip(columns, row["Data"], strict=True)
            ]
            size += len(json.dumps(values, ensure_ascii=False))
            if len(rows) == most or size > MOST_ROWS:
                truncated = True
                break
            rows.append(values)
        first = False
        if truncated:
            break
    return Table(columns, rows, truncated, bytes_scanned)
