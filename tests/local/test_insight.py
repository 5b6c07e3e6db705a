"""Questions to tables in the local account: Athena, the catalog and their permissions, and an answer that streams."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from botocore.exceptions import ClientError

from aws_genai.functions.assistant import answer
from operations.answers import Event, ask

from .conftest import Local

EVENTS = json.loads((Path(answer.__file__).parent / "events.schema.json").read_text(encoding="utf-8"))
BY_REGION = (
    "SELECT c.region, ROUND(SUM(o.amount), 2) AS total FROM orders o JOIN customers c ON c.id = o.customer "
    "GROUP BY c.region ORDER BY c.region -- all of them"
)
CHART = {"kind": "bar", "x": "region", "y": "total", "title": "By region"}
WORKGROUP = "genai-local-figures"


def api(local: Local) -> str:
    return local.chat.url.removesuffix("/chat")


@pytest.fixture
def script(local: Local, tmp_path: Path) -> Iterator[Any]:
    """Has the model look at the tables, and then ask this."""

    def asks(sql: str, chart: dict[str, str] | None = None) -> None:
        query = {"tool": "query", "input": {"sql": sql, **({"chart": chart} if chart else {})}}
        rules = [
            {"when": {"tool_result": "query"}, "answer": "Here it is: {tool_result}"},
            {"when": {"tool_result": "describe_tables"}, "answer": "I see.", "call": query},
            {"when": {"offers": "describe_tables"}, "answer": "Let me look.", "call": {"tool": "describe_tables", "input": {}}},
        ]  # fmt: skip
        file = tmp_path / "script.yaml"
        file.write_text(yaml.safe_dump({"rules": rules, "otherwise": {"answer": "No tools."}}))
        local.home.write(local.home.model, {"script": str(file), "timeout_seconds": 30})

    yield asks
    local.answers_by(local.model_url)


def answered(local: Local) -> list[Event]:
    found = list(ask(api(local), "figures", local.token(), "How much did each region buy?"))
    for each in found:
        jsonschema.validate(each.data, EVENTS["properties"][each.name])
    return found


def test_a_table_and_a_chart_stream(local: Local, script: Any) -> None:
    script(BY_REGION, CHART)
    found = answered(local)
    assert found[-1].data == {"stop_reason": "end_turn"}, found
    states = [(each.data["name"], each.data["state"]) for each in found if each.name == "tool"]
    assert states == [
        ("describe_tables", "started"),
        ("describe_tables", "done"),
        ("query", "started"),
        ("query", "done"),
    ]
    (table,) = [each.data for each in found if each.name == "table"]
    assert [each["name"] for each in table["columns"]] == ["region", "total"]
    assert [row[0] for row in table["rows"]] == ["east", "north", "south", "west"]
    assert all(isinstance(row[1], float) for row in table["rows"])
    assert "--" not in table["sql"]
    # Both files were read.
    assert 1_000 < table["bytes_scanned"] < 10_000
    assert not table["truncated"]
    (chart,) = [each.data["spec"] for each in found if each.name == "chart"]
    assert [each["x"] for each in chart["data"]["values"]] == ["east", "north", "south", "west"]
    text = "".join(each.data["text"] for each in found if each.name == "delta")
    assert "east" in text
    names = [each.name for each in found]
    assert names.index("table") < names.index("chart") < names.index("usage")


def test_more_rows_than_permitted_are_cut(local: Local, script: Any) -> None:
    script("SELECT id FROM orders ORDER BY id LIMIT 1000")
    (table,) = [each.data for each in answered(local) if each.name == "table"]
    assert [row[0] for row in table["rows"]] == list(range(1, 51))
    assert table["truncated"]


@pytest.mark.parametrize(
    ("sql", "state", "said"),
    [
        ("DROP TABLE shop.orders", "refused", "Only SELECT"),
        ("SELECT * FROM hr.salaries", "refused", "may not be read"),
        ("SELECT wrong FROM orders", "failed", "COLUMN_NOT_FOUND"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(local: Local, script: Any, sql: str, state: str, said: str) -> None:
    script(sql)
    found = answered(local)
    (told,) = [each.data for each in found if each.name == "tool" and each.data["state"] not in ("started", "done")]
    assert told["state"] == state
    assert said in told["message"]
    assert not [each for each in found if each.name == "table"]
    assert said in "".join(each.data["text"] for each in found if each.name == "delta")


# Athena itself.


def run(client: Any, sql: str, group: str = WORKGROUP, **more: Any) -> dict[str, Any]:
    """The execution of a query that has ended."""
    id = client.start_query_execution(QueryString=sql, WorkGroup=group, **more)["QueryExecutionId"]
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = client.get_query_execution(QueryExecutionId=id)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def role_of(local: Local) -> str:
    return local.resource("application", "AWS::IAM::Role", "AssistantfiguresFunctionRole")


@pytest.fixture
def as_the_function(local: Local) -> Any:
    """Clients with the role of the assistant's function."""
    role = local.client("iam").get_role(RoleName=role_of(local))["Role"]["Arn"]
    found = local.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    keys = {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }
    return lambda service: local.client(service, credentials=keys)


