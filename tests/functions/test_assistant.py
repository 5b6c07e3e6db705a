"""An assistant's answer as events, and what becomes of everything that can go wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError

from aws_genai.functions.assistant import answer
from aws_genai.models.access.inference import Inference, requests_of
from operations.answers import Event, events

MODEL = "amazon.nova-lite-v1:0"
SCHEMA = json.loads((Path(answer.__file__).parent / "events.schema.json").read_text(encoding="utf-8"))
CLAIMS = {"sub": "u", "cognito:groups": "staff", "client_id": "client", "token_use": "access"}


@pytest.fixture(scope="module", autouse=True)
def variables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "POWERTOOLS_SERVICE_NAME": "assistant",
            "MODELS": json.dumps(requests_of([MODEL], Inference(max_tokens=500), {})),
            "SYSTEM_PROMPT": "Be brief.",
            "GUARDRAIL_ID": "guard",
            "GUARDRAIL_VERSION": "3",
            "ASSISTANT": "helper",
            "CLIENT_IDS": '["client"]',
        }.items():
            patch.setenv(name, value)
        from aws_genai.functions.chat.request import limits

        limits.cache_clear()
        yield
        limits.cache_clear()


class Stream:
    """A response that is written down."""

    def __init__(self) -> None:
        self.begun, self.status, self.headers, self.body = False, 0, dict[str, str](), b""
        self.written = time.monotonic()

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.begun, self.status, self.headers = True, status, dict(headers)

    def write(self, data: bytes) -> None:
        self.body += data


class Parts(list[Any]):
    """The stream of a response; an exception in it is raised at its place, an event is waited for."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__(parts)
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Any]:
        for part in list.__iter__(self):
            if isinstance(part, Exception):
                raise part
            if isinstance(part, threading.Event):
                part.wait(10)
            else:
                yield part

    def close(self) -> None:
        self.closed.set()


def delta(text: str) -> dict[str, Any]:
    return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}


def stop(reason: str = "end_turn") -> dict[str, Any]:
    return {"messageStop": {"stopReason": reason}}


def metadata(**more: Any) -> dict[str, Any]:
    return {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}, **more}}


WHOLE = [
    {"messageStart": {"role": "assistant"}},
    delta("Good "),
    delta("day"),
    {"contentBlockStop": {}},
    stop(),
    metadata(),
]


