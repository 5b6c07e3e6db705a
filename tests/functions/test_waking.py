"""A database that sleeps keeps a call waiting, for a time that is bounded; nothing else is tried again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from aws_genai.functions.waking import database
from aws_genai.functions.waking.database import PATIENT, patiently, wakes, within

SENTENCE = "The Aurora DB instance db-X is resuming after being auto-paused. Please wait a few seconds and try again."


def error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Retrieve")


SLEEPS = error("ValidationException", SENTENCE)


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (SLEEPS, True),
        (error("DatabaseResumingException", "no"), True),
        (error("ValidationException", "The filter is malformed"), False),
        (error("ThrottlingException", "slow down"), False),
        (EndpointConnectionError(endpoint_url="https://x"), False),
    ],
)
def test_only_a_database_on_its_way_is_waited_for(failed: Exception, expected: bool) -> None:
    assert wakes(failed) is expected


class Store:
    def __init__(self, *errors: ClientError) -> None:
        self.errors, self.calls = list(errors), 0

    def ask(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "awake"


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(database, "time", SimpleNamespace(sleep=found.append))
    return found


def test_it_is_tried_again_after_ten_to_thirty_seconds(slept: list[float]) -> None:
    assert patiently(Store(SLEEPS, SLEEPS).ask) == "awake"
    assert slept == [10, 15]
    assert all(10 <= each <= 30 for each in PATIENT)


def test_the_wait_ends(slept: list[float]) -> None:
    store = Store(*[SLEEPS] * 99)
    with pytest.raises(ClientError, match="auto-paused"):
        patiently(store.ask)
    assert store.calls == len(PATIENT) + 1
    assert sum(slept) == sum(PATIENT)


def test_what_is_wrong_for_good_is_told_at_once(slept: list[float]) -> None:
    store = Store(error("ValidationException", "The filter is malformed"))
    with pytest.raises(ClientError, match="malformed"):
        patiently(store.ask)
    assert (store.calls, slept) == (1, [])


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5, []), (9, []), (10, [10]), (49, [10, 15, 20]), (999, [*PATIENT])]
)
def test_waits_end_before_the_time_does(seconds: float, expected: list[float]) -> None:
    assert within(seconds) == expected
