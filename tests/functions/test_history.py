"""Conversations: stored while they are answered, found again, stopped, shared and erased; and nobody else's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import boto3
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings, strategies
from moto import mock_aws

from aws_genai.functions.history.items import new_id
from aws_genai.models.access.inference import Inference, requests_of
from operations.answers import events
from tests.functions.test_assistant import MODEL, SCHEMA, Account, Stream, delta, metadata, stop
from tests.functions.test_loop import Thermometer, end, use

TABLE, COUNTERS, BUCKET = "history", "budget", "attachments"
ANN, BOB = "ann-0001", "bob-0002"
SIGNED_IN = {"client_id": "client", "token_use": "access"}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
        "CLIENT_IDS": '["client"]',
        "ASSISTANT": "helper",
        "HISTORY_TABLE": TABLE,
        "HISTORY_DAYS": "30",
        "HISTORY_TURNS": "5",
        "BUDGET_TABLE": COUNTERS,
        "BUDGET_DAY": '{"requests": 50, "tokens": 100000, "blocks": 5}',
        "HISTORY_FILES": "3",
        "ATTACHMENTS_BUCKET": BUCKET,
        "ATTACHMENTS_KEY": "arn:aws:kms:us-east-1:123456789012:key/own",
        "ATTACHMENTS_BYTES": "1000000",
        "ATTACHMENTS_PER_DAY": "1000",
        "ATTACHMENTS_TYPES": '["csv", "docx", "html", "md", "pdf", "txt", "xlsx"]',
    }.items():
        monkeypatch.setenv(name, value)
    clear()
    with mock_aws():
        files = boto3.client("s3")
        files.create_bucket(Bucket=BUCKET)
        files.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        client = boto3.client("dynamodb")
        for table, keys in ((TABLE, ("pk", "sk")), (COUNTERS, ("who",))):
            client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            )
        yield
    clear()


def clear() -> None:
    from aws_genai.functions.assistant import handler
    from aws_genai.functions.chat import request, spending
    from aws_genai.functions.conversations import uploads
    from aws_genai.functions.history import reached

    for cached in (handler.stored, request.limits, spending.counting, reached.history, reached.dynamodb, uploads.s3):
        cached.cache_clear()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(monkeypatch)


def ask(body: dict[str, Any], who: str = ANN, left: int = 300_000) -> Stream:
    from aws_genai.functions.assistant.handler import handler

    context = SimpleNamespace(
        function_name="assistant",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:x",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: left,
        stream=Stream(),
    )
    requested = {"requestId": "r1", "authorizer": {"claims": {"sub": who, "cognito:groups": "staff", **SIGNED_IN}}}
    handler({"body": json.dumps(body), "requestContext": requested}, context)
    stream: Stream = context.stream
    return stream


def told(stream: Stream) -> list[tuple[str, dict[str, Any]]]:
    assert stream.status == 200, stream.body
    found = [(each.name, each.data) for each in events([stream.body])]
    for name, data in found:
        jsonschema.validate({name: data}, SCHEMA)
    return found


def refused(stream: Stream) -> tuple[int, str]:
    return stream.status, json.loads(stream.body)["error"]["code"]


def text(found: Sequence[tuple[str, dict[str, Any]]]) -> str:
    return "".join(data["text"] for name, data in found if name == "delta")


def do(method: str, resource: str, who: str = ANN, body: Any = None, **parameters: str) -> tuple[int, dict[str, Any]]:
    """One request of the function of conversations."""
    from aws_genai.functions.conversations.handler import handler

    context = SimpleNamespace(
        function_name="conversations",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:x",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: 29_000,
    )
    query = {name: parameters.pop(name) for name in ("next", "before") if name in parameters}
    event = {
        "httpMethod": method,
        "resource": resource,
        "pathParameters": parameters,
        "queryStringParameters": query or None,
        "body": None if body is None else json.dumps(body),
        "requestContext": {"authorizer": {"claims": {"sub": who, **SIGNED_IN}}},
    }
    response = handler(event, context)
    return response["statusCode"], json.loads(response["body"])


def begun(question: str = "Hello", who: str = ANN, **more: Any) -> dict[str, Any]:
    """What ``meta`` says of a new answer."""
    (name, meta), *_ = told(ask({"question": question, **more}, who))
    assert name == "meta"
    return meta


def counted(who: str = ANN) -> dict[str, int]:
    found = boto3.client("dynamodb").scan(TableName=COUNTERS)["Items"]
    return {
        name: int(value["N"])
        for item in found
        if item["who"]["S"].startswith(who)
        for name, value in item.items()
        if "N" in value
    }


def items(who: str = ANN) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    return [item for item in found if item["pk"]["S"] == f"USER#{who}"]


def test_a_conversation_goes_on_where_it_ended(account: Account) -> None:
    meta = begun("First question")
    again = told(ask({"question": "And then?", "conversation": meta["conversation"]}))
    assert again[0][1]["conversation"] == meta["conversation"]
    assert [each["content"][0]["text"] for each in account.requests[1]["messages"]] == [
        "First question",
        "Good day",
        "And then?",
    ]
    status, shown = do("GET", "/conversations/{conversation}", conversation=meta["conversation"])
    assert (status, shown["title"], shown["turns"], shown["shared"]) == (200, "First question", 2, False)
    first = shown["items"][0]
    assert (first["id"], first["state"], first["question"]) == (meta["id"], "done", "First question")
    assert [each["event"] for each in first["events"]] == ["delta", "usage", "done"]
    assert first["events"][0]["data"] == {"text": "Good day"}


def test_a_model_is_shown_so_many_turns(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HISTORY_TURNS", "1")
    conversation = begun("One")["conversation"]
    for question in ("Two", "Three"):
        ask({"question": question, "conversation": conversation})
    assert [each["content"][0]["text"] for each in account.requests[-1]["messages"]] == ["Two", "Good day", "Three"]


def test_the_same_request_is_answered_and_billed_once(account: Account) -> None:
    body = {"question": "Hello", "id": "a-client-chose-this-1"}
    first, second = told(ask(body)), told(ask(body))
    assert text(first) == text(second) == "Good day"
    assert second[0][1] == first[0][1]
    assert [name for name, _ in second] == ["meta", "delta", "usage", "done"]
    assert len(account.requests) == 1
    assert (counted()["requests"], counted()["tokens"]) == (1, 10)


def test_an_id_is_for_one_question(account: Account) -> None:
    begun("Hello", id="a-client-chose-this-1")
    assert refused(ask({"question": "Other", "id": "a-client-chose-this-1"})) == (409, "id_used")
    assert told(ask({"question": "Other", "id": "a-client-chose-this-1"}, BOB))[-1][0] == "done", "IDs are each user's"
    assert len(account.requests) == 2


def test_of_the_same_request_at_the_same_moment_one_is_answered(account: Account) -> None:
    body, found = {"question": "Hello", "id": "a-client-chose-this-1"}, list[list[tuple[str, dict[str, Any]]]]()
    gate = threading.Event()
    account.parts = [delta("Good "), gate, delta("day"), stop(), metadata()]
    first = threading.Thread(target=lambda: found.append(told(ask(body))))
    first.start()
    until(lambda: bool(items()))
    second = threading.Thread(target=lambda: found.append(told(ask(body))))
    second.start()
    gate.set()
    for thread in (first, second):
        thread.join(30)
    assert [text(each) for each in found] == ["Good day", "Good day"]
    assert len(account.requests) == 1


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_conversation_has_one_answer_at_a_time(account: Account) -> None:
    conversation = begun()["conversation"]
    gate = threading.Event()
    account.parts = [delta("Good "), gate, stop(), metadata()]
    running = threading.Thread(target=lambda: ask({"question": "Long", "conversation": conversation}))
    running.start()
    until(lambda: len(account.requests) == 2)
    assert refused(ask({"question": "Short", "conversation": conversation})) == (409, "answer_in_progress")
    gate.set()
    running.join(30)
    account.parts = [delta("Fine"), stop(), metadata()]
    assert text(told(ask({"question": "Short", "conversation": conversation}))) == "Fine"


@pytest.mark.parametrize("parts", [[], [delta("Good ")]], ids=["before the first token", "in the middle"])
def test_an_answer_stops_within_a_second(account: Account, parts: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.assistant import reading
    from aws_genai.functions.history import table

    monkeypatch.setattr(reading, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(table, "LOOK_SECONDS", 0.05)
    gate, found = threading.Event(), list[Stream]()
    account.parts = [*parts, gate, delta("day"), stop(), metadata()]
    body = {"question": "Hello", "id": "a-client-chose-this-1"}
    running = threading.Thread(target=lambda: found.append(ask(body)))
    running.start()
    until(lambda: len(account.requests) == 1)
    assert do("POST", "/answers/{answer}/stop", BOB, answer=body["id"])[0] == 404
    assert do("POST", "/answers/{answer}/stop", answer=body["id"]) == (200, {"stopping": True})
    running.join(10)
    assert not running.is_alive()
    assert told(found[0])[-1] == ("done", {"stop_reason": "stopped"})
    assert "day" not in text(told(found[0]))
    gate.set()
    assert account.stream.closed.wait(10), "the response is closed as soon as the model sends something"
    shown = do("GET", "/answers/{answer}", answer=body["id"])[1]
    assert shown["state"] == "stopped"
    # What the model was sent and has sent is counted, and not the most that it could have sent.
    assert 0 < counted()["tokens"] < 500 + 512 + 100
    assert counted()["blocks"] == 0
    assert told(ask(body))[-1] == ("done", {"stop_reason": "stopped"})


def test_an_answer_is_read_while_it_is_written(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.assistant import follow, reading
    from aws_genai.functions.history import table

    for module in (reading, table, follow):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    gate, found = threading.Event(), list[Stream]()
    account.parts = [delta("Good "), gate, delta("day"), stop(), metadata()]
    body = {"question": "Hello", "id": "a-client-chose-this-1"}
    first = threading.Thread(target=lambda: ask(body))
    first.start()
    until(lambda: any(each["data"].get("text") == "Good " for each in events_of(body["id"])))
    assert do("GET", "/answers/{answer}", answer=body["id"])[1]["state"] == "streaming"
    reload = threading.Thread(target=lambda: found.append(ask(body)))
    reload.start()
    gate.set()
    for thread in (first, reload):
        thread.join(30)
    assert text(told(found[0])) == "Good day"
    assert told(found[0])[-1][0] == "done"


def events_of(answer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = do("GET", "/answers/{answer}", answer=answer)[1].get("events", [])
    return found


def test_an_answer_whose_function_ended_without_a_word_is_interrupted(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aws_genai.functions.history import table

    body = {"question": "Hello", "id": "a-client-chose-this-1"}
    monkeypatch.setattr(table.Writing, "end", lambda *_: None)
    conversation = told(ask(body, left=2_000))[0][1]["conversation"]
    monkeypatch.setattr(table, "_LATE", -60)
    assert told(ask(body))[-1][1]["code"] == "interrupted"
    assert do("GET", "/answers/{answer}", answer=body["id"])[1]["state"] == "failed"
    ask({"question": "More", "conversation": conversation})
    assert len(account.requests) == 2, "the conversation goes on"


def test_a_budget_that_is_spent_stores_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGET_DAY", '{"requests": 1, "tokens": 100000, "blocks": 5}')
    monkeypatch.setenv("BUDGET_GROUPS", '{"staff": {"month": {"tokens": 5000}}}')
    clear()
    begun()
    before = items()
    assert refused(ask({"question": "Again"})) == (429, "requests_spent")
    assert items() == before
    assert counted()["requests"] == 1
    assert counted("group:staff")["requests"] == 1, "what the group had reserved came back"
    assert len(account.requests) == 1


def test_a_blocked_answer_is_kept_as_such_and_not_shown_to_the_model(account: Account) -> None:
    conversation = begun()["conversation"]
    account.parts = [delta("Blocked."), stop("guardrail_intervened"), metadata()]
    ask({"question": "Bad", "conversation": conversation})
    account.parts = [delta("Fine"), stop(), metadata()]
    ask({"question": "Good", "conversation": conversation})
    assert "Bad" not in json.dumps(account.requests[-1]["messages"])
    states = [
        each["state"] for each in do("GET", "/conversations/{conversation}", conversation=conversation)[1]["items"]
    ]
    assert states == ["done", "blocked", "done"]
    assert counted()["blocked"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": "a", "messages": [{"role": "user", "text": "b"}]},
        {"messages": [{"role": "user", "text": "b"}], "conversation": new_id()},
        {"messages": [{"role": "user", "text": "b"}], "id": "a-client-chose-this-1"},
        {"question": "a", "id": "short"},
        {"question": "a", "id": "x" * 65},
        {"question": "a", "conversation": "USER#bob"},
        {"question": "a", "sub": BOB},
        {"confirm": {"answer": "a-client-chose-this-1", "digest": "0" * 64, "approve": "yes"}},
        {"confirm": {"answer": "a-client-chose-this-1", "digest": "0" * 64}, "question": "a"},
    ],
)
def test_a_request_that_contradicts_itself_is_malformed(account: Account, body: dict[str, Any]) -> None:
    assert refused(ask(body)) == (400, "malformed_request")
    assert (account.requests, items()) == ([], [])


def test_messages_are_answered_and_not_stored(account: Account) -> None:
    found = told(ask({"messages": [{"role": "user", "text": "Hello"}]}))
    assert "conversation" not in found[0][1]
    assert (len(account.requests), items()) == (1, [])


def test_without_a_table_nothing_is_stored(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HISTORY_TABLE")
    clear()
    assert "conversation" not in told(ask({"question": "Hello"}))[0][1]
    assert refused(ask({"question": "Hello", "conversation": new_id()})) == (400, "malformed_request")
    assert len(account.requests) == 1


# Actions that wait for their user.


@pytest.fixture
def tool(account: Account, monkeypatch: pytest.MonkeyPatch) -> Thermometer:
    from aws_genai.functions.assistant import handler

    made = Thermometer(confirm=True)
    monkeypatch.setattr(handler, "tools", lambda *_: [made])
    monkeypatch.setattr(Account, "apply_guardrail", lambda *_, **__: {"action": "NONE"}, raising=False)
    account.parts = [delta("Let me. "), *use("t1", "temperature", '{"place": "Rome"}'), *end("tool_use")]
    return made


def test_an_action_runs_once_after_its_user_confirmed_it(account: Account, tool: Thermometer) -> None:
    found = told(ask({"question": "Measure Rome", "id": "the-first-answer-01"}))
    assert [name for name, _ in found] == ["meta", "delta", "confirm", "usage", "done"]
    confirm = next(data for name, data in found if name == "confirm")
    assert found[-1] == ("done", {"stop_reason": "confirm"})
    assert tool.calls == []
    decision = {"answer": "the-first-answer-01", "digest": confirm["digest"], "approve": True}
    for other in ({**decision, "digest": "0" * 64}, {**decision, "answer": "another-answer-0001"}):
        assert ask({"confirm": other}).status in (404, 409)
    assert ask({"confirm": decision}, BOB).status == 404
    assert tool.calls == []
    account.parts = [delta("21 degrees."), stop(), metadata()]
    body = {"confirm": decision, "id": "the-second-answer-01"}
    assert text(told(ask(body))) == "21 degrees."
    assert tool.calls == [{"place": "Rome"}]
    assert text(told(ask(body))) == "21 degrees.", "the same request is answered again, and does nothing"
    assert refused(ask({"confirm": decision})) == (409, "confirmation_used")
    assert tool.calls == [{"place": "Rome"}]


def test_what_its_user_declines_does_not_run(account: Account, tool: Thermometer) -> None:
    meta, *_, confirm, _, _ = told(ask({"question": "Measure Rome"}))
    account.parts = [delta("As you wish."), stop(), metadata()]
    decision = {"answer": meta[1]["id"], "digest": confirm[1]["digest"], "approve": False}
    assert told(ask({"confirm": decision}))[-1][0] == "done"
    assert tool.calls == []
    assert refused(ask({"confirm": {**decision, "approve": True}})) == (409, "confirmation_used")
    assert tool.calls == []


def test_of_two_confirmations_at_the_same_moment_one_acts(account: Account, tool: Thermometer) -> None:
    meta, *_, confirm, _, _ = told(ask({"question": "Measure Rome"}))
    account.parts = [delta("Done."), stop(), metadata()]
    decision = {"answer": meta[1]["id"], "digest": confirm[1]["digest"], "approve": True}
    threads = [threading.Thread(target=lambda: ask({"confirm": decision})) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(tool.calls) == 1


# What users do with their conversations.


def test_conversations_are_listed_in_pages(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.conversations import service

    monkeypatch.setattr(service, "_CONVERSATIONS", 2)
    for number in range(5):
        begun(f"Question {number}")
    begun("Other", BOB)
    titles, more = list[str](), dict[str, str]()
    for _ in range(3):
        page = do("GET", "/conversations", **more)[1]
        titles += [each["title"] for each in page["conversations"]]
        more = {"next": page["next"]} if "next" in page else {}
    assert sorted(titles) == [f"Question {number}" for number in range(5)]
    assert not more


def test_a_conversation_is_renamed(account: Account) -> None:
    id = begun()["conversation"]
    path = "/conversations/{conversation}"
    assert do("PATCH", path, body={"title": "  My\u200b  trip \n"}, conversation=id)[1]["title"] == "My trip"
    assert do("PATCH", path, BOB, {"title": "x"}, conversation=id)[0] == 404
    for wrong in ({}, {"title": ""}, {"title": "\u200b"}, {"title": "x" * 201}, {"rating": "up"}):
        assert do("PATCH", path, body=wrong, conversation=id)[0] == 400
    assert do("GET", path, conversation=id)[1]["title"] == "My trip"


def test_a_deleted_conversation_is_gone_with_everything(account: Account) -> None:
    id = begun()["conversation"]
    ask({"question": "More", "conversation": id})
    link = do("POST", "/conversations/{conversation}/link", conversation=id)[1]["link"]
    kept = begun("Another")["conversation"]
    assert do("DELETE", "/conversations/{conversation}", BOB, conversation=id)[0] == 404
    assert do("DELETE", "/conversations/{conversation}", conversation=id)[0] == 200
    assert do("GET", "/shared/{link}", BOB, link=link)[0] == 404
    assert refused(ask({"question": "More", "conversation": id})) == (404, "unknown_conversation")
    assert do("GET", "/conversations/{conversation}", conversation=kept)[0] == 200
    assert len(items()) == 3


def test_a_user_erases_everything_of_theirs(account: Account) -> None:
    for _ in range(12):
        begun()
    link = do("POST", "/conversations/{conversation}/link", conversation=begun()["conversation"])[1]["link"]
    begun("Stays", BOB)
    assert do("DELETE", "/conversations") == (200, {"deleted": True, "left": False})
    assert items() == []
    assert do("GET", "/shared/{link}", BOB, link=link)[0] == 404
    assert len(items(BOB)) == 3


def test_an_answer_that_was_deleted_while_it_is_written_stays_deleted(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aws_genai.functions.assistant import reading
    from aws_genai.functions.history import table

    monkeypatch.setattr(reading, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(table, "LOOK_SECONDS", 0.05)
    gate = threading.Event()
    account.parts = [delta("Good "), gate, stop(), metadata()]
    running = threading.Thread(target=lambda: ask({"question": "Hello"}))
    running.start()
    until(lambda: len(account.requests) == 1)
    do("DELETE", "/conversations")
    running.join(10)
    gate.set()
    assert items() == []


def test_everything_is_exported(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from aws_genai.functions.conversations import service

    monkeypatch.setattr(service, "_TURNS", 2)
    conversation = begun("One")["conversation"]
    for question in ("Two", "Three"):
        ask({"question": question, "conversation": conversation})
    begun("Not mine", BOB)
    first = do("GET", "/export")[1]
    second = do("GET", "/export", next=first["next"])[1]
    assert [each["title"] for each in first["conversations"]] == ["One"]
    assert [each["question"] for each in first["turns"] + second["turns"]] == ["One", "Two", "Three"]
    assert "next" not in second


def test_a_link_shows_a_conversation_until_it_is_revoked(account: Account) -> None:
    id = begun("Shared question")["conversation"]
    first = do("POST", "/conversations/{conversation}/link", conversation=id)[1]["link"]
    second = do("POST", "/conversations/{conversation}/link", conversation=id)[1]["link"]
    assert do("GET", "/shared/{link}", BOB, link=first)[0] == 404, "a new link ends the one before"
    status, shown = do("GET", "/shared/{link}", BOB, link=second)
    assert (status, shown["title"]) == (200, "Shared question")
    (turn,) = shown["items"]
    assert set(turn) == {"number", "state", "created", "question", "events", "model"}
    assert second not in json.dumps(boto3.client("dynamodb").scan(TableName=TABLE)["Items"], default=str)
    assert do("DELETE", "/conversations/{conversation}/link", BOB, conversation=id)[0] == 404
    assert do("DELETE", "/conversations/{conversation}/link", conversation=id)[0] == 200
    assert do("GET", "/shared/{link}", BOB, link=second)[0] == 404
    assert do("GET", "/shared/{link}", link="x" * 43)[0] == 404


def test_an_answer_is_rated(account: Account) -> None:
    id = begun()["id"]
    path = "/answers/{answer}/feedback"
    assert do("PUT", path, body={"rating": "down", "words": "Wrong\u202e."}, answer=id)[0] == 200
    shown = do("GET", "/answers/{answer}", answer=id)[1]
    assert shown["feedback"] == {"rating": "down", "words": "Wrong."}
    assert shown["request_id"] == "r1", "its trace is found by this"
    assert do("PUT", path, BOB, {"rating": "up"}, answer=id)[0] == 404
    assert do("PUT", path, body={"words": "no rating"}, answer=id)[0] == 400


def test_what_has_expired_is_not_shown(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = begun()
    later = time.time() + 31 * 86_400
    from aws_genai.functions.history import reached

    monkeypatch.setattr(reached.history(), "_clock", lambda: later)
    assert do("GET", "/conversations")[1]["conversations"] == []
    assert do("GET", "/answers/{answer}", answer=meta["id"])[0] == 404
    assert refused(ask({"question": "x", "conversation": meta["conversation"]})) == (404, "unknown_conversation")


@pytest.mark.parametrize("next", ["", "x", "AAAA", "VVNFUiNib2I=", "Q09OViMtI+/8"])
def test_a_place_of_a_page_is_one_of_the_user(account: Account, next: str) -> None:
    begun("Other", BOB)
    status, shown = do("GET", "/conversations", next=next)
    assert status == 400 or shown["conversations"] == []


ROUTES = [
    ("GET", "/conversations/{conversation}", None),
    ("PATCH", "/conversations/{conversation}", {"title": "taken"}),
    ("DELETE", "/conversations/{conversation}", None),
    ("POST", "/conversations/{conversation}/link", None),
    ("DELETE", "/conversations/{conversation}/link", None),
    ("GET", "/answers/{answer}", None),
    ("POST", "/answers/{answer}/stop", None),
    ("PUT", "/answers/{answer}/feedback", {"rating": "up"}),
    ("GET", "/conversations", None),
    ("GET", "/export", None),
    ("DELETE", "/conversations", None),
    ("GET", "/shared/{link}", None),
    ("POST", "/attachments", {"name": "taken.txt", "type": "text/plain", "size": 5}),
    ("GET", "/attachments/{attachment}", None),
    ("DELETE", "/attachments/{attachment}", None),
]


def test_every_route_is_walked() -> None:
    from aws_genai.application.history import METHODS
    from aws_genai.functions.conversations.handler import _ACTIONS, _ATTACHING

    routes = {*_ACTIONS, *_ATTACHING}
    assert {(method, path) for method, path, _ in ROUTES} == routes
    assert {(method, f"/{path}") for _, method, path in METHODS} == routes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    walk=strategies.lists(
        strategies.tuples(
            strategies.sampled_from(ROUTES),
            strategies.sampled_from(["id", "conversation", "file", "sort", "upper", "prefix"]),
            strategies.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_nobody_reaches_what_is_of_somebody_else(account: Account, walk: list[Any]) -> None:
    meta = begun("Ann's secret question")
    file = do("POST", "/attachments", body={"name": "secret.txt", "type": "text/plain", "size": 5})[1]["id"]
    before = sorted(json.dumps(item, sort_keys=True, default=str) for item in items())
    for (method, path, body), form, page in walk:
        named = {
            "id": meta["id"],
            "conversation": meta["conversation"],
            "file": file,
            "sort": f"{meta['conversation']}#000001",
            "upper": meta["conversation"].lower(),
            "prefix": f"../{ANN}#{meta['conversation']}",
        }[form]
        names = [name for name in ("conversation", "answer", "link", "attachment") if f"{{{name}}}" in path]
        query = {"next": "Q09OViM="} if page and method == "GET" and not names else {}
        status, shown = do(method, path, BOB, body, **dict.fromkeys(names, named), **query)
        assert "secret" not in json.dumps(shown)
        # What Bob uploads himself is his, and limited.
        own = (200, 429) if path == "/attachments" else (200, 400) if query else (200,)
        assert status in ((404,) if names else own)
    for asked in (
        {"question": "x", "conversation": meta["conversation"]},
        {"question": "x", "attachments": [file]},
        {"confirm": {"answer": meta["id"], "digest": "0" * 64, "approve": True}},
    ):
        assert ask(asked, BOB).status == 404
    after = sorted(json.dumps(item, sort_keys=True, default=str) for item in items())
    assert after == before
    do("DELETE", "/conversations")
