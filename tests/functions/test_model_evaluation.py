"""Figures of an evaluation: known pairs give known figures, and answers that are missing stop the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from aws_genai.functions.model_evaluation.scores import METRICS, scores
from aws_genai.functions.model_evaluation.service import EvaluationError, Evaluations, text_of

BUCKET = "models"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(s3: Any, key: str, *lines: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body="".join(json.dumps(line) + "\n" for line in lines).encode())


@pytest.mark.parametrize(
    ("pairs", "exact", "f1", "rouge"),
    [
        ([("The cat sat.", "the Cat sat")], 1, 1, 1),
        ([("red green blue", "blue green red")], 0, 1, 0.3333),
        ([("one two three four", "one two")], 0, 0.6667, 0.6667),
        ([("yes", "no")], 0, 0, 0),
        ([("yes", ""), ("", "")], 0.5, 0.5, 0.5),
    ],
)
def test_figures_are_those_of_squad_and_rouge(pairs: Any, exact: float, f1: float, rouge: float) -> None:
    assert scores(pairs) == {"exact_match": exact, "f1": f1, "rouge_l": rouge}


def test_nothing_held_out_is_no_evaluation() -> None:
    with pytest.raises(ValueError, match="there are no held-out records"):
        scores([])


def test_answers_are_compared_and_reported(s3: Any) -> None:
    put(s3, "verified/a.jsonl", {"answer": "Paris"}, {"answer": "Rome"})
    put(s3, "output/r/answers/prompts.jsonl.out", [{"generated_text": "paris"}], {"generated_text": "Milan"})
    evaluations = Evaluations(s3, BUCKET)
    found = evaluations.evaluate("support", "r", "verified/a.jsonl", f"s3://{BUCKET}/output/r/answers")
    assert found["f1"] == 0.5
    assert found["records"] == 2
    assert set(METRICS) <= set(found)
    report = json.loads(s3.get_object(Bucket=BUCKET, Key="reports/support/r/evaluation.json")["Body"].read())
    assert report["text_generation_metrics"]["exact_match"]["value"] == 0.5


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ([{"generated_text": "a"}], "a"),
        ({"choices": [{"message": {"content": "b"}}]}, "b"),
        ({"choices": [{"text": "c"}]}, "c"),
    ],
)
def test_each_container_writes_answers_its_way(line: Any, text: str) -> None:
    assert text_of(json.dumps(line)) == text


@pytest.mark.parametrize("line", ["[]", "{}", "no json", '{"error": "x"}', "3"])
def test_an_answer_without_text_stops_the_run(line: str) -> None:
    with pytest.raises(EvaluationError, match="no text"):
        text_of(line)


def test_missing_answers_stop_the_run(s3: Any) -> None:
    put(s3, "verified/a.jsonl", {"answer": "Paris"}, {"answer": "Rome"})
    evaluations = Evaluations(s3, BUCKET)
    with pytest.raises(EvaluationError, match=r"prompts.jsonl.out does not exist"):
        evaluations.evaluate("support", "r", "verified/a.jsonl", f"s3://{BUCKET}/output/r/answers")
    put(s3, "output/r/answers/prompts.jsonl.out", [{"generated_text": "paris"}])
    with pytest.raises(EvaluationError, match="1 answers to 2 questions"):
        evaluations.evaluate("support", "r", "verified/a.jsonl", f"s3://{BUCKET}/output/r/answers")
