"""Drift: the same traffic stays below every limit, another kind of traffic passes it, and one bad endpoint stops none."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.functions.drift import handler
from aws_genai.functions.drift.profile import drift, profile
from aws_genai.functions.drift.records import Exchange, answer_of, parse, question_of
from aws_genai.functions.drift.service import LEAST, Monitor

BUCKET, ENDPOINT = "captured", "genai-prod-llama"
NOW = datetime(2026, 11, 25, 12, 20, tzinfo=UTC)
BANKING = [
    "how",
    "do",
    "i",
    "open",
    "an",
    "account",
    "transfer",
    "money",
    "close",
    "card",
    "balance",
    "fee",
    "interest",
    "loan",
]
COOKING = [
    "how",
    "long",
    "do",
    "i",
    "bake",
    "the",
    "cake",
    "with",
    "butter",
    "sugar",
    "flour",
    "oven",
    "until",
    "golden",
    "cream",
]


def record(number: int, question: str, answer: str, *, encoded: bool = False) -> dict[str, Any]:
    asked = json.dumps({"inputs": question})
    return {
        "captureData": {
            "endpointInput": {"encoding": "JSON", "mode": "INPUT", "data": asked},
            "endpointOutput": {
                "encoding": "BASE64" if encoded else "JSON",
                "mode": "OUTPUT",
                "data": base64.b64encode(json.dumps([{"generated_text": answer}]).encode()).decode()
                if encoded
                else json.dumps([{"generated_text": answer}]),
            },
        },
        "eventMetadata": {"eventId": f"id{number}", "inferenceTime": "2026-11-25T11:00:00Z"},
    }


def traffic(seed: int, words: list[str], count: int = 200, answer: str = "Yes you can do that in the app") -> list[Any]:
    chance = random.Random(seed)  # noqa: S311 - made-up traffic
    return [
        record(number, " ".join(chance.choices(words, k=chance.randint(4, 30))), answer, encoded=number % 2 == 0)
        for number in range(count)
    ]


class World:
    def __init__(self) -> None:
        region = {"region_name": "us-east-1"}
        self.s3: Any = boto3.client("s3", **region)
        self.cloudwatch: Any = boto3.client("cloudwatch", **region)
        self.s3.create_bucket(Bucket=BUCKET)
        self.now = NOW

    def monitor(self, endpoint: str = ENDPOINT) -> Monitor:
        return Monitor(self.s3, self.cloudwatch, BUCKET, endpoint, lambda: self.now)

    def capture(self, records: list[Any], hours_ago: int = 1) -> None:
        hour = self.now - timedelta(hours=hours_ago)
        key = f"{ENDPOINT}/{ENDPOINT}/AllTraffic/{hour:%Y/%m/%d/%H}/00-00-000-x.jsonl"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body="\n".join(map(json.dumps, records)).encode())

    def metrics(self) -> dict[str, float]:
        found = self.cloudwatch.list_metrics(Namespace="GenAI/Drift")["Metrics"]
        return {each["MetricName"]: 1.0 for each in found}


@pytest.fixture
def world() -> Iterator[World]:
    with mock_aws():
        yield World()


def test_the_first_busy_hour_is_what_others_are_compared_with(world: World) -> None:
    world.capture(traffic(1, BANKING))
    assert world.monitor().look()["state"] == "baseline"
    world.now += timedelta(hours=1)
    world.capture(traffic(2, BANKING))
    same = world.monitor().look()
    assert same["state"] == "compared"
    assert all(same[name] < 0.1 for name in ("QuestionDrift", "AnswerDrift", "TopicDrift")), same
    assert {"Records", "TopicDrift", "EmptyAnswers", "RefusedAnswers"} <= set(world.metrics())


def test_other_questions_and_answers_are_noticed(world: World) -> None:
    world.capture(traffic(1, BANKING))
    world.monitor().look()
    world.now += timedelta(hours=1)
    world.capture(traffic(3, COOKING, answer="I'm sorry, but as an AI I cannot help. " * 20))
    other = world.monitor().look()
    assert other["TopicDrift"] > 0.25
    assert other["AnswerDrift"] > 0.25
    assert other["RefusedAnswers"] == 100
    report = json.loads(
        world.s3.get_object(Bucket=BUCKET, Key=f"monitoring/{ENDPOINT}/reports/2026-11-25T12.json")["Body"].read()
    )
    assert report["TopicDrift"] == other["TopicDrift"]


def test_little_traffic_says_nothing(world: World) -> None:
    world.capture(traffic(1, BANKING, count=LEAST - 1))
    found = world.monitor().look()
    assert found == {"state": "too few", "Records": LEAST - 1}
    world.now += timedelta(hours=5)
    assert world.monitor().look() == {"state": "too few", "Records": 0}


def test_a_change_that_is_meant_becomes_the_new_measure(world: World) -> None:
    world.capture(traffic(1, BANKING))
    world.monitor().look()
    assert world.monitor().renew() == "forgotten"
    world.now += timedelta(hours=1)
    world.capture(traffic(3, COOKING))
    assert world.monitor().look()["state"] == "baseline"


def test_right_answers_that_people_gave_measure_quality(world: World) -> None:
    world.capture(traffic(1, BANKING, count=4, answer="in the app"), hours_ago=25)
    labels = [
        {"id": "id0", "answer": "in the app"},
        {"id": "id1", "answer": "at the counter"},
        {"id": "x", "answer": ""},
    ]
    world.s3.put_object(
        Bucket=BUCKET,
        Key=f"monitoring/{ENDPOINT}/labels/2026-11-24T11.jsonl",
        Body="\n".join(map(json.dumps, labels)).encode(),
    )
    found = world.monitor().look()
    assert found["Labelled"] == 2
    assert found["ExactMatch"] == 0.5
    assert 0.5 <= found["F1"] < 1


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ('{"inputs": "a"}', "a"),
        ('{"inputs": ["a", "b"]}', "a\nb"),
        ('{"messages": [{"role": "user", "content": "a"}, "odd"]}', "a"),
        ('{"text_inputs": "a"}', "a"),
        ('{"other": 1}', '{"other": 1}'),
        ("plain", "plain"),
    ],
)
def test_questions_are_found_in_requests(text: str, question: str) -> None:
    assert question_of(text) == question


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('[{"generated_text": "a"}]', "a"),
        ('{"choices": [{"message": {"content": "a"}}]}', "a"),
        ('{"choices": [{"text": "a"}]}', "a"),
        ('{"choices": [{"message": {"content": null}}]}', ""),
        ("plain", "plain"),
        ("[[0.1, 0.2]]", None),
        ("", None),
    ],
)
def test_answers_are_found_where_there_is_text(text: str, answer: str | None) -> None:
    assert answer_of(text) == answer


def test_endpoints_without_text_have_no_answers_to_measure() -> None:
    before = profile([Exchange("1", "a b c", None)] * 60)
    now = profile([Exchange("1", "a b c", None)] * 60)
    assert drift(before, now) == {"QuestionDrift": 0.0, "AnswerDrift": 0.0, "TopicDrift": 0.0}
    assert before.empty == 0


def test_records_are_read_as_sagemaker_writes_them() -> None:
    assert parse(json.dumps(record(7, "a?", "b!", encoded=True))) == Exchange("id7", "a?", "b!")


def test_one_endpoint_that_fails_keeps_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def look(self) -> Any:
            raise OSError("boom")

    world.capture(traffic(1, BANKING))
    good = world.monitor()
    monkeypatch.setattr(handler, "monitors", lambda: {"bad": Broken(), ENDPOINT: good})
    with pytest.raises(RuntimeError, match="bad could not be examined"):
        handler.handler({}, None)
    assert world.s3.head_object(Bucket=BUCKET, Key=f"monitoring/{ENDPOINT}/baseline.json")
    assert handler.handler({"renew": ENDPOINT}, None) == {ENDPOINT: "forgotten"}
