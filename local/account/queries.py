"""Queries of Amazon Athena: SQL of Trino over the files in this account, with the permissions and limits of AWS.

The emulator runs a query in DuckDB after a search for the words FROM and JOIN, so that it knows neither what the caller
may read nor how much is read, and a query could open files of this machine. Here a statement is parsed, its tables are
loaded with the permissions of the caller, and DuckDB runs it without access to anything else.
https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import athena, glue
from sqlglot import exp

from .permissions import role_may

Response = tuple[int, dict[str, str], Any]

#: The parser logs statements that it does not know.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
_DIALECT = "athena"
_VIA = {"aws:CalledVia": ["athena.amazonaws.com"]}
_SESSION = re.compile(r"arn:[\w-]+:sts::\d{12}:assumed-role/([^/]+)/.+")
_CUT_OFF = "Query cancelled! : Bytes scanned limit was exceeded"
#: The query that runs.
_id: contextvars.ContextVar[str] = contextvars.ContextVar("query")
#: The connection in which each query runs.
_running: dict[str, Any] = {}
#: What DuckDB's errors are in Athena: https://trino.io/docs/current/client/client-protocol.html
_ERRORS = (
    (
        re.compile(r'Referenced column "(.+?)" (?:not found|was not found)'),
        "COLUMN_NOT_FOUND: line 1:8: Column '{}' cannot be resolved or requester is not authorized to access requested "
        "resources",
    ),
    (
        re.compile(r"Function with name (\S+) does not exist"),
        "FUNCTION_NOT_FOUND: line 1:8: Function '{}' not registered",
    ),
    (
        re.compile(r'column "(.+?)" must appear in the GROUP BY'),
        "EXPRESSION_NOT_AGGREGATE: line 1:8: '{}' must be an aggregate expression or appear in GROUP BY clause",
    ),
    (re.compile(r"Could not convert string '(.*)' to"), "INVALID_CAST_ARGUMENT: Cannot cast '{}'"),
)


class _FailedError(ValueError):
    """The reason for which a query has no result."""


def install() -> None:
    """Run queries here instead."""
    athena._start_query_execution = _starting(athena._start_query_execution)
    athena._execute_query = _executing(athena._execute_query)
    athena._run_duckdb = _run
    athena._get_query_results = _reading(athena._get_query_results)
    athena._stop_query_execution = _stopping(athena._stop_query_execution)
    by_request = iam_actions.extract_resource_arn

    def resource(service: str, *rest: Any, **more: Any) -> str:
        arn = str(by_request(service, *rest, **more))
        if service == "athena" and arn == "*":
            return _workgroup_of(_body(rest)) or arn
        if service == "glue" and ":database/" in arn and (name := _body(rest).get("Name")):
            return f"{arn.replace(':database/', ':table/')}/{name}"
        return arn

    iam_actions.extract_resource_arn = resource


def _body(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The body among the arguments of a request."""
    for each in arguments:
        if isinstance(each, bytes):
            try:
                found = json.loads(each or b"{}")
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def _workgroup_of(request: dict[str, Any]) -> str | None:
    record = athena._executions.get(request.get("QueryExecutionId"))
    return str(athena._arn_workgroup(record["WorkGroup"])) if record else None


def _starting(start: Callable[..., Response]) -> Callable[..., Response]:
    """Refuse what Athena refuses at once, and let the settings of the workgroup count."""

    def starting(request: dict[str, Any]) -> Response:
        name = request.get("WorkGroup", "primary")
        group = athena._workgroups.get(name)
        if group is None:
            return _invalid(f"WorkGroup {name} is not found.")
        if group.get("State") == "DISABLED":
            return _invalid(f"WorkGroup {name} is disabled.")
        if _enforced(group):
            request = {part: value for part, value in request.items() if part != "ResultConfiguration"}
        sql = str(request.get("QueryString", ""))
        if athena._parse_ddl(sql) is None:
            try:
                _parsed(sql)
            except _FailedError as error:
                return _invalid(str(error), {"AthenaErrorCode": "MALFORMED_QUERY"})
        return start(request)

    return starting