def test_the_role_of_the_assistant_reads_its_tables_and_nothing_else(local: Local, as_the_function: Any) -> None:
    athena, glue, s3 = (as_the_function(each) for each in ("athena", "glue", "s3"))
    assert run(athena, 'SELECT COUNT(*) FROM "shop"."orders"')["Status"]["State"] == "SUCCEEDED"
    root_glue, root_s3 = local.client("glue"), local.client("s3")
    orders = root_glue.get_table(DatabaseName="shop", Name="orders")["Table"]
    root_s3.create_bucket(Bucket="elsewhere-of-mine")
    root_s3.put_object(Bucket="elsewhere-of-mine", Key="s/a.csv", Body=b"id\n1\n")
    storage = {**orders["StorageDescriptor"], "Location": "s3://elsewhere-of-mine/s/"}
    secrets = {"Name": "secrets", "StorageDescriptor": storage, "Parameters": orders["Parameters"]}
    root_glue.create_table(DatabaseName="shop", TableInput=secrets)
    try:
        failed = run(athena, "SELECT * FROM shop.secrets")["Status"]
        assert (failed["State"], failed["StateChangeReason"][:17]) == ("FAILED", "PERMISSION_DENIED")
        with pytest.raises(ClientError, match="not authorized"):
            glue.get_table(DatabaseName="shop", Name="secrets")
        assert glue.get_table(DatabaseName="shop", Name="orders")["Table"]["Name"] == "orders"
        # A table that the assistant may read and whose data are elsewhere.
        root_glue.update_table(
            DatabaseName="shop", TableInput={**secrets, "Name": "orders", "StorageDescriptor": storage}
        )
        assert run(athena, "SELECT id FROM shop.orders")["Status"]["State"] == "FAILED"
    finally:
        kept = {"Name", "Description", "TableType", "Parameters", "StorageDescriptor"}
        root_glue.update_table(DatabaseName="shop", TableInput={k: v for k, v in orders.items() if k in kept})
        root_glue.delete_table(DatabaseName="shop", Name="secrets")
    # The data are read by Athena, and never by the function itself.
    for call in (
        lambda: s3.get_object(Bucket="genai-local-shop", Key="orders/orders.csv"),
        lambda: s3.list_objects_v2(Bucket="genai-local-shop", Prefix="orders/"),
        lambda: s3.put_object(Bucket="genai-local-shop", Key="orders/more.csv", Body=b""),
        lambda: athena.start_query_execution(QueryString="SELECT 1", WorkGroup="primary"),
        lambda: athena.delete_work_group(WorkGroup=WORKGROUP),
        lambda: glue.delete_table(DatabaseName="shop", Name="orders"),
    ):
        with pytest.raises(ClientError, match=r"(?i)not authorized|denied"):
            call()


def test_the_settings_of_the_workgroup_count(local: Local) -> None:
    athena = local.client("athena")
    found = athena.get_work_group(WorkGroup=WORKGROUP)["WorkGroup"]["Configuration"]
    assert int(found["BytesScannedCutoffPerQuery"]) == 1_000_000_000
    elsewhere = {"OutputLocation": "s3://genai-local-shop/results/"}
    location = run(athena, "SELECT 1", ResultConfiguration=elsewhere)["ResultConfiguration"]["OutputLocation"]
    assert "genai-local-shop" not in location


def test_a_query_that_reads_too_much_is_cancelled(local: Local) -> None:
    athena = local.client("athena")
    configuration = athena.get_work_group(WorkGroup=WORKGROUP)["WorkGroup"]["Configuration"]
    athena.create_work_group(
        Name="small", Configuration={"ResultConfiguration": configuration["ResultConfiguration"], "BytesScannedCutoffPerQuery": 10_000_000}
    )  # fmt: skip
    s3, glue = local.client("s3"), local.client("glue")
    orders = glue.get_table(DatabaseName="shop", Name="orders")["Table"]
    s3.put_object(Bucket="genai-local-shop", Key="large/a.csv", Body=b"1,1,2026-01-01,tea,1,1.0\n" * 450_000)
    storage = {**orders["StorageDescriptor"], "Location": "s3://genai-local-shop/large/"}
    glue.create_table(DatabaseName="shop", TableInput={"Name": "large", "StorageDescriptor": storage})
    try:
        found = run(athena, "SELECT COUNT(*) FROM shop.large", "small")
        assert found["Status"]["State"] == "CANCELLED"
        assert "Bytes scanned limit was exceeded" in found["Status"]["StateChangeReason"]
        assert run(athena, "SELECT COUNT(*) FROM shop.orders", "small")["Status"]["State"] == "SUCCEEDED"
    finally:
        glue.delete_table(DatabaseName="shop", Name="large")
        athena.delete_work_group(WorkGroup="small", RecursiveDeleteOption=True)


def test_a_query_is_stopped(local: Local) -> None:
    athena = local.client("athena")
    slow = (
        "SELECT COUNT(*) FROM shop.orders a, shop.orders b, shop.orders c, shop.orders d, shop.orders e "
        "WHERE a.amount + b.amount + c.amount + d.amount > e.amount"
    )
    id = athena.start_query_execution(QueryString=slow, WorkGroup=WORKGROUP)["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=id)
    deadline = time.monotonic() + 30
    while (status := athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]["Status"]["State"]) in (
        "QUEUED",
        "RUNNING",
    ):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status == "CANCELLED"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
    ],
)
def test_no_query_opens_files_of_this_machine(local: Local, sql: str) -> None:
    athena = local.client("athena")
    try:
        found = run(athena, sql)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidRequestException"
        return
    assert found["Status"]["State"] == "FAILED"
