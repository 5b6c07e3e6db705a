"""What the tables hold, from the AWS Glue Data Catalog.

https://docs.aws.amazon.com/glue/latest/webapi/API_GetTable.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_log = logging.getLogger(__name__)

#: Columns of a table that are described, and characters of a comment.
_COLUMNS, _COMMENT = 300, 300


class CatalogError(Exception):
    """No table can be described; the message is for the model."""


def described(client: Any, tables: Sequence[str], go_on: Callable[[], None]) -> str:  # noqa: ANN401 - boto3 has no types
    """Names, types and comments of the columns of each table, a JSON object a line.

    :param client: a ``glue`` client of boto3.
    :param tables: as ``database.table``.
    :raises CatalogError: if none of them can be read.
    """
    found = []
    for each in tables:
        go_on()
        database, _, name = each.partition(".")
        try:
            table = client.get_table(DatabaseName=database, Name=name)["Table"]
        except (ClientError, BotoCoreError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            _log.error("table %s cannot be read: %s", each, code)
            continue
        found.append(json.dumps(_described(each, table), ensure_ascii=False))
    if not found:
        raise CatalogError("The catalog of tables cannot be read at this moment.")
    return "\n".join(found)


def _described(name: str, table: dict[str, Any]) -> dict[str, Any]:
    columns = table.get("StorageDescriptor", {}).get("Columns", [])
    partitions = table.get("PartitionKeys", [])
    shown = [_column(each) for each in columns[:_COLUMNS]]
    shown += [{**_column(each), "partition": True} for each in partitions]
    return {
        "table": name,
        **_comment(table.get("Description")),
        "columns": shown,
        **({"more_columns": len(columns) - _COLUMNS} if len(columns) > _COLUMNS else {}),
    }


def _column(column: dict[str, Any]) -> dict[str, Any]:
    return {"name": column["Name"], "type": column.get("Type", ""), **_comment(column.get("Comment"))}


def _comment(text: str | None) -> dict[str, str]:
    return {"comment": text[:_COMMENT]} if text else {}
