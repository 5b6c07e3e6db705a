"""The table of vectors is made once the database is awake, dropped with its setting, and nothing else ever is."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.custom_resource.serving import Made, Pending
from aws_genai.functions.vector_table.service import Tables, statements

PROPERTIES = {"ClusterArn": "cluster", "SecretArn": "secret", "Dimension": "512"}
NAME = "bedrock_integration.chunks_512"


class Data:
    def __init__(self, *failing: str) -> None:
        self.failing, self.run = list(failing), list[str]()

    def execute_statement(self, *, resourceArn: str, secretArn: str, database: str, sql: str) -> None:
        assert (resourceArn, secretArn, database) == ("cluster", "secret", "knowledge")
        if self.failing:
            raise ClientError({"Error": {"Code": self.failing.pop(0), "Message": ""}}, "ExecuteStatement")
        self.run.append(sql)


def test_every_statement_may_run_again() -> None:
    data = Data()
    assert Tables(data).create(PROPERTIES, "t") == Made(NAME, {"Table": NAME})
    assert data.run == statements(512)
    assert all("IF NOT EXISTS" in each for each in data.run)
    assert "vector(512)" in data.run[2]


@pytest.mark.parametrize("code", ["DatabaseResumingException", "ThrottlingException", "DatabaseUnavailableException"])
def test_a_database_that_sleeps_or_is_busy_is_waited_for_at_every_step(code: str) -> None:
    tables = Tables(Data(code))
    pending = tables.create(PROPERTIES, "t")
    assert pending == Pending(NAME, "create")
    assert tables.look(pending, PROPERTIES) == Made(NAME, {"Table": NAME})
    tables = Tables(Data(code, code))
    assert tables.update("old", PROPERTIES, {}, "t") == Pending(NAME, "create")
    gone = tables.delete(NAME, PROPERTIES)
    assert gone == Pending(NAME, "delete")
    assert tables.look(gone, PROPERTIES) == Made(NAME)


def test_other_errors_fail_the_deployment() -> None:
    for step in (lambda t: t.create(PROPERTIES, "t"), lambda t: t.delete(NAME, PROPERTIES)):
        with pytest.raises(ClientError, match="AccessDenied"):
            step(Tables(Data("AccessDeniedException")))


def test_without_its_database_there_is_no_table_to_drop() -> None:
    data = Data("DatabaseNotFoundException")
    assert Tables(data).delete(NAME, PROPERTIES) is None
    assert Tables(Data()).delete(NAME, PROPERTIES) is None


def test_vectors_of_another_length_are_another_table_and_the_one_before_is_dropped_after() -> None:
    data = Data()
    made: Any = Tables(data).update("bedrock_integration.chunks_1024", PROPERTIES, {}, "t")
    assert made.physical_id == NAME
    Tables(data).delete("bedrock_integration.chunks_1024", PROPERTIES)
    assert data.run[-1] == "DROP TABLE IF EXISTS bedrock_integration.chunks_1024"


@pytest.mark.parametrize("name", ["users", "bedrock_integration.chunks_x; DROP TABLE a", "public.chunks_1", ""])
def test_nothing_else_is_ever_dropped(name: str) -> None:
    data = Data()
    with pytest.raises(ValueError, match="is not a table of vectors"):
        Tables(data).delete(name, PROPERTIES)
    assert data.run == []