def _enforced(group: dict[str, Any]) -> bool:
    # CloudFormation passes booleans as texts.
    return str(group.get("Configuration", {}).get("EnforceWorkGroupConfiguration", True)).lower() == "true"


def _invalid(message: str, more: dict[str, str] | None = None) -> Response:
    found: Response = error_response_json("InvalidRequestException", message, 400, extra=more or {})
    return found


def _parsed(sql: str) -> exp.Query:
    """The query of a statement.

    :raises _FailedError: if it is none.
    """
    try:
        found = [each for each in sqlglot.parse(sql, dialect=_DIALECT) if each is not None]
    except sqlglot.errors.SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        place = f"line {details[0].get('line') or 1}:{details[0].get('col') or 1}"
        raise _FailedError(f"{place}: mismatched input '{details[0].get('highlight', '')}'") from error
    if len(found) != 1:
        raise _FailedError("Only one sql statement is allowed.")
    if not isinstance(found[0], exp.Query):
        raise _FailedError(
            "line 1:1: mismatched input: this account runs queries, CREATE EXTERNAL TABLE and DROP TABLE"
        )
    return found[0]


def _executing(execute: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Tell how much a query has read, and why it was cancelled."""

    async def executing(id: str, *rest: Any) -> None:
        _id.set(id)
        await execute(id, *rest)
        record = athena._executions.get(id)
        if record is None:
            return
        status = record["Status"]
        record["Statistics"]["DataScannedInBytes"] = record.get("_scanned", 0)
        if record.get("_stopped"):
            status["State"], status["StateChangeReason"] = "CANCELLED", "Query was cancelled by user"
        elif status["State"] == "FAILED":
            cut = status["StateChangeReason"] == _CUT_OFF
            status["State"] = "CANCELLED" if cut else "FAILED"
            status["AthenaError"] = {"ErrorCategory": 2, "ErrorType": 1, "ErrorMessage": status["StateChangeReason"]}

    return executing


def _stopping(stop: Callable[..., Response]) -> Callable[..., Response]:
    def stopping(request: dict[str, Any]) -> Response:
        id = str(request.get("QueryExecutionId"))
        record = athena._executions.get(id)
        if record is None:
            return _invalid(f"QueryExecution {id} was not found")
        if record["Status"]["State"] in ("QUEUED", "RUNNING"):
            record["_stopped"] = True
            if connection := _running.get(id):
                connection.interrupt()
        return stop(request)

    return stopping


def _reading(read: Callable[..., Response]) -> Callable[..., Response]:
    """Athena reads the result in S3 with the permissions of the caller."""

    def reading(request: dict[str, Any]) -> Response:
        record = athena._executions.get(request.get("QueryExecutionId"))
        if record is not None and not _may("s3:GetObject", _result(record)):
            return error_response_json(  # type: ignore[no-any-return]
                "InvalidRequestException", "Access denied when reading the result of the query.", 400
            )
        return read(request)

    return reading


def _result(record: dict[str, Any]) -> str:
    """The ARN of the result of a query."""
    return f"arn:aws:s3:::{record['ResultConfiguration']['OutputLocation'].removeprefix('s3://')}"


def _may(action: str, resource: str, context: dict[str, Any] | None = None) -> bool:
    """Whether the caller may do this through Athena. The root user may do everything."""
    found = _SESSION.fullmatch(iam_evaluator.caller_arn())
    return found is None or role_may(f"role/{found[1]}", action, resource, {**_VIA, **(context or {})})


async def _run(sql: str, database: str, _catalog: str | None = None) -> dict[str, Any]:
    """The result of a query."""
    id = _id.get()
    record = athena._executions[id]
    tree = _parsed(sql)
    workdirs: list[str] = []
    try:
        if not _may("s3:PutObject", _result(record)):
            raise _FailedError("Access denied when writing output to url")
        loads = [_load(schema, name, workdirs, record) for schema, name in _tables(tree, database)]
        return await asyncio.to_thread(_result_of, id, loads, tree.sql(dialect="duckdb"))
    finally:
        _running.pop(id, None)
        for each in workdirs:
            shutil.rmtree(each, ignore_errors=True)


def _tables(tree: exp.Query, database: str) -> list[tuple[str, str]]:
    """The tables of a query, which gets their full names."""
    named = {each.alias.lower() for each in tree.find_all(exp.CTE)}
    found: dict[tuple[str, str], None] = {}
    for each in tree.find_all(exp.Table):
        if not isinstance(each.this, exp.Identifier):
            raise _FailedError("NOT_SUPPORTED: line 1:1: Table functions are not part of this account")
        schema, name = each.db.lower(), each.name.lower()
        if not schema and name in named:
            continue
        if each.catalog.lower() not in ("", "awsdatacatalog"):
            raise _FailedError(f"CATALOG_NOT_FOUND: line 1:15: Catalog '{each.catalog}' does not exist")
        place = (schema or database or "default", name)
        each.set("catalog", None)
        each.set("db", exp.to_identifier(place[0], quoted=True))
        each.set("this", exp.to_identifier(name, quoted=True))
        found[place] = None
    return list(found)


def _load(schema: str, name: str, workdirs: list[str], record: dict[str, Any]) -> list[str]:
    """The statements that create a table of the catalog in DuckDB."""
    for action, resource in (
        ("glue:GetDatabase", f"database/{schema}"),
        ("glue:GetTable", f"table/{schema}/{name}"),
        ("glue:GetPartitions", f"table/{schema}/{name}"),
    ):
        if not _may(action, f"arn:aws:glue:{get_region()}:{get_account_id()}:{resource}"):
            raise _FailedError(f"PERMISSION_DENIED: User is not authorized to perform: {action} on {resource}")
    table = glue._tables.get(f"{schema}/{name}")
    if table is None:
        raise _FailedError(f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{schema}.{name}' does not exist")
    location = str((table.get("StorageDescriptor") or {}).get("Location") or "")
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    if not _may("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix}):
        raise _FailedError("PERMISSION_DENIED: Access denied when listing the data of the table")
    files = athena._materialize_table_files(location, workdirs)
    for each in files:
        key = os.path.relpath(each, workdirs[-1])
        if not _may("s3:GetObject", f"arn:aws:s3:::{bucket}/{prefix.rstrip('/')}/{key}"):
            raise _FailedError("PERMISSION_DENIED: Access denied when reading the data of the table")
    record["_scanned"] = record.get("_scanned", 0) + sum(Path(each).stat().st_size for each in files)
    cut_off = athena._workgroups[record["WorkGroup"]].get("Configuration", {}).get("BytesScannedCutoffPerQuery")
    if cut_off is not None and record["_scanned"] > int(cut_off):
        raise _FailedError(_CUT_OFF)
    relation = athena._table_relation(table, files) if files else athena._empty_relation(table)
    return [
        f'CREATE SCHEMA IF NOT EXISTS "{schema}"',
        f'CREATE TABLE "{schema}"."{name}" AS SELECT * FROM {relation}',  # noqa: S608 - names of the catalog
    ]


def _result_of(id: str, loads: list[list[str]], sql: str) -> dict[str, Any]:
    with duckdb.connect(":memory:") as connection:
        _running[id] = connection
        try:
            for each in (statement for load in loads for statement in load):
                connection.execute(each)
            # The query itself opens no file, and cannot permit it again.
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            result = connection.execute(sql)
            described = result.description or []
            kinds = [str(each[1]).upper().partition("(")[0].strip() for each in described]
            return {
                "columns": [each[0] for each in described],
                "column_types": [athena._DUCKDB_TYPE_MAP.get(kind, "varchar") for kind in kinds],
                "rows": [list(row) for row in result.fetchall()],
            }
        except duckdb.Error as error:
            raise _FailedError(_told(str(error))) from error


def _told(message: str) -> str:
    for pattern, said in _ERRORS:
        if found := pattern.search(message):
            return said.format(found[1])
    return f"GENERIC_INTERNAL_ERROR: {message.splitlines()[0]}"
