"""A day's budget is never passed, whoever calls at the same moment, and what was not used comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from aws_genai.functions.chat import handler, spending
from aws_genai.functions.chat.errors import ChatError
from aws_genai.functions.chat.price import Price
from aws_genai.functions.chat.tokens import most_tokens
from aws_genai.functions.usage_budget.budget import Allowance, Amount, Budget, Limit, Reservation, SpentError
from aws_genai.models.access.inference import Inference, requests_of

MODEL = "amazon.nova-lite-v1:0"
TABLE = "budget"
SIGNED_IN = {"cognito:groups": "staff", "client_id": "own", "token_use": "access"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        made = boto3.client("dynamodb")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "who", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "who", "AttributeType": "S"}],
        )
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(client: Any, clock: Clock) -> Budget:
    return Budget(client, TABLE, Allowance(Limit(requests=5, tokens=1000, blocks=2)), clock)


def item(client: Any, who: str = "ann") -> dict[str, int]:
    found = client.get_item(TableName=TABLE, Key={"who": {"S": f"{who}#2026-11-25"}}).get("Item", {})
    return {name: int(value["N"]) for name, value in found.items() if "N" in value}


def test_what_was_not_used_comes_back(client: Any, budget: Budget) -> None:
    reserved = budget.reserve("ann", Amount(900))
    with pytest.raises(SpentError, match="tokens"):
        budget.reserve("ann", Amount(200))
    budget.settle(reserved, Amount(100))
    budget.reserve("ann", Amount(900))
    assert item(client)["tokens"] == 1000
    assert item(client)["requests"] == 2


def test_requests_run_out(budget: Budget) -> None:
    for _ in range(5):
        budget.settle(budget.reserve("ann", Amount(10)), Amount())
    with pytest.raises(SpentError, match="requests"):
        budget.reserve("ann", Amount(10))
    budget.reserve("bob", Amount(10))


def test_limits_of_ones_own_are_kept_in_the_same_counters(client: Any, budget: Budget) -> None:
    mine = budget.limited({"requests": 2, "tokens": 100, "blocks": 1})
    assert mine.tokens_per_day == 100
    with pytest.raises(SpentError, match="tokens"):
        mine.reserve("robot", Amount(101))
    for _ in range(2):
        mine.settle(mine.reserve("robot", Amount(40)), Amount(40))
    with pytest.raises(SpentError, match="requests"):
        mine.reserve("robot", Amount(1))
    assert (item(client, "robot")["requests"], item(client, "robot")["tokens"]) == (2, 80)
    # A user's limits are as before.
    budget.reserve("ann", Amount(1000))


def test_who_is_blocked_often_is_locked_out_until_midnight(budget: Budget, clock: Clock) -> None:
    for _ in range(2):
        budget.settle(budget.reserve("eve", Amount(10)), Amount(), blocked=True)
    with pytest.raises(SpentError, match="blocks"):
        budget.reserve("eve", Amount(10))
    clock.now += timedelta(hours=12)
    budget.reserve("eve", Amount(10))


def test_of_questions_at_the_same_time_no_more_are_blocked_than_may_be(client: Any, clock: Clock) -> None:
    budget = Budget(client, TABLE, Allowance(Limit(requests=100, tokens=10**6, blocks=3)), clock)
    asked = [budget.reserve("eve", Amount(10)) for _ in range(3)]
    with pytest.raises(SpentError, match="busy"):
        budget.reserve("eve", Amount(10))
    budget.settle(asked[0], Amount(5))
    asked.append(budget.reserve("eve", Amount(10)))
    for each in asked[1:]:
        budget.settle(each, Amount(5), blocked=True)
    with pytest.raises(SpentError, match="blocks"):
        budget.reserve("eve", Amount(10))
    assert item(client, "eve")["blocked"] == 3


def test_a_call_whose_use_is_not_known_stays_counted_and_blocks_nothing(client: Any, budget: Budget) -> None:
    for _ in range(4):
        budget.keep(budget.reserve("ann", Amount(100)))
    assert (item(client)["tokens"], item(client)["blocks"]) == (400, 0)


@pytest.mark.parametrize(
    ("allowance", "what", "period", "group"),
    [
        (Allowance(Limit(micros=100)), "micros", "day", ""),
        (Allowance(Limit(), month=Limit(tokens=100)), "tokens", "month", ""),
        (Allowance(Limit(), month=Limit(micros=100)), "micros", "month", ""),
        (Allowance(Limit(), groups={"staff": (Limit(tokens=100), None)}), "tokens", "day", "staff"),
        (Allowance(Limit(), groups={"staff": (None, Limit(micros=100))}), "micros", "month", "staff"),
    ],
)
def test_every_budget_has_its_end(
    client: Any, clock: Clock, allowance: Allowance, what: str, period: str, group: str
) -> None:
    budget = Budget(client, TABLE, allowance, clock)
    first = budget.reserve("ann", Amount(60, 60), ["staff", "other"])
    with pytest.raises(SpentError) as caught:
        budget.reserve("bob" if group else "ann", Amount(60, 60), ["staff"])
    assert (caught.value.what, caught.value.period, caught.value.group) == (what, period, group)
    budget.settle(first, Amount(10, 10))
    budget.reserve("ann", Amount(60, 60), ["staff"])
    counted = client.scan(TableName=TABLE)["Items"]
    for each in counted:
        if not each["who"]["S"].startswith("bob"):
            assert (each["tokens"]["N"], each["micros"]["N"]) == ("70", "70")
        else:
            assert (each["tokens"]["N"], each["requests"]["N"]) == ("0", "0"), (
                "what one budget refused, others have back"
            )


def test_a_month_outlives_its_days(client: Any, clock: Clock) -> None:
    budget = Budget(client, TABLE, Allowance(Limit(tokens=100), month=Limit(tokens=150)), clock)
    budget.reserve("ann", Amount(100))
    clock.now += timedelta(days=1)
    with pytest.raises(SpentError, match="tokens") as caught:
        budget.reserve("ann", Amount(100))
    assert caught.value.period == "month"
    clock.now += timedelta(days=10)
    budget.reserve("ann", Amount(100))


def test_a_question_larger_than_a_whole_day_writes_nothing(client: Any, budget: Budget) -> None:
    with pytest.raises(SpentError, match="tokens"):
        budget.reserve("ann", Amount(1001))
    assert item(client) == {}


def test_a_call_that_ends_after_midnight_is_settled_on_its_own_day(client: Any, budget: Budget, clock: Clock) -> None:
    reserved = budget.reserve("ann", Amount(900))
    clock.now += timedelta(hours=12)
    budget.settle(reserved, Amount(50))
    assert item(client)["tokens"] == 50


def test_items_expire(client: Any, budget: Budget) -> None:
    budget.reserve("ann", Amount(1))
    assert item(client)["expires"] == int((NOON + timedelta(days=2, hours=12)).timestamp())


def test_of_calls_at_the_same_moment_those_go_through_that_fit(
    client: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DynamoDB takes each write by itself, and moto does not; between two calls anything may still happen.
    one_at_a_time, update = threading.Lock(), client.update_item

    def update_item(**request: Any) -> Any:
        with one_at_a_time:
            return update(**request)

    monkeypatch.setattr(client, "update_item", update_item)
    budget = Budget(client, TABLE, Allowance(Limit(requests=100, tokens=1000, blocks=100)), clock)

    def ask(_number: int) -> bool:
        try:
            budget.reserve("ann", Amount(300))
        except SpentError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(ask, range(24))) == 3
    assert item(client)["tokens"] == 900


def test_the_estimate_is_never_below_what_is_used() -> None:
    request = {
        "messages": [{"role": "user", "content": [{"text": "grüße 👋"}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 100},
    }
    assert most_tokens(request) >= 100 + len("grüße 👋".encode()) + len("Be brief.")


# The chat with a budget.


class Spender:
    """A budget that remembers."""

    tokens_per_day = 10**6

    def __init__(self, spent: str = "", room: int = 10**6) -> None:
        self.spent, self.settled = spent, list[tuple[int, bool]]()
        self.reserved, self.room, self.cancelled, self.kept = list[int](), room, 0, 0

    def reserve(self, _who: str, amount: Amount, _groups: Sequence[str] = ()) -> Reservation:
        if self.spent == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        if self.spent:
            raise SpentError(self.spent)
        if amount.tokens > self.room:
            raise SpentError("tokens")
        self.reserved.append(amount.tokens)
        return Reservation((), amount)

    def extend(self, reservation: Reservation, amount: Amount) -> Reservation:
        if reservation.amount.tokens + amount.tokens > self.room:
            raise SpentError("tokens")
        self.reserved.append(amount.tokens)
        return Reservation((), reservation.amount + amount)

    def cancel(self, _reservation: Reservation) -> None:
        self.cancelled += 1

    def keep(self, _reservation: Reservation) -> None:
        self.kept += 1

    def settle(self, _reservation: Reservation, used: Amount, *, blocked: bool = False) -> None:
        self.settled.append((used.tokens, blocked))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "chat",
        "MODELS": json.dumps(requests_of([MODEL], Inference(max_tokens=100), {})),
        "SYSTEM_PROMPT": "Be brief.",
        "GUARDRAIL_ID": "guard",
        "GUARDRAIL_VERSION": "3",
        "CLIENT_IDS": '["own"]',
    }.items():
        monkeypatch.setenv(name, value)
    handler.limits.cache_clear()
    model = boto3.client("bedrock-runtime")
    monkeypatch.setattr(handler, "client", lambda _service, _seconds: model)
    with Stubber(model) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    handler.limits.cache_clear()


def call(monkeypatch: pytest.MonkeyPatch, spender: Spender, sub: str | None = "ann") -> tuple[int, str]:
    monkeypatch.setattr(handler, "counting", lambda: spender)
    context = SimpleNamespace(
        function_name="chat",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:x",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: 29_000,
    )
    event: dict[str, Any] = {"body": json.dumps({"messages": [{"role": "user", "text": "Hello"}]})}
    if sub:
        event["requestContext"] = {"authorizer": {"claims": {"sub": sub, **SIGNED_IN}}}
    response = handler.handler(event, context)
    body = json.loads(response["body"])
    return response["statusCode"], body.get("error", {}).get("code", "")


def said(stop: str = "end_turn") -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": stop,
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
        "metrics": {"latencyMs": 10},
    }


def test_an_answer_costs_its_tokens(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.add_response("converse", said())
    spender = Spender()
    assert call(monkeypatch, spender)[0] == 200
    assert spender.settled == [(5, False)]


def test_a_block_is_counted(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.add_response("converse", said("guardrail_intervened"))
    spender = Spender()
    assert call(monkeypatch, spender)[0] == 403
    assert spender.settled == [(5, True)]


@pytest.mark.parametrize(
    ("error", "settled"),
    [("ThrottlingException", [(0, False)]), ("UnheardOfException", [])],
    ids=["never answered", "perhaps answered"],
)
def test_what_may_have_been_answered_stays_counted(
    stub: Stubber, monkeypatch: pytest.MonkeyPatch, error: str, settled: list[tuple[int, bool]]
) -> None:
    stub.add_client_error("converse", error)
    spender = Spender()
    assert call(monkeypatch, spender)[0] >= 429
    assert spender.settled == settled


@pytest.mark.parametrize(
    ("spent", "status", "code"),
    [
        ("requests", 429, "requests_spent"),
        ("tokens", 429, "tokens_spent"),
        ("blocks", 429, "locked_out"),
        ("unreachable", 503, "budget_unavailable"),
    ],
)
def test_without_budget_nothing_is_asked(
    stub: Stubber, monkeypatch: pytest.MonkeyPatch, spent: str, status: int, code: str
) -> None:
    assert call(monkeypatch, Spender(spent)) == (status, code)


class Documents:
    """A model and a knowledge base that remember what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *texts: str, fail: str = "") -> None:
        self.retrieved, self.asked, self.fail = list[dict[str, Any]](), list[dict[str, Any]](), fail
        self.texts = texts
        monkeypatch.setenv("KNOWLEDGE_BASE", "KB1")
        monkeypatch.setenv("SEARCH", json.dumps({"rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL"}}))
        monkeypatch.setattr(handler, "client", lambda _service, _seconds: self)

    def retrieve(self, **request: Any) -> dict[str, Any]:
        self.retrieved.append(request)
        if self.fail:
            raise ClientError({"Error": {"Code": self.fail, "Message": "no"}}, "Retrieve")
        found = [{"content": {"text": text}, "metadata": {"group_staff": True}} for text in self.texts]
        return {"retrievalResults": found}

    def converse(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return said()


@pytest.mark.parametrize("spent", ["requests", "tokens", "blocks", "unreachable"])
@pytest.mark.usefixtures("stub")
def test_a_question_over_budget_costs_nothing(monkeypatch: pytest.MonkeyPatch, spent: str) -> None:
    documents = Documents(monkeypatch, "A passage.")
    assert call(monkeypatch, Spender(spent))[0] in (429, 503)
    assert (documents.retrieved, documents.asked) == ([], []), "neither retrieval, reranking nor a model"


@pytest.mark.usefixtures("stub")
def test_a_malformed_conversation_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, spender = Documents(monkeypatch, "A passage."), Spender()
    monkeypatch.setattr(handler, "body", lambda _event: {"messages": [{"role": "assistant", "text": "I begin"}]})
    assert call(monkeypatch, spender) == (400, "malformed_request")
    assert (documents.retrieved, spender.reserved) == ([], [])


@pytest.mark.usefixtures("stub")
def test_what_passages_need_is_reserved_before_they_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, spender = Documents(monkeypatch, "A passage."), Spender()
    monkeypatch.setattr(documents, "retrieve", lambda **_: (spender.reserved[0], Documents.retrieve(documents))[1])
    assert call(monkeypatch, spender)[0] == 200
    assert len(spender.reserved) == 1
    assert most_tokens(documents.asked[0]) <= spender.reserved[0]
    assert spender.settled == [(5, False)]


@pytest.mark.usefixtures("stub")
def test_longer_passages_are_reserved_too_while_the_day_has_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, spender = Documents(monkeypatch, "x" * 30_000), Spender()
    assert call(monkeypatch, spender)[0] == 200
    assert "x" * 30_000 in json.dumps(documents.asked[0])
    assert sum(spender.reserved) == most_tokens(documents.asked[0])


@pytest.mark.parametrize("texts", [["a" * 5000, "b" * 5000, "c" * 5000], ["a" * 20_000]])
@pytest.mark.usefixtures("stub")
def test_passages_that_the_day_has_no_tokens_for_are_left_out(
    monkeypatch: pytest.MonkeyPatch, texts: list[str]
) -> None:
    documents, spender = Documents(monkeypatch, *texts), Spender(room=9_000)
    assert call(monkeypatch, spender)[0] == 200
    (request,) = documents.asked
    assert most_tokens(request) <= spender.reserved[0] <= 9_000
    shown = json.dumps(request)
    assert "a" * 5000 in shown
    assert "c" * 5000 not in shown


@pytest.mark.usefixtures("stub")
def test_a_question_that_reached_no_model_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    documents, spender = Documents(monkeypatch, fail="ThrottlingException"), Spender()
    assert call(monkeypatch, spender) == (503, "knowledge_unavailable")
    assert (spender.cancelled, spender.settled, documents.asked) == (1, [], [])


def test_a_reservation_grows_and_is_given_back_whole(client: Any, budget: Budget) -> None:
    reserved = budget.extend(budget.reserve("ann", Amount(400)), Amount(500))
    assert reserved.amount.tokens == 900
    with pytest.raises(SpentError, match="tokens"):
        budget.extend(reserved, Amount(200))
    assert item(client)["tokens"] == 900
    budget.cancel(reserved)
    assert (item(client)["tokens"], item(client)["requests"]) == (0, 0)


def test_nobody_has_no_budget(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, Spender(), sub=None) == (401, "unauthorized")


def test_without_settings_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUDGET_TABLE", raising=False)
    spending.counting.cache_clear()
    assert spending.counting() is None
    spending.counting.cache_clear()


def test_what_was_paid_beside_tokens_stays_counted_if_an_answer_fails(client: Any, budget: Budget) -> None:
    failed = ChatError(504, "out_of_time", "Too late.", tokens=10)
    failed.micros = 40_000
    reserved = budget.reserve("ann", Amount(100, 90_000))
    with pytest.raises(ChatError), spending.spending(budget, reserved, Price((1.0, 2.0))) as spent:
        spent.asked = True
        raise failed
    assert item(client)["micros"] == 40_000 + 2 * 10
