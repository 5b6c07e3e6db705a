"""Answers from tables: the model reads what there is, and writes SQL that is checked before Athena runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...chat.errors import UNREACHABLE
from ...chat.request import client
from ...insight.athena import Athena, QueryError
from ...insight.catalog import CatalogError, described
from ...insight.chart import ARGUMENTS, ChartError, chart
from ...insight.environment import Environment
from ...insight.statement import MOST_CHARACTERS, StatementError, checked
from ...insight.table import Table
from ...untrusted.assessment import Assessed, assess
from ..environment import Environment as AssistantEnvironment
from ..tools import Call, Tool, ToolError
from . import Asker

#: Seconds for a call of Glue or Athena, which answer at once, and for one of the guardrail.
_CALL, _ASSESSMENT = 10, 20
#: Characters that a guardrail assesses at once: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000
#: Characters of a result that the model is shown. The user is shown all of it.
_SHOWN = 20_000


@cache
def _service(name: str) -> Any:  # noqa: ANN401 - boto3 has no types
    retries = {"total_max_attempts": 3, "mode": "standard"}
    return boto3.client(name, config=Config(connect_timeout=2, read_timeout=_CALL, retries=retries))


def tools(_asker: Asker) -> list[Tool]:
    """A tool that describes the tables, and one that asks them."""
    own, assistant = Environment.read(), AssistantEnvironment.read()

    def assessed(text: str) -> Assessed:
        guardrail = assistant.GUARDRAIL_ID, assistant.GUARDRAIL_VERSION
        try:
            return assess(client("bedrock-runtime", _ASSESSMENT), guardrail, text, "OUTPUT")
        except (BotoCoreError, ClientError) as error:
            # What cannot be assessed is shown to nobody.
            raise UNREACHABLE() from error

    athena = Athena(_service("athena"), own.INSIGHT_WORKGROUP, own.INSIGHT_SECONDS, own.INSIGHT_BYTES)
    return [DescribeTables(_service("glue"), own.INSIGHT_TABLES), Query(athena, own, assessed)]


class DescribeTables:
    """Tells the columns of the tables."""

    name, confirm = "describe_tables", False
    description = "Lists the tables that can be queried, with the name, type and meaning of each column."
    schema: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}

    def __init__(self, glue: Any, tables: list[str]) -> None:  # noqa: ANN401 - boto3 has no types
        self._glue, self._tables = glue, tables

    def run(self, call: Call) -> str:
        """
        :raises ToolError: if the catalog cannot be read.
        """
        try:
            return described(self._glue, self._tables, call.go_on)
        except CatalogError as error:
            raise ToolError(str(error)) from error


class Query:
    """Runs one SELECT, and shows its result to the user as a table, and as a chart if the model asks for one.

    :param assessed: what the guardrail says of a text that the user is shown.
    """

    name, confirm = "query", False
    description = (
        "Runs one SELECT statement of Athena (Trino SQL) and returns its rows. The user is shown the rows as a table, "
        "and as a chart if you ask for one, so do not repeat them in full. Call describe_tables first. Aggregate in "
        "SQL, and name every computed column."
    )
    schema: Mapping[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["sql"],
        "properties": {
            "sql": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
            "chart": ARGUMENTS,
        },
    }

    def __init__(self, athena: Athena, own: Environment, assessed: Callable[[str], Assessed]) -> None:
        self._athena, self._own, self._assessed = athena, own, assessed

    def run(self, call: Call) -> str:
        """
        :raises ToolError: if the statement is not permitted, or has no result.
        """
        try:
            statement = checked(call.arguments["sql"], self._own.INSIGHT_TABLES, self._own.INSIGHT_ROWS)
        except StatementError as error:
            raise ToolError(str(error), refused=error.refused) from error
        try:
            found = self._athena.result(statement.sql, statement.rows, call.go_on)
        except QueryError as error:
            raise ToolError(str(error)) from error
        found = self._masked(found, call)
        drawn, problem = self._drawn(call.arguments.get("chart"), found)
        call.send("table", id=call.id, sql=statement.sql, **found.event())
        if drawn:
            call.send("chart", id=call.id, spec=drawn)
        return _told(found, problem)

    def _masked(self, found: Table, call: Call) -> Table:
        """The result as the guardrail leaves it.

        :raises ToolError: if it blocks the result.
        """
        shown: list[str] = []
        for text in _pieces(found.lines()):
            call.go_on()
            assessed = self._assessed(text)
            if assessed.blocked:
                raise ToolError("The guardrail blocked the result.", refused=True)
            shown += assessed.text.split("\n")
        try:
            return found.masked(shown)
        except ValueError as error:
            raise ToolError("The guardrail has left no table of the result.", refused=True) from error

    @staticmethod
    def _drawn(asked: Mapping[str, Any] | None, found: Table) -> tuple[dict[str, Any] | None, str]:
        """A chart, or why there is none."""
        if asked is None:
            return None, ""
        try:
            return chart(asked, found), ""
        except ChartError as error:
            return None, str(error)


def _pieces(lines: list[str]) -> list[str]:
    """Whole lines, as many at once as a guardrail assesses."""
    pieces: list[str] = []
    for line in lines:
        if pieces and len(pieces[-1]) + len(line) < _ASSESSED:
            pieces[-1] += f"\n{line}"
        else:
            pieces.append(line)
    return pieces


def _told(found: Table, problem: str) -> str:
    """What the model is told of a result."""
    shown, size = [], 0
    for line in found.lines():
        size += len(line)
        if size > _SHOWN:
            break
        shown.append(line)
    facts: dict[str, Any] = {
        "rows": len(found.rows),
        "more_rows_exist": found.truncated,
        "rows_below": max(len(shown) - 1, 0),
        "bytes_scanned": found.bytes_scanned,
        **({"chart": f"not shown: {problem}"} if problem else {}),
    }
    return "\n".join([json.dumps(facts, ensure_ascii=False), *shown])
