"""The record of every use of a tool: who, what, when and the decision, and without it no use."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from aws_genai.functions.action_audit import handler as audit
from aws_genai.functions.action_audit.records import digest, records

GROUP, STREAM = "actions", "2026/11/30/[$LATEST]abc"
CONTEXT = SimpleNamespace(log_stream_name=STREAM)
DENIED = "AuthorizeActionException - Tool Execution Denied: no"


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"h.{body}.s"


ANN = token(sub="ann", client_id="web", jti="t-1", email="ann@example.com")


def event(body: Any, response: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> dict[str, Any]:
    sent = headers if headers is not None else {"Authorization": f"Bearer {ANN}"}
    mcp: dict[str, Any] = {"gatewayRequest": {"path": "/mcp", "httpMethod": "POST", "headers": sent, "body": body}}
    if response is not None:
        mcp["gatewayResponse"] = {"statusCode": status, "headers": {}, "body": response}
    return {"interceptorInputVersion": "1.0", "mcp": mcp}


def use(id: Any = "use-1", name: str = "tickets___close_ticket", **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def result(said: str, *, error: bool = False, id: Any = "use-1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": said}], "isError": error}}


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AUDIT_LOG", GROUP)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    audit.client.cache_clear()
    with mock_aws():
        client = boto3.client("logs")
        client.create_log_group(logGroupName=GROUP)
        yield client
    audit.client.cache_clear()


def written(logs: Any) -> list[dict[str, Any]]:
    found = logs.filter_log_events(logGroupName=GROUP)["events"]
    return [json.loads(each["message"]) for each in found]


def test_a_use_is_recorded_before_it_reaches_the_tool(logs: Any) -> None:
    asked = use(number=7)
    passed = audit.handler(event(asked), CONTEXT)
    assert passed == {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": {"body": asked}}}
    (record,) = written(logs)
    assert record.pop("time").startswith("20")
    assert record == {
        "event": "asked",
        "id": "use-1",
        "user": "ann",
        "client": "web",
        "token": "t-1",
        "tool": "tickets___close_ticket",
        "arguments_sha256": digest({"number": 7}),
    }


@pytest.mark.parametrize(
    ("response", "status", "decision"),
    [
        (result("closed"), 200, "allowed"),
        (result(DENIED, error=True), 200, "denied"),
        (result("no such ticket", error=True), 200, "failed"),
        ({"jsonrpc": "2.0", "id": "use-1", "error": {"code": -32603}}, 200, "failed"),
        (result("closed"), 500, "failed"),
        (result("closed", id="another"), 200, "failed"),
        ("nonsense", 200, "failed"),
    ],
)
def test_the_decision_is_recorded_on_the_way_back(logs: Any, response: Any, status: int, decision: str) -> None:
    passed = audit.handler(event(use(), response, status), CONTEXT)
    changed = passed["mcp"]["transformedGatewayResponse"]
    assert changed == {"statusCode": status, "body": response}
    (record,) = written(logs)
    assert (record["event"], record["decision"]) == ("answered", decision)


def test_what_a_tool_says_decides_nothing(logs: Any) -> None:
    """A result that reads like a refusal is none, unless the gateway says that it is an error."""
    audit.handler(event(use(), result(DENIED)), CONTEXT)
    assert written(logs)[0]["decision"] == "allowed"


@pytest.mark.parametrize("method", ["initialize", "tools/list", "ping", "notifications/initialized"])
def test_what_is_no_use_of_a_tool_passes_without_a_record(logs: Any, method: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method}
    assert audit.handler(event(body, headers={}), CONTEXT)["mcp"]["transformedGatewayRequest"]["body"] == body
    assert written(logs) == []


def test_every_use_of_a_batch_is_recorded(logs: Any) -> None:
    audit.handler(event([use("1"), {"jsonrpc": "2.0", "id": "2", "method": "ping"}, use("3")]), CONTEXT)
    assert [each["id"] for each in written(logs)] == ["1", "3"]


@pytest.mark.parametrize(
    "wrong",
    [
        event(use(), headers={}),
        event(use(), headers={"Authorization": "Bearer x"}),
        event(use(), headers={"Authorization": f"Bearer {token(client_id='web')}"}),
        event(use(), headers={"Authorization": "Bearer h.!!!.s"}),
        event({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}),
    ],
)
def test_what_cannot_be_recorded_does_not_pass(logs: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as raised:
        audit.handler(wrong, CONTEXT)
    assert "!!!" not in str(raised.value)
    assert written(logs) == []


def test_without_the_log_there_is_no_action(logs: Any) -> None:
    logs.delete_log_group(logGroupName=GROUP)
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        audit.handler(event(use()), CONTEXT)


def test_a_rejected_record_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client = boto3.client("logs", region_name="us-east-1", **keys)
    monkeypatch.setattr(audit, "client", lambda _: client)
    monkeypatch.setenv("AUDIT_LOG", GROUP)
    with Stubber(client) as stub:
        stub.add_response("put_log_events", {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}})
        with pytest.raises(RuntimeError, match="rejected"):
            audit.handler(event(use()), CONTEXT)


def test_neither_arguments_nor_results_nor_tokens_are_recorded() -> None:
    found = records(event(use(note="private words"), result("more private words"))["mcp"], "now")
    told = json.dumps(found)
    assert "private" not in told
    assert "ann@example.com" not in told
    assert ANN not in told


def test_the_digest_does_not_depend_on_the_order() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