class Account:
    """Bedrock, which answers with given parts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[Any] = list(WHOLE)
        self.found: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.error: Exception | None = None
        from aws_genai.functions.assistant import handler

        monkeypatch.setattr(handler, "client", lambda *_: self)

    def converse_stream(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        self.stream = Parts(self.parts)
        return {"stream": self.stream}

    def retrieve(self, **_: Any) -> dict[str, Any]:
        return {"retrievalResults": self.found}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(monkeypatch)


def call(body: Any = None, claims: dict[str, Any] | None = CLAIMS, left: int = 300_000, **event: Any) -> Stream:
    from aws_genai.functions.assistant.handler import handler

    question = {"messages": [{"role": "user", "text": "Hello"}]} if body is None else body
    context = SimpleNamespace(
        function_name="assistant",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:x",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: left,
        stream=Stream(),
    )
    asked = {"requestId": "r1", **({"authorizer": {"claims": claims}} if claims else {})}
    handler({"body": json.dumps(question), "requestContext": asked, **event}, context)
    stream: Stream = context.stream
    assert stream.headers["Cache-Control"] == "no-store"
    return stream


def told(stream: Stream) -> list[tuple[str, dict[str, Any]]]:
    assert stream.status == 200
    assert stream.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    found = [(each.name, each.data) for each in events([stream.body])]
    for name, data in found:
        jsonschema.validate({name: data}, SCHEMA)
    return found


def refused(stream: Stream) -> tuple[int, str]:
    assert stream.headers["Content-Type"] == "application/json"
    return stream.status, json.loads(stream.body)["error"]["code"]


def test_an_answer_is_its_parts(account: Account) -> None:
    assert told(call()) == [
        ("meta", {"assistant": "helper", "model": MODEL, "request_id": "r1"}),
        ("delta", {"text": "Good "}),
        ("delta", {"text": "day"}),
        ("usage", {"input_tokens": 7, "output_tokens": 3}),
        ("done", {"stop_reason": "end_turn"}),
    ]
    (request,) = account.requests
    assert request["guardrailConfig"] == {
        "guardrailIdentifier": "guard",
        "guardrailVersion": "3",
        "trace": "enabled",
        "streamProcessingMode": "sync",
    }


@pytest.mark.parametrize(
    ("body", "claims", "outcome"),
    [
        ({"messages": []}, CLAIMS, (400, "malformed_request")),
        ({"messages": [{"role": "assistant", "text": "x"}]}, CLAIMS, (400, "malformed_request")),
        ({"messages": [{"role": "user", "text": "x"}], "model": "other"}, CLAIMS, (404, "unknown_model")),
        (None, None, (401, "unauthorized")),
    ],
)
def test_what_cannot_be_answered_is_an_http_error(account: Account, body: Any, claims: Any, outcome: Any) -> None:
    assert refused(call(body, claims)) == outcome
    assert not account.requests


def test_tokens_of_other_clients_are_refused(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_IDS", '["another"]')
    assert refused(call()) == (403, "wrong_client")
    assert not account.requests


@pytest.mark.parametrize(
    ("groups", "status"), [("staff", 200), ("[hr, staff]", 200), ("hr", 403), ("staffing", 403), ("", 403)]
)
def test_users_of_other_groups_are_refused_before_anything_is_paid(
    account: Account, monkeypatch: pytest.MonkeyPatch, groups: str, status: int
) -> None:
    monkeypatch.setenv("GROUPS", '["board", "staff"]')
    stream = call(claims={**CLAIMS, "cognito:groups": groups})
    assert stream.status == status
    if status == 403:
        assert refused(stream) == (403, "wrong_group")
    assert bool(account.requests) == (status == 200)


def test_a_program_has_the_groups_of_the_settings_alone(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPS", '["staff"]')
    token = {"sub": "robot", "client_id": "robot", "token_use": "access", "cognito:groups": "staff"}
    monkeypatch.setenv("MACHINES", '{"robot": {"groups": ["hr"]}}')
    assert refused(call(claims=token)) == (403, "wrong_group")
    monkeypatch.setenv("MACHINES", '{"robot": {"groups": ["staff"]}}')
    assert call(claims=token).status == 200


def aws(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret of the service"}}, "ConverseStream")


def streamed(code: str) -> EventStreamError:
    return EventStreamError({"Error": {"Code": code, "Message": "secret of the service"}}, "ConverseStream")


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([streamed("throttlingException")], 429, "throttled"),
        ([delta("Good "), streamed("modelStreamErrorException")], 502, "model_failed"),
        ([delta("Good "), streamed("serviceUnavailableException")], 503, "model_unavailable"),
        ([delta("Good "), ReadTimeoutError(endpoint_url="x")], 504, "model_timeout"),
        ([delta("Good ")], 502, "model_failed"),
        ([delta("Good "), stop()], 502, "model_failed"),
        ([stop(), metadata()], 502, "model_failed"),
        ([delta("Good "), {"metadata": {}}], 502, "model_failed"),
    ],
)
def test_a_stream_that_breaks_ends_in_an_error(account: Account, parts: list[Any], status: int, code: str) -> None:
    account.parts = parts
    stream = call()
    *before, (name, data) = told(stream)
    assert (name, data["status"], data["code"]) == ("error", status, code)
    assert [each for each, _ in before] == ["meta", *(["delta"] if parts[0] == delta("Good ") else [])]
    assert "secret" not in stream.body.decode()


@pytest.mark.parametrize(("error", "code"), [("ThrottlingException", "throttled"), ("Unheard", "model_failed")])
def test_a_model_that_refuses_is_an_error(account: Account, error: str, code: str) -> None:
    account.error = aws(error)
    assert [(name, data.get("code")) for name, data in told(call())] == [("meta", None), ("error", code)]


@pytest.mark.parametrize(
    ("assessed", "code"), [({"outputAssessments": {"g": []}}, "output_blocked"), ({}, "input_blocked")]
)
def test_what_the_guardrail_blocks_is_told(account: Account, assessed: dict[str, Any], code: str) -> None:
    account.parts = [delta("Blocked."), stop("guardrail_intervened"), metadata(trace={"guardrail": assessed})]
    *_, (name, data), last = told(call())
    assert (name, data["code"]) == ("guardrail", code)
    assert last == ("done", {"stop_reason": "guardrail_intervened"})


def test_an_answer_that_takes_longer_than_there_is_time_is_ended(account: Account) -> None:
    account.parts = [*WHOLE[:2], threading.Event(), *WHOLE[2:]]
    assert told(call(left=900))[-1][1]["code"] == "model_timeout"
    account.parts[2].set()
    assert account.stream.closed.wait(10)


def test_a_fault_of_our_own_is_an_event_without_its_reason(account: Account) -> None:
    account.error = RuntimeError("secret")
    stream = call()
    assert told(stream)[-1] == (
        "error",
        {"status": 500, "code": "internal_error", "message": "Something went wrong on our side."},
    )
    assert b"secret" not in stream.body


PASSAGE = {
    "content": {"text": "Leave is 25 days."},
    "location": {"s3Location": {"uri": "s3://documents/accepted/leave.md"}},
    "metadata": {"document": "leave.md", "group_staff": True},
}


@pytest.fixture
def knowing(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("KNOWLEDGE_BASE", "KB1")
    account.found = [PASSAGE, {**PASSAGE, "metadata": {"document": "pay.md", "group_board": True}}]
    return account


def test_an_answer_from_documents_names_them_first(knowing: Account) -> None:
    names = told(call())
    assert [name for name, _ in names] == ["meta", "source", "delta", "delta", "usage", "done"]
    assert names[1][1] == {"document": "leave.md", "uri": "s3://documents/accepted/leave.md"}
    shown = json.dumps(knowing.requests[0]["messages"])
    assert "Leave is 25 days." in shown
    assert "pay.md" not in shown


@pytest.mark.parametrize("groups", ["board-members", ""])
def test_without_a_document_that_fits_no_model_is_paid(knowing: Account, groups: str) -> None:
    names = told(call(claims={**CLAIMS, "cognito:groups": groups}))
    assert names[1] == ("delta", {"text": "I found nothing about this in the documents that you may read."})
    assert names[-1] == ("done", {"stop_reason": "no_support"})
    assert not knowing.requests


def test_pages_of_allowed_origins_read_every_kind_of_response(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORIGINS", '["https://mine.example.com"]')
    headers = {"Origin": "https://mine.example.com"}
    for body in (None, {"messages": []}):
        assert call(body, headers=headers).headers["Access-Control-Allow-Origin"] == "https://mine.example.com"
    assert "Access-Control-Allow-Origin" not in call(headers={"Origin": "https://other.example.com"}).headers


class Counters:
    """A table of a budget, which has so much left."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []
        self.full = False

    def update_item(self, **request: Any) -> dict[str, Any]:
        if self.full:
            response = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": {"requests": {"N": "500"}}}
            raise ClientError(response, "UpdateItem")  # type: ignore[arg-type] # boto3 adds the item
        self.writes.append(request)
        return {}


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Counters:
    from aws_genai.functions.assistant import handler
    from aws_genai.functions.usage_budget.budget import Allowance, Budget, Limit

    made = Counters()
    budget = Budget(made, "budget", Allowance(Limit(requests=500, tokens=100_000, blocks=5)))
    monkeypatch.setattr(handler, "counting", lambda: budget)
    return made


