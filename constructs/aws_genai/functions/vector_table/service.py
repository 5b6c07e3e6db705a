"""Creates and drops a table of vectors with the Amazon RDS Data API, which needs no connection and no driver.

https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ..custom_resource.serving import Made, Pending, Properties
from .names import CUSTOM, DATABASE, ID, METADATA, SCHEMA, TEXT, VECTOR, table

#: Transient errors: the database is paused, starting or busy.
_LATER = (
    "DatabaseResumingException",
    "DatabaseUnavailableException",
    "InternalServerErrorException",
    "ServiceUnavailableError",
    "StatementTimeoutException",
    "ThrottlingException",
)


class Tables:
    """Tables of vectors of one cluster. The physical id is the name of a table."""

    def __init__(self, data: Any) -> None:  # noqa: ANN401 - boto3 has no types
        self._data = data

    def create(self, properties: Properties, _token: str) -> Made | Pending:
        """Creates the table if it does not exist, or waits until the database has resumed."""
        return self._make(properties)

    def update(self, _physical_id: str, properties: Properties, _old: Properties, _token: str) -> Made | Pending:
        """Creates a new table for another dimension; CloudFormation deletes the previous one after the update."""
        return self._make(properties)

    def delete(self, physical_id: str, properties: Properties) -> Pending | None:
        """Drops a table, or waits until the database has resumed. Does nothing if the database no longer exists."""
        try:
            self._run(properties, f"DROP TABLE IF EXISTS {_checked(physical_id)}")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _LATER:
                return Pending(physical_id, "delete")
            if code not in ("DatabaseNotFoundException", "ResourceNotFoundException", "DBClusterNotFoundFault"):
                raise
        return None

    def look(self, pending: Pending, properties: Properties) -> Made | Pending:
        """Repeats the operation."""
        if pending.doing == "delete":
            return self.delete(pending.physical_id, properties) or Made(pending.physical_id)
        return self._make(properties)

    def _make(self, properties: Properties) -> Made | Pending:
        dimension = int(properties["Dimension"])
        name = table(dimension)
        try:
            for statement in statements(dimension):
                self._run(properties, statement)
        except ClientError as error:
            if error.response["Error"]["Code"] in _LATER:
                return Pending(name, "create")
            raise
        return Made(name, {"Table": name})

    def _run(self, properties: Properties, statement: str) -> None:
        self._data.execute_statement(
            resourceArn=properties["ClusterArn"], secretArn=properties["SecretArn"], database=DATABASE, sql=statement
        )


def statements(dimension: int) -> list[str]:
    """Returns the SQL statements that a knowledge base needs, which are idempotent.

    https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.VectorDB.html
    """
    name, index = table(dimension), f"chunks_{dimension}"
    return [
        "CREATE EXTENSION IF NOT EXISTS vector",
        f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
        f"CREATE TABLE IF NOT EXISTS {name} ({ID} uuid PRIMARY KEY, {VECTOR} vector({dimension}), {TEXT} text, "
        f"{METADATA} json, {CUSTOM} jsonb)",
        f"CREATE INDEX IF NOT EXISTS {index}_vectors ON {name} USING hnsw ({VECTOR} vector_cosine_ops)",
        # Indexes for hybrid search and for metadata filters.
        f"CREATE INDEX IF NOT EXISTS {index}_words ON {name} USING gin (to_tsvector('simple', {TEXT}))",
        f"CREATE INDEX IF NOT EXISTS {index}_attributes ON {name} USING gin ({CUSTOM})",
    ]


def _checked(name: str) -> str:
    """Returns the name if it is a table of vectors, so that no other table is dropped."""
    begin, _, digits = name.rpartition("_")
    if f"{begin}_" != table(0)[:-1] or not digits.isdecimal():
        raise ValueError(f"{name} is not a table of vectors")
    return name
