"""Tables that the settings of assistants name and no template creates: a trial gets stand-ins with made-up data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from settings import Settings

from ..emulator import Account

_FOLDER = Path(__file__).parent
_TEXT = "org.apache.hadoop.mapred.TextInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"


@cache
def catalog() -> dict[str, dict[str, Any]]:
    """The stand-ins by ``database.table``."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((_FOLDER / "catalog.yaml").read_text(encoding="utf-8"))
    return found


def prepare(account: Account, settings: Settings) -> list[str]:
    """Create the tables of the settings that do not exist and that a stand-in is known for. Returns their names.

    The buckets of their data exist.
    """
    glue, s3 = account.client("glue"), account.client("s3")
    made = []
    for name, location in _wanted(settings):
        known = catalog().get(name)
        database, _, table = name.partition(".")
        if known is None or _exists(glue, database, table):
            continue
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        content = (_FOLDER / "data" / known["file"]).read_bytes()
        s3.put_object(Bucket=bucket, Key=f"{prefix}{known['file']}", Body=content)
        try:
            glue.create_database(DatabaseInput={"Name": database})
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise
        glue.create_table(DatabaseName=database, TableInput=_input(table, location, known))
        made.append(name)
    return made


def _wanted(settings: Settings) -> Iterator[tuple[str, str]]:
    """The tables that assistants name, and where their data would be: below a prefix of their name, or in the first."""
    for each in settings.application.assistants.values() if settings.application else ():
        if each.insight is None:
            continue
        locations = [data.location for data in each.insight.data]
        for name in each.insight.tables:
            folder = f"/{name.partition('.')[2]}/"
            yield name, next((place for place in locations if place.endswith(folder)), f"{locations[0]}{folder[1:]}")


def _exists(glue: Any, database: str, table: str) -> bool:
    try:
        glue.get_table(DatabaseName=database, Name=table)
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return False
        raise
    return True


def _input(table: str, location: str, known: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html"""
    columns = [
        {"Name": name, "Type": each["type"], "Comment": each["comment"]} for name, each in known["columns"].items()
    ]
    return {
        "Name": table,
        "Description": known["description"],
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "csv", "skip.header.line.count": "1"},
        "StorageDescriptor": {
            "Columns": columns,
            "Location": location,
            "InputFormat": _TEXT,
            "OutputFormat": _OUTPUT,
            "SerdeInfo": {"SerializationLibrary": _CSV, "Parameters": {"separatorChar": ",", "quoteChar": '"'}},
        },
    }