def test_a_spent_budget_is_an_http_error_and_asks_nobody(account: Account, counters: Counters) -> None:
    counters.full = True
    assert refused(call()) == (429, "requests_spent")
    assert not account.requests


def test_what_was_reserved_and_not_used_is_given_back(account: Account, counters: Counters) -> None:
    call()
    reserved, settled = (each["ExpressionAttributeValues"] for each in counters.writes)
    assert int(reserved[":tokens"]["N"]) + int(settled[":tokens"]["N"]) == 10
    assert (settled[":blocked"], settled[":blocks"]) == ({"N": "0"}, {"N": "-1"})


def test_a_block_is_counted(account: Account, counters: Counters) -> None:
    account.parts = [delta("Blocked."), stop("guardrail_intervened"), metadata()]
    call()
    assert counters.writes[-1]["ExpressionAttributeValues"][":blocked"] == {"N": "1"}


@pytest.mark.parametrize("code", ["modelStreamErrorException", "throttlingException"])
def test_what_was_answered_in_part_stays_counted(account: Account, counters: Counters, code: str) -> None:
    account.parts = [delta("Good "), streamed(code)]
    call()
    _, kept = (each["ExpressionAttributeValues"] for each in counters.writes)
    assert (kept[":tokens"], kept[":blocks"]) == ({"N": "0"}, {"N": "-1"})


def test_a_model_that_refused_costs_nothing(account: Account, counters: Counters) -> None:
    account.error = aws("ThrottlingException")
    call()
    reserved, settled = (each["ExpressionAttributeValues"] for each in counters.writes)
    assert int(reserved[":tokens"]["N"]) + int(settled[":tokens"]["N"]) == 0


def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    from aws_genai.functions.assistant import events as module

    monkeypatch.setattr(module, "PING_SECONDS", 0.0)

    def slow() -> Iterator[Any]:
        for part in WHOLE:
            if part == delta("day"):
                time.sleep(1.3)
            yield part

    monkeypatch.setattr(Parts, "__iter__", lambda _self: slow())
    stream = call()
    assert b"\n\n: ping\n\n" in stream.body
    assert [name for name, _ in told(stream)] == ["meta", "delta", "delta", "usage", "done"]


def test_events_are_read_however_they_are_split() -> None:
    body = 'event: delta\ndata: {"text": "né\\n"}\n\n: ping\n\nevent: done\ndata: {}\n\n'.encode()
    for size in (1, 2, 3, 7, 1000):
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        assert list(events(parts)) == [Event("delta", {"text": "né\n"}), Event("done", {})]
