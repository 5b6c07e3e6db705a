"""Runs a statement in Amazon Athena.

https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .table import Table, WideError, table

_log = logging.getLogger(__name__)

#: Seconds before the first look at a query, the factor from one wait to the next, and the longest wait.
_FIRST, _FACTOR, _LONGEST = 0.2, 1.5, 1.0
#: Rows of one page of a result.
_PAGE = 200
#: Errors whose message is about the statement and holds no value of a table.
_OF_THE_STATEMENT = re.compile(
    r"\b(SYNTAX_ERROR|COLUMN_NOT_FOUND|TABLE_NOT_FOUND|FUNCTION_NOT_FOUND|TYPE_MISMATCH|TYPE_NOT_FOUND|AMBIGUOUS_NAME|"
    r"EXPRESSION_NOT_AGGREGATE|EXPRESSION_NOT_SCALAR|EXPRESSION_NOT_IN_DISTINCT|MISSING_COLUMN_NAME|MISMATCHED_COLUMN_"
    r"ALIASES|DUPLICATE_COLUMN_NAME|DUPLICATE_NAMED_QUERY|NESTED_AGGREGATION|NESTED_WINDOW|MISSING_GROUP_BY|"
    r"MISSING_ORDER_BY|MISSING_OVER|INVALID_COLUMN_REFERENCE|INVALID_WINDOW_FRAME|NOT_SUPPORTED)\b: ?(.*)",
    re.DOTALL,
)
#: Errors whose message may hold a value.
_OF_A_VALUE = re.compile(
    r"\b(DIVISION_BY_ZERO|INVALID_CAST_ARGUMENT|INVALID_FUNCTION_ARGUMENT|NUMERIC_VALUE_OUT_OF_RANGE|"
    r"SUBQUERY_MULTIPLE_ROWS|INVALID_ARGUMENTS|EXCEEDED_LOCAL_MEMORY_LIMIT|EXCEEDED_TIME_LIMIT)\b"
)
_CUT_OFF = "scanned limit was exceeded"
#: What is nobody's business outside the account.
_INTERNAL = re.compile(r"(s3a?://\S+|arn:[\w-]+:\S+|\b\d{12}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)", re.I)


class QueryError(Exception):
    """A query has no result; the message is for the model."""


@dataclass(frozen=True)
class Athena:
    """Queries in one workgroup.

    :param client: an ``athena`` client of boto3.
    :param workgroup: its name.
    :param seconds: maximum number of seconds of a query.
    :param most_bytes: how much a query may read, as the workgroup has it, for messages.
    """

    client: Any
    workgroup: str
    seconds: float
    most_bytes: int
    #: Waits that many seconds.
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def result(self, sql: str, rows: int, go_on: Callable[[], None]) -> Table:
        """The result of a statement.

        :param rows: maximum number of rows.
        :param go_on: is called before each look at the query. If it raises, the query is stopped.
        :raises QueryError: if there is no result.
        """
        try:
            started = self.client.start_query_execution(
                QueryString=sql, WorkGroup=self.workgroup, QueryExecutionContext={"Catalog": "AwsDataCatalog"}
            )
            id = started["QueryExecutionId"]
            try:
                scanned = self._wait(id, go_on)
            except BaseException:
                self._stop(id)
                raise
            return table(self._pages(id, go_on), rows, scanned)
        except (ClientError, BotoCoreError) as error:
            raise self._refused(error) from error
        except WideError as error:
            raise QueryError(str(error)) from error

    def _wait(self, id: str, go_on: Callable[[], None]) -> int:
        """Wait for the end of a query. Returns the number of bytes that it has read."""
        until, wait = self.clock() + self.seconds, _FIRST
        while True:
            go_on()
            self.sleep(wait)
            wait = min(wait * _FACTOR, _LONGEST)
            execution = self.client.get_query_execution(QueryExecutionId=id)["QueryExecution"]
            status = execution["Status"]
            if status["State"] == "SUCCEEDED":
                return int(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
            if status["State"] in ("FAILED", "CANCELLED"):
                raise self._failed(id, status)
            if self.clock() >= until:
                raise QueryError(f"The query took longer than {self.seconds:g} seconds. Ask for less.")

    def _stop(self, id: str) -> None:
        """Stop a query. One that has ended is left as it is."""
        try:
            self.client.stop_query_execution(QueryExecutionId=id)
        except (ClientError, BotoCoreError) as error:
            # It ends by itself, at the latest when it has read as much as the workgroup permits.
            _log.warning("query %s could not be stopped: %s", id, type(error).__name__)

    def _pages(self, id: str, go_on: Callable[[], None]) -> Iterator[Mapping[str, Any]]:
        more: dict[str, str] = {}
        while True:
            go_on()
            page = self.client.get_query_results(QueryExecutionId=id, MaxResults=_PAGE, **more)
            yield page
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _failed(self, id: str, status: Mapping[str, Any]) -> QueryError:
        told = status.get("AthenaError") or {}
        # The reason may hold values of the table, so that the log has only what kind of an error it is.
        # https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
        kind = {"query": id, "category": told.get("ErrorCategory"), "type": told.get("ErrorType")}
        _log.warning("query without result", extra=kind)
        return QueryError(self._reason(str(status.get("StateChangeReason") or told.get("ErrorMessage") or "")))

    def _reason(self, reason: str) -> str:
        if _CUT_OFF in reason:
            return (
                f"The query would read more than {self.most_bytes // 1_000_000:,} MB. Select fewer columns, or filter "
                "by a partition."
            )
        if found := _OF_THE_STATEMENT.search(reason):
            return _INTERNAL.sub("...", f"{found[1]}: {found[2]}")[:500].strip()
        if found := _OF_A_VALUE.search(reason):
            return f"Athena could not compute the result: {found[1]}."
        return "Athena could not run the query."

    def _refused(self, error: ClientError | BotoCoreError) -> QueryError:
        told = error.response.get("Error", {}) if isinstance(error, ClientError) else {}
        code = str(told.get("Code", type(error).__name__))
        if code == "InvalidRequestException":
            # Such as a statement that Athena cannot parse.
            found = re.search(r"line \d+:\d+: .*", str(told.get("Message", "")), re.DOTALL)
            if found:
                return QueryError(_INTERNAL.sub("...", found[0])[:500].strip())
        _log.error("Athena refused a call: %s", code)
        if code == "TooManyRequestsException":
            return QueryError("Athena has too many queries at this moment.")
        return QueryError("Athena could not run the query.")
