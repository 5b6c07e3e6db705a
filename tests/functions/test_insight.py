"""Questions to tables: which SQL runs, and what its result becomes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given, settings, strategies as st

from aws_genai.functions.assistant import answer
from aws_genai.functions.assistant.kinds import Asker, insight, tools
from aws_genai.functions.assistant.tools import Call, ToolError
from aws_genai.functions.chat.errors import TIMEOUT, ChatError
from aws_genai.functions.insight.athena import Athena, QueryError
from aws_genai.functions.insight.catalog import CatalogError, described
from aws_genai.functions.insight.chart import ARGUMENTS, SCHEMA, ChartError, chart
from aws_genai.functions.insight.environment import Environment
from aws_genai.functions.insight.statement import MOST_CHARACTERS, StatementError, checked
from aws_genai.functions.insight.table import MOST_COLUMNS, Column, Table, table
from aws_genai.functions.untrusted.assessment import Assessed

EVENTS = json.loads((Path(answer.__file__).parent / "events.schema.json").read_text(encoding="utf-8"))
TABLES = frozenset({"shop.orders", "shop.customers", "hr.staff"})

HARMLESS = {
    "all": "SELECT * FROM shop.orders",
    "short name": "SELECT * FROM orders",
    "case": 'SELECT * FROM "SHOP"."Orders"',
    "catalog": "SELECT * FROM awsdatacatalog.shop.orders",
    "semicolon": "SELECT 1;",
    "aggregate": "SELECT region, SUM(amount) AS total FROM orders GROUP BY region HAVING SUM(amount) > 1 ORDER BY 2 DESC",
    "join": "SELECT o.id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer",
    "using": "SELECT id FROM orders JOIN customers USING (id)",
    "with": "WITH best AS (SELECT * FROM orders) SELECT * FROM best",
    "shadow": "WITH orders AS (SELECT 1 AS n) SELECT n FROM orders",
    "chain": "WITH a AS (SELECT 1 AS n), b AS (SELECT n FROM a) SELECT n FROM b",
    "recursive": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n FROM t",
    "nested with": "SELECT * FROM (WITH a AS (SELECT 1 AS n) SELECT n FROM a) AS s",
    "union": "SELECT id FROM orders UNION ALL SELECT id FROM customers",
    "except": "(SELECT id FROM orders EXCEPT SELECT id FROM customers) LIMIT 3",
    "sub-query": "SELECT * FROM orders WHERE customer IN (SELECT id FROM customers WHERE region = 'EU')",
    "exists": "SELECT * FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer)",
    "window": "SELECT id, ROW_NUMBER() OVER (PARTITION BY region ORDER BY amount DESC) AS place FROM orders",
    "frame": "SELECT SUM(a) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s FROM orders",
    "named window": "SELECT SUM(a) OVER w FROM orders WINDOW w AS (ORDER BY d)",
    "case when": "SELECT CASE WHEN amount > 10 THEN 'big' ELSE 'small' END AS size FROM orders",
    "cast": "SELECT TRY_CAST(a AS BIGINT), CAST(b AS DECIMAL(10, 2)) FROM orders",
    "dates": "SELECT DATE_TRUNC('month', day), DATE_ADD('day', -7, CURRENT_DATE), YEAR(day) FROM orders",
    "interval": "SELECT * FROM orders WHERE day > CURRENT_DATE - INTERVAL '30' DAY",
    "literal date": "SELECT * FROM orders WHERE day >= DATE '2026-01-01' AND t < TIMESTAMP '2026-01-01 00:00:00'",
    "json": "SELECT JSON_EXTRACT_SCALAR(data, '$.name') FROM orders",
    "arrays": "SELECT item, n FROM orders CROSS JOIN UNNEST(items) WITH ORDINALITY AS t(item, n)",
    "lambda": "SELECT FILTER(items, x -> x > 1), REDUCE(items, 0, (s, x) -> s + x, s -> s) FROM orders",
    "percentile": "SELECT APPROX_PERCENTILE(amount, 0.5), COUNT(DISTINCT customer) FROM orders",
    "filter": "SELECT COUNT(*) FILTER (WHERE amount > 1) FROM orders",
    "grouping sets": "SELECT region, SUM(a) FROM orders GROUP BY GROUPING SETS ((region), ())",
    "rollup": "SELECT region, SUM(a) FROM orders GROUP BY ROLLUP (region)",
    "words in text": "SELECT 'DROP TABLE x; -- /*' AS a, 'it''s' AS b FROM orders",
    "backslash": "SELECT 'a\\' AS a, 'b' FROM orders",
    "comment": "SELECT * FROM orders -- all of them\n WHERE /* really */ id = 1",
    "quoted": 'SELECT "größe", "b c" AS "d e" FROM orders',
    "values": "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, s)",
    "like": "SELECT * FROM orders WHERE name LIKE 'x!%%' ESCAPE '!' AND NOT a IS NULL AND b BETWEEN 1 AND 2",
    "distinct from": "SELECT * FROM orders WHERE a IS DISTINCT FROM b",
    "regexp": "SELECT REGEXP_EXTRACT(name, '^(\\w+)', 1), SPLIT_PART(name, ' ', 1), LOWER(name) FROM orders",
    "minus": "SELECT 1 - -1, a % 2, b || 'x' FROM orders",
    "fetch": "SELECT * FROM orders OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY",
    "time zone": "SELECT t AT TIME ZONE 'Europe/Paris' FROM orders",
    "three parts": "SELECT shop.orders.region FROM shop.orders",
    "map": "SELECT m['k'], ELEMENT_AT(m, 'k'), r.f FROM orders",
}

HOSTILE = {
    # What is no SELECT.
    "insert": "INSERT INTO shop.orders SELECT * FROM shop.orders",
    "update": "UPDATE shop.orders SET a = 1",
    "delete": "DELETE FROM shop.orders",
    "merge": "MERGE INTO shop.orders t USING shop.customers s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "drop": "DROP TABLE shop.orders",
    "create": "CREATE TABLE shop.x (a int)",
    "ctas": "CREATE TABLE shop.x AS SELECT * FROM shop.orders",
    "view": "CREATE VIEW shop.v AS SELECT * FROM shop.orders",
    "external table": "CREATE EXTERNAL TABLE shop.x (a string) LOCATION 's3://elsewhere/'",
    "alter": "ALTER TABLE shop.orders SET LOCATION 's3://elsewhere/'",
    "repair": "MSCK REPAIR TABLE shop.orders",
    "unload": "UNLOAD (SELECT * FROM shop.orders) TO 's3://elsewhere/' WITH (format = 'PARQUET')",
    "vacuum": "VACUUM shop.orders",
    "optimize": "OPTIMIZE shop.orders REWRITE DATA USING BIN_PACK",
    "explain": "EXPLAIN SELECT * FROM shop.orders",
    "explain analyze": "EXPLAIN ANALYZE SELECT * FROM shop.orders",
    "show": "SHOW TABLES IN hr",
    "describe": "DESCRIBE shop.orders",
    "call": "CALL system.runtime.kill_query('x')",
    "set": "SET SESSION x = 1",
    "use": "USE hr",
    "grant": "GRANT SELECT ON shop.orders TO PUBLIC",
    "prepare": "PREPARE p FROM SELECT 1",
    "execute": "EXECUTE p",
    "execute immediate": "EXECUTE IMMEDIATE 'DROP TABLE shop.orders'",
    "external function": "USING EXTERNAL FUNCTION f(a VARCHAR) RETURNS VARCHAR LAMBDA 'x' SELECT f('a')",
    "values alone": "VALUES 1",
    "nothing": "   ",
    "only a comment": "-- SELECT 1",
    "select into": "SELECT * INTO shop.x FROM shop.orders",
    "for update": "SELECT * FROM shop.orders FOR UPDATE",
    # Several statements.
    "two": "SELECT 1; DROP TABLE shop.orders",
    "two selects": "SELECT 1; SELECT 2",
    "behind a comment": "SELECT 1 /* ; */ ; DELETE FROM shop.orders",
    "behind a quote": "SELECT 'a'; DROP TABLE shop.orders --'",
    "behind an escaped quote": "SELECT 'a\\'; DROP TABLE shop.orders; --'",
    # Tables that are not named.
    "other table": "SELECT * FROM shop.secrets",
    "other database": "SELECT * FROM hr.orders",
    "short secret": "SELECT * FROM secrets",
    "other case": 'SELECT * FROM "SHOP"."Secrets"',
    "other catalog": "SELECT * FROM lambda_catalog.shop.orders",
    "information schema": "SELECT * FROM information_schema.tables",
    "catalog's information schema": "SELECT * FROM awsdatacatalog.information_schema.columns",
    "system": "SELECT * FROM system.runtime.queries",
    "quoted system": 'SELECT * FROM "system"."metadata"."catalogs"',
    "metadata table": 'SELECT * FROM shop."orders$partitions"',
    "history": 'SELECT * FROM "shop"."orders$history"',
    "one name with a dot": 'SELECT * FROM "shop.orders"',
    "in a join": "SELECT * FROM orders JOIN shop.secrets USING (id)",
    "after a comma": "SELECT * FROM orders, shop.secrets",
    "in a sub-query": "SELECT * FROM orders WHERE id IN (SELECT id FROM shop.secrets)",
    "in a scalar": "SELECT (SELECT MAX(id) FROM shop.secrets)",
    "in a union": "SELECT id FROM orders UNION SELECT id FROM shop.secrets",
    "in a with": "WITH a AS (SELECT * FROM secrets) SELECT * FROM a",
    "in a case": "SELECT CASE WHEN EXISTS (SELECT 1 FROM shop.secrets) THEN 1 END FROM orders",
    "in an order": "SELECT * FROM orders ORDER BY (SELECT MAX(id) FROM shop.secrets)",
    "in a limit": "SELECT * FROM orders LIMIT (SELECT MAX(id) FROM shop.secrets)",
    "in a lambda": "SELECT TRANSFORM(items, x -> (SELECT MAX(id) FROM shop.secrets)) FROM orders",
    "in a window": "SELECT SUM(a) OVER (ORDER BY (SELECT MAX(id) FROM shop.secrets)) FROM orders",
    "in a named window": "SELECT 1 FROM orders WINDOW w AS (ORDER BY (SELECT MAX(id) FROM shop.secrets))",
    "in a filter": "SELECT COUNT(*) FILTER (WHERE a IN (SELECT id FROM shop.secrets)) FROM orders",
    "in values": "SELECT * FROM (VALUES ((SELECT MAX(id) FROM shop.secrets))) AS t(a)",
    "in unnest": "SELECT * FROM UNNEST((SELECT ARRAY_AGG(id) FROM shop.secrets)) AS t(a)",
    "in a lateral": "SELECT * FROM orders CROSS JOIN LATERAL (SELECT * FROM shop.secrets) AS t",
    "a name out of its scope": "SELECT * FROM (WITH secrets AS (SELECT 1 AS a) SELECT a FROM secrets) AS t, secrets",
    "a name before it exists": "WITH a AS (SELECT * FROM secrets), secrets AS (SELECT 1 AS n) SELECT * FROM a",
    "a name in itself": "WITH secrets AS (SELECT * FROM secrets) SELECT * FROM secrets",
    "a name of an inner with": "WITH a AS (WITH secrets AS (SELECT 1) SELECT * FROM secrets) SELECT * FROM secrets",
    "table statement": "TABLE shop.secrets",
    "with and insert": "WITH a AS (SELECT 1) INSERT INTO shop.orders SELECT * FROM a",
    "time travel": "SELECT * FROM shop.orders FOR TIMESTAMP AS OF CURRENT_TIMESTAMP",
    "version": "SELECT * FROM shop.orders FOR VERSION AS OF 1",
    "hidden path": 'SELECT "$path" FROM orders',
    "hidden size": 'SELECT o."$file_size" FROM orders o',
    # Functions.
    "table function": "SELECT * FROM TABLE(system.query('SELECT 1'))",
    "external query": "SELECT * FROM TABLE(mysql.system.query(query => 'SELECT 1'))",
    "exclude columns": "SELECT * FROM TABLE(exclude_columns(input => TABLE(shop.secrets), columns => DESCRIPTOR(a)))",
    "bare function": "SELECT * FROM sequence(1, 9)",
    "function of a schema": "SELECT system.query('x')",
    "quoted function": "SELECT \"external_query\"('SELECT 1')",
    "read_csv": "SELECT * FROM read_csv('s3://elsewhere/x.csv')",
    "read_parquet": "SELECT * FROM read_parquet('/etc/passwd')",
    "unknown": "SELECT http_get('https://elsewhere.example.com') FROM orders",
    "session user": "SELECT CURRENT_USER",
    "session catalog": "SELECT CURRENT_CATALOG",
    "session time zone": "SELECT current_timezone() FROM orders",
    "recognition": "SELECT * FROM orders MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS TRUE)",
    "json table": "SELECT * FROM JSON_TABLE('[]', 'lax $' COLUMNS (a INT PATH 'lax $'))",
    "sample": "SELECT * FROM orders TABLESAMPLE BERNOULLI (50)",
    "pivot": "SELECT * FROM orders PIVOT (SUM(a) FOR b IN ('x'))",
    # Disguises.
    "zero width": "SEL\u200bECT * FROM shop.secrets",
    "zero width in a name": "SELECT * FROM ord\u200bers",
    "right to left": "SELECT '\u202e' FROM orders",
    "tag characters": "SELECT 1 \U000e0041 FROM orders",
    "null character": "SELECT 1\x00; DROP TABLE shop.orders",
    "line separator": "SELECT 1 --\u2028; DROP TABLE shop.orders",
    "typographic quotes": "SELECT \u2018a\u2019; DROP TABLE shop.orders",
    "full width": "\uff33\uff25\uff2c\uff25\uff23\uff34 * FROM shop.secrets",
    "full width in a name": "SELECT * FROM \uff4frders",
    "unicode text": "SELECT U&'\\0041' FROM orders",
    "unicode name": 'SELECT * FROM U&"\\0073ecrets"',
    "hexadecimal": "SELECT X'41' FROM orders",
    "backticks": "SELECT * FROM `shop`.`secrets`",
    "quote in a name": 'SELECT a AS "b""; DROP TABLE x --" FROM orders',
    "conditional comment": "SELECT /*!50000 * FROM shop.secrets */ 1 FROM shop.secrets",
    "open comment": "SELECT 1 /* FROM orders",
    "open text": "SELECT 'a FROM orders",
    "open name": 'SELECT "a FROM orders',
    "placeholder": "SELECT * FROM orders WHERE a = ?",
    "named placeholder": "SELECT * FROM orders WHERE a = :a",
    "session variable": "SELECT @@version",
    "template": "SELECT * FROM {{ secrets }}",
    "dollar quotes": "SELECT $$a$$ FROM orders",
    "limit of a parameter": "SELECT * FROM orders LIMIT ?",
    "ties": "SELECT * FROM orders ORDER BY 1 FETCH FIRST 1 ROWS WITH TIES",
    # Too much.
    "long": "SELECT " + "1 + " * MOST_CHARACTERS + "1",
    "deep": "SELECT " + "(" * 2000 + "1" + ")" * 2000,
    "deep arrays": "SELECT " + "ARRAY[" * 500 + "1" + "]" * 500,
    "deep words": "SELECT " + "NOT " * 2000 + "TRUE",
    "deep cases": "SELECT " + "CASE WHEN " * 900,
    "deep sums": "SELECT 1" + "+1" * 4900,
}


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60
    assert len(HARMLESS) >= 30


@pytest.mark.parametrize("sql", HARMLESS.values(), ids=HARMLESS)
def test_harmless_statements_run(sql: str) -> None:
    found = checked(sql, TABLES, 100)
    assert found.sql.startswith(("SELECT", "WITH", "("))
    assert "/*" not in found.sql.replace("'DROP TABLE x; -- /*'", "")
    # What was written is read in the same way again.
    assert checked(found.sql, TABLES, 100).sql == found.sql


@pytest.mark.parametrize("sql", HOSTILE.values(), ids=HOSTILE)
def test_hostile_statements_do_not_run(sql: str) -> None:
    begun = time.monotonic()
    with pytest.raises(StatementError) as refusal:
        checked(sql, TABLES, 100)
    assert len(str(refusal.value)) < 300
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("sql", [HOSTILE["drop"], HOSTILE["other table"], HOSTILE["session user"]])
def test_what_is_not_permitted_counts_as_a_refusal(sql: str) -> None:
    with pytest.raises(StatementError) as refusal:
        checked(sql, TABLES, 100)
    assert refusal.value.refused


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE", HOSTILE["deep"], "SELECT * FROM orders LIMIT a"])
def test_mistakes_do_not_count_as_a_refusal(sql: str) -> None:
    with pytest.raises(StatementError) as refusal:
        checked(sql, TABLES, 100)
    assert not refusal.value.refused


def test_what_runs_is_written_from_what_was_read() -> None:
    sql = "select O.Id, lower(NAME) -- hidden\nfrom Orders o where name = 'A;--' limit 7;"
    assert checked(sql, TABLES, 100).sql == (
        'SELECT "O"."Id", LOWER("NAME") FROM "shop"."orders" AS "o" WHERE "name" = \'A;--\' LIMIT 7'
    )


def test_words_of_the_session_are_names_of_columns() -> None:
    assert '"CURRENT_SCHEMA"' in checked("SELECT CURRENT_SCHEMA FROM orders", TABLES, 10).sql


def test_a_name_in_two_databases_has_to_be_whole() -> None:
    with pytest.raises(StatementError, match="may not be read"):
        checked("SELECT * FROM orders", {"a.orders", "b.orders"}, 10)
    assert '"b"."orders"' in checked("SELECT * FROM b.orders", {"a.orders", "b.orders"}, 10).sql


@pytest.mark.parametrize(
    ("sql", "limit", "rows"),
    [
        ("SELECT 1", 11, 10),
        ("SELECT 1 LIMIT 5", 5, 5),
        ("SELECT 1 LIMIT 10", 10, 10),
        ("SELECT 1 LIMIT 11", 11, 10),
        ("SELECT 1 LIMIT 999999999999999999999", 11, 10),
        ("SELECT 1 LIMIT ALL", 11, 10),
        ("SELECT 1 LIMIT 0", 0, 0),
        ("SELECT 1 FETCH FIRST 3 ROWS ONLY", 3, 3),
        ("SELECT 1 FETCH FIRST ROW ONLY", 1, 1),
        ("(SELECT 1 LIMIT 500)", 11, 10),
        ("SELECT 1 UNION ALL SELECT 2", 11, 10),
        ("WITH a AS (SELECT 1 LIMIT 500) SELECT * FROM a", 11, 10),
    ],
)
def test_the_number_of_rows_is_bounded(sql: str, limit: int, rows: int) -> None:
    found = checked(sql, TABLES, 10)
    assert found.sql.endswith(f" LIMIT {limit}")
    assert found.rows == rows


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "SELECT",
                "*",
                "FROM",
                "shop.secrets",
                "orders",
                ";",
                "--",
                "/*",
                "*/",
                "'",
                '"',
                "(",
                ")",
                ",",
                "WITH",
                "AS",
                "1",
                "x",
                "UNION",
            ]
        )
    )
)
def test_no_mixture_reads_another_table(words: list[str]) -> None:
    try:
        found = checked(" ".join(words), {"shop.orders"}, 10)
    except StatementError:
        return
    outside = "".join(found.sql.split("'")[::2])
    assert '"shop"."secrets"' not in outside
    assert ";" not in "".join(outside.split('"')[::2])


# Results.


def page(columns: Mapping[str, str], *rows: Sequence[str | None], header: bool = True) -> dict[str, Any]:
    named = [list(columns)] if header else []
    return {
        "ResultSet": {
            "ResultSetMetadata": {"ColumnInfo": [{"Name": name, "Type": kind} for name, kind in columns.items()]},
            "Rows": [
                {"Data": [{} if each is None else {"VarCharValue": each} for each in row]} for row in (*named, *rows)
            ],
        }
    }


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", "7", 7),
        ("bigint", "9007199254740991", 9007199254740991),
        ("bigint", "9007199254740993", "9007199254740993"),
        ("double", "1.5", 1.5),
        ("double", "1.0E10", 1e10),
        ("double", "NaN", None),
        ("real", "Infinity", None),
        ("decimal", "12.34", 12.34),
        ("decimal(38,2)", "12345678901234567890.12", "12345678901234567890.12"),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("varchar", "12", "12"),
        ("varchar", "", ""),
        ("varchar", None, None),
        ("integer", "not one", "not one"),
        ("date", "2026-01-31", "2026-01-31"),
        ("array", "[1, 2]", "[1, 2]"),
        ("varchar", "x" * 1001, "x" * 1000 + "…"),
    ],
)
def test_values_have_the_types_of_json(kind: str, text: str | None, value: Any) -> None:
    assert Column("a", kind).value(text) == value
    assert type(Column("a", kind).value(text)) is type(value)


def test_a_result_is_a_table() -> None:
    found = table([page({"region": "varchar", "total": "bigint"}, ["EU", "3"], [None, "4"])], 10, 4096)
    assert found.event() == {
        "columns": [{"name": "region", "type": "varchar"}, {"name": "total", "type": "bigint"}],
        "rows": [["EU", 3], [None, 4]],
        "truncated": False,
        "bytes_scanned": 4096,
    }


def test_rows_beyond_the_maximum_are_not_shown() -> None:
    kinds = {"n": "integer"}
    read: list[int] = []

    def pages() -> Any:
        for number in range(5):
            read.append(number)
            yield page(kinds, ["1"], ["2"], header=number == 0)

    found = table(pages(), 3, 0)
    assert (len(found.rows), found.truncated, read) == (3, True, [0, 1])
    assert not table([page(kinds, ["1"], ["2"], ["3"])], 3, 0).truncated


def test_a_result_of_large_values_is_cut() -> None:
    found = table([page({"a": "varchar", "b": "varchar"}, *[["x" * 5000, "y"]] * 500)], 500, 0)
    assert found.truncated
    assert len(json.dumps(found.event())) < 120_000


def test_a_result_of_too_many_columns_is_no_table() -> None:
    with pytest.raises(ValueError, match="Select at most 100"):
        table([page({f"c{number}": "integer" for number in range(MOST_COLUMNS + 1)})], 10, 0)
    wide = table([page({f"c{number}": "varchar" for number in range(100)}, ["x" * 5000] * 100)], 10, 0)
    assert max(map(len, wide.lines())) < 20_000


# Charts.


SALES = Table(
    [Column("day", "date"), Column("region", "varchar"), Column("total.eur", "double"), Column("n", "bigint")],
    [["2026-01-01", "EU", 1.5, 3], ["2026-01-02", "US", 2.5, 4], [None, "EU", 1.0, 5], ["2026-01-03", "EU", None, 6]],
    truncated=False,
    bytes_scanned=10,
)


def test_a_chart_holds_its_data_and_nothing_of_the_model_but_a_title() -> None:
    found = chart({"kind": "line", "x": "day", "y": "total.eur", "series": "region", "title": "Sales"}, SALES)
    assert found == {
        "$schema": SCHEMA,
        "title": "Sales",
        "data": {
            "values": [
                {"x": "2026-01-01", "y": 1.5, "series": "EU"},
                {"x": "2026-01-02", "y": 2.5, "series": "US"},
            ]
        },
        "mark": {"type": "line", "tooltip": True},
        "encoding": {
            "x": {"field": "x", "type": "temporal", "title": "day"},
            "y": {"field": "y", "type": "quantitative", "title": "total.eur"},
            "color": {"field": "series", "type": "nominal", "title": "region"},
        },
    }


def test_kinds_of_charts() -> None:
    bar = chart({"kind": "bar", "x": "REGION", "y": "n"}, SALES)
    assert bar["encoding"]["x"] == {"field": "x", "type": "nominal", "title": "region", "sort": None}
    assert "color" not in bar["encoding"]
    pie = chart({"kind": "pie", "x": "region", "y": "n"}, SALES)
    assert pie["mark"]["type"] == "arc"
    assert set(pie["encoding"]) == {"theta", "color"}
    assert chart({"kind": "point", "x": "n", "y": "n"}, SALES)["encoding"]["x"]["type"] == "quantitative"


def test_points_in_time_are_written_for_browsers() -> None:
    found = Table([Column("t", "timestamp"), Column("n", "integer")], [["2026-01-01 10:00:00.000", 1]], False, 0)
    assert chart({"kind": "line", "x": "t", "y": "n"}, found)["data"]["values"][0]["x"] == "2026-01-01T10:00:00.000"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"kind": "bar", "x": "nowhere", "y": "n"}, "no column nowhere. It has: day, region"),
        ({"kind": "bar", "x": "region", "y": "region"}, "has to be a number"),
    ],
)
def test_a_chart_that_does_not_fit_is_refused(asked: dict[str, str], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        chart(asked, SALES)


def test_a_chart_of_nothing_is_refused() -> None:
    with pytest.raises(ChartError, match="no rows"):
        chart({"kind": "bar", "x": "n", "y": "n"}, Table([Column("n", "integer")], [], False, 0))


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "bar", "x": "a", "y": "b", "data": {"url": "https://elsewhere.example.com"}},
        {"kind": "geoshape", "x": "a", "y": "b"},
        {"kind": "bar", "x": "a", "y": "b", "title": {"signal": "1"}},
        {"kind": "bar", "x": "a"},
    ],
)
def test_the_model_says_nothing_else_of_a_chart(asked: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(asked, dict(ARGUMENTS))


# Athena.


class Service:
    """Athena, whose queries go through these states."""

    def __init__(self, *states: Any, pages: Sequence[Mapping[str, Any]] = (), start: Exception | None = None) -> None:
        self.states, self.pages, self.start = list(states), list(pages), start
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        if self.start:
            raise self.start
        self.started.append(request)
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, Exception):
            raise state
        status = {"State": state} if isinstance(state, str) else state
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 2048}}}

    def get_query_results(self, **request: Any) -> Mapping[str, Any]:
        number = int(request.get("NextToken", 0))
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {**self.pages[number], **more}

    def stop_query_execution(self, **request: Any) -> None:
        self.stopped.append(request["QueryExecutionId"])


def athena(service: Service, seconds: float = 30) -> tuple[Athena, list[float]]:
    waited: list[float] = []
    clock = lambda: sum(waited)  # noqa: E731
    return Athena(service, "figures", seconds, 10_000_000, sleep=waited.append, clock=clock), waited


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "StartQueryExecution")


def test_a_query_is_awaited_and_its_pages_are_read() -> None:
    kinds = {"n": "integer"}
    service = Service(
        "QUEUED",
        *["RUNNING"] * 5,
        "SUCCEEDED",
        pages=[page(kinds, ["1"]), page(kinds, ["2"], header=False)],
    )
    asked, waited = athena(service)
    looks: list[int] = []
    found = asked.result("SELECT 1", 10, lambda: looks.append(1))
    assert [list(row) for row in found.rows] == [[1], [2]]
    assert found.bytes_scanned == 2048
    assert waited[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert max(waited) == 1.0
    assert len(looks) == 7 + 2
    assert service.started == [
        {"QueryString": "SELECT 1", "WorkGroup": "figures", "QueryExecutionContext": {"Catalog": "AwsDataCatalog"}}
    ]
    assert not service.stopped


def test_a_query_is_stopped_when_the_answer_ends() -> None:
    service = Service("RUNNING")
    asked, _ = athena(service)
    looks = itertools.count()

    def go_on() -> None:
        if next(looks) == 3:
            raise TIMEOUT()

    with pytest.raises(ChatError):
        asked.result("SELECT 1", 10, go_on)
    assert service.stopped == ["q1"]


def test_a_query_that_takes_too_long_is_stopped() -> None:
    service = Service("RUNNING")
    asked, waited = athena(service, seconds=5)
    with pytest.raises(QueryError, match="longer than 5 seconds"):
        asked.result("SELECT 1", 10, lambda: None)
    assert service.stopped == ["q1"]
    assert sum(waited) < 7


def test_a_query_is_stopped_when_athena_cannot_be_reached() -> None:
    service = Service("RUNNING", EndpointConnectionError(endpoint_url="https://athena"))
    asked, _ = athena(service)
    with pytest.raises(QueryError, match="could not run"):
        asked.result("SELECT 1", 10, lambda: None)
    assert service.stopped == ["q1"]


FAILURES = {
    "column": (
        "COLUMN_NOT_FOUND: line 1:8: Column 'nam' cannot be resolved",
        "COLUMN_NOT_FOUND: line 1:8: Column 'nam' cannot be resolved",
    ),
    "bucket": (
        "NOT_SUPPORTED: bad file s3://shop-data/orders/part-1.parquet of arn:aws:glue:us-east-1:111122223333:table/x",
        "NOT_SUPPORTED: bad file ... of ...",
    ),
    "value": (
        "INVALID_CAST_ARGUMENT: Cannot cast 'ann@example.com' to BIGINT",
        "Athena could not compute the result: INVALID_CAST_ARGUMENT.",
    ),
    "cut-off": (
        "Query cancelled! : Bytes scanned limit was exceeded",
        "The query would read more than 10 MB. Select fewer columns, or filter by a partition.",
    ),
    "permission": (
        "PERMISSION_DENIED: User: arn:aws:sts::111122223333:assumed-role/x is not authorized to perform glue:GetTable",
        "Athena could not run the query.",
    ),
    "other": ("HIVE_CURSOR_ERROR: secret value 42", "Athena could not run the query."),
}


@pytest.mark.parametrize(("reason", "said"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_an_error_helps_the_model_and_tells_nothing_else(
    reason: str, said: str, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked, _ = athena(Service({"State": state, "StateChangeReason": reason, "AthenaError": {"ErrorCategory": 2}}))
    with pytest.raises(QueryError) as failure:
        asked.result("SELECT 1", 10, lambda: None)
    assert str(failure.value) == said
    assert reason not in caplog.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            refused("InvalidRequestException", "line 1:15: mismatched input 'FORM'"),
            "line 1:15: mismatched input 'FORM'",
        ),
        (
            refused("InvalidRequestException", "WorkGroup x is not found in arn:aws:x"),
            "Athena could not run the query.",
        ),
        (refused("TooManyRequestsException", "slow down"), "Athena has too many queries at this moment."),
        (
            refused("AccessDeniedException", "arn:aws:iam::111122223333:role/x may not"),
            "Athena could not run the query.",
        ),
    ],
)
def test_a_query_that_does_not_begin(error: Exception, said: str) -> None:
    asked, _ = athena(Service("RUNNING", start=error))
    with pytest.raises(QueryError) as failure:
        asked.result("SELECT 1", 10, lambda: None)
    assert str(failure.value) == said


# The tools.


OWN = Environment(
    INSIGHT_TABLES=sorted(TABLES),
    INSIGHT_WORKGROUP="figures",
    INSIGHT_ROWS=10,
    INSIGHT_BYTES=10_000_000,
    INSIGHT_SECONDS=30,
)


class Use:
    """One use of the tool that asks."""

    def __init__(self, service: Service, assessed: Callable[[str], Assessed] = Assessed) -> None:
        self.tool = insight.Query(athena(service)[0], OWN, assessed)
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, **arguments: Any) -> str:
        jsonschema.validate(arguments, dict(self.tool.schema))
        return self.tool.run(Call("t1", arguments, self._send, lambda: 100.0, lambda: None))

    def _send(self, event: str, **data: Any) -> None:
        jsonschema.validate(data, EVENTS["properties"][event])
        self.events.append((event, json.loads(json.dumps(data))))


REGIONS = page({"region": "varchar", "total": "bigint"}, ["EU", "3"], ["US", "4"])


def test_a_table_and_a_chart_are_shown() -> None:
    use = Use(Service("SUCCEEDED", pages=[REGIONS]))
    told = use(
        sql="SELECT region, SUM(amount) AS total FROM orders GROUP BY 1",
        chart={"kind": "bar", "x": "region", "y": "total", "title": "Total"},
    )
    (_, shown), (_, drawn) = use.events
    assert [name for name, _ in use.events] == ["table", "chart"]
    assert shown["rows"] == [["EU", 3], ["US", 4]]
    assert shown["sql"].startswith('SELECT "region", SUM("amount") AS "total" FROM "shop"."orders"')
    assert shown["id"] == drawn["id"] == "t1"
    assert drawn["spec"]["data"]["values"] == [{"x": "EU", "y": 3}, {"x": "US", "y": 4}]
    facts, *lines = told.split("\n")
    assert json.loads(facts) == {"rows": 2, "more_rows_exist": False, "rows_below": 2, "bytes_scanned": 2048}
    assert lines == ['["region", "total"]', '["EU", 3]', '["US", 4]']


def test_a_chart_that_cannot_be_drawn_leaves_the_table() -> None:
    use = Use(Service("SUCCEEDED", pages=[REGIONS]))
    told = use(sql="SELECT region FROM orders", chart={"kind": "bar", "x": "region", "y": "region"})
    assert [name for name, _ in use.events] == ["table"]
    assert "has to be a number" in json.loads(told.split("\n")[0])["chart"]


def test_what_is_not_permitted_never_reaches_athena() -> None:
    service = Service("SUCCEEDED", pages=[REGIONS])
    with pytest.raises(ToolError, match="may not be read") as refusal:
        Use(service)(sql="SELECT * FROM shop.secrets")
    assert refusal.value.refused
    assert not service.started


def test_an_error_of_athena_is_one_of_the_tool() -> None:
    service = Service({"State": "FAILED", "StateChangeReason": FAILURES["column"][0]})
    with pytest.raises(ToolError, match="COLUMN_NOT_FOUND") as failure:
        Use(service)(sql="SELECT nam FROM orders")
    assert not failure.value.refused


def test_what_the_guardrail_masks_is_masked_for_everyone() -> None:
    people = page({"mail": "varchar", "n": "integer"}, ["ann@example.com", "1"], ["bob@example.com", "2"])

    def mask(text: str) -> Assessed:
        return Assessed(text.replace("ann@example.com", "{EMAIL}").replace("bob@example.com", "{EMAIL}"))

    use = Use(Service("SUCCEEDED", pages=[people]), mask)
    told = use(sql="SELECT mail, n FROM orders", chart={"kind": "bar", "x": "mail", "y": "n"})
    assert use.events[0][1]["rows"] == [["{EMAIL}", 1], ["{EMAIL}", 2]]
    assert "example.com" not in told + json.dumps(use.events)


@pytest.mark.parametrize(
    "assessed",
    [
        lambda text: Assessed("", blocked=True),
        lambda text: Assessed("I cannot show this."),
        lambda text: Assessed(text.replace("\n", " ")),
        lambda text: Assessed(text.replace('"EU", ', "")),
    ],
)
def test_a_result_that_the_guardrail_does_not_leave_whole_is_not_shown(assessed: Callable[[str], Assessed]) -> None:
    use = Use(Service("SUCCEEDED", pages=[REGIONS]), assessed)
    with pytest.raises(ToolError, match="guardrail") as refusal:
        use(sql="SELECT region FROM orders")
    assert refusal.value.refused
    assert not use.events


def test_a_guardrail_assesses_as_much_as_it_takes_at_once() -> None:
    seen: list[str] = []
    rows = [["x" * 900, str(number)] for number in range(60)]
    use = Use(
        Service("SUCCEEDED", pages=[page({"a": "varchar", "n": "integer"}, *rows)]),
        lambda text: seen.append(text) or Assessed(text),  # type: ignore[func-returns-value]
    )
    use.tool._own = Environment(**{**vars(OWN), "INSIGHT_ROWS": 60})
    told = use(sql="SELECT a, n FROM orders")
    assert len(seen) > 2
    assert max(map(len, seen)) <= 20_000
    assert sum(text.count("\n") + 1 for text in seen) == 61
    assert len(use.events[0][1]["rows"]) == 60
    facts = json.loads(told.split("\n")[0])
    # The model need not read it all.
    assert facts["rows"] == 60
    assert 0 < facts["rows_below"] < 30
    assert len(told) < 25_000


class Glue:
    """The Data Catalog, with one table that cannot be read."""

    def get_table(self, DatabaseName: str, Name: str) -> dict[str, Any]:
        if DatabaseName == "hr":
            raise refused("AccessDeniedException", "no")
        columns = [{"Name": "id", "Type": "bigint", "Comment": "x" * 1000}, {"Name": "region", "Type": "string"}]
        return {
            "Table": {
                "Name": Name,
                "Description": "What was sold",
                "StorageDescriptor": {"Columns": columns, "Location": "s3://secret/"},
                "PartitionKeys": [{"Name": "day", "Type": "date"}],
                "Parameters": {"owner": "ann"},
            }
        }


def test_tables_are_described_by_their_columns() -> None:
    found = [json.loads(line) for line in described(Glue(), ["shop.orders", "hr.staff"], lambda: None).split("\n")]
    assert found == [
        {
            "table": "shop.orders",
            "comment": "What was sold",
            "columns": [
                {"name": "id", "type": "bigint", "comment": "x" * 300},
                {"name": "region", "type": "string"},
                {"name": "day", "type": "date", "partition": True},
            ],
        }
    ]


def test_a_catalog_that_cannot_be_read_is_told() -> None:
    with pytest.raises(CatalogError):
        described(Glue(), ["hr.staff"], lambda: None)
    with pytest.raises(ToolError):
        insight.DescribeTables(Glue(), ["hr.staff"]).run(Call("1", {}, lambda *_: None, lambda: 1.0, lambda: None))


def test_the_kind_offers_its_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = {
        "MODELS": "{}",
        "SYSTEM_PROMPT": "",
        "GUARDRAIL_ID": "g",
        "GUARDRAIL_VERSION": "1",
        "ASSISTANT": "figures",
        "CLIENT_IDS": "[]",
    }
    for name, value in {**chat, **OWN.variables(), "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    found = tools("insight", Asker({"sub": "u1"}, [], ""))
    assert [each.name for each in found] == ["describe_tables", "query"]
    assert not any(each.confirm for each in found)
    for each in found:
        jsonschema.Draft7Validator.check_schema(dict(each.schema))
