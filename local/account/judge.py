"""Scores for evaluation jobs: not by a model, but by the share of words in common with the expected response.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-report-llm-judge.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from typing import Any

from ministack.services import s3

_WORDS = re.compile(r"\w+")


def judged(record: dict[str, Any]) -> dict[str, Any]:
    """Read the responses of a job and write the metrics of each, in the format of Bedrock's own output."""
    (asked,) = record["EvaluationConfig"]["automated"]["datasetMetricConfigs"]
    bucket, key = _place(asked["dataset"]["datasetLocation"]["s3Uri"])
    content = s3._get_object_data(bucket, key)
    if content is None:
        raise ValueError(f"s3://{bucket}/{key} does not exist")
    lines = []
    for line in content.decode("utf-8").splitlines():
        given = json.loads(line)
        scores = [{"metricName": metric, "result": _score(given)} for metric in asked["metricNames"]]
        turns = given.get("conversationTurns")
        lines.append(
            {"conversationTurns": [{"inputRecord": turns[0], "results": scores}]}
            if turns
            else {"automatedEvaluationResult": {"scores": scores}, "inputRecord": given}
        )
    bucket, folder = _place(record["OutputDataConfig"]["s3Uri"])
    name = f"{record['JobName']}/{record['JobArn'].rpartition('/')[2]}"
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    s3._put_object(bucket, f"{folder}{name}/models/answers/{uuid.uuid4()}_output.jsonl", body, {})
    return {}


def _score(given: dict[str, Any]) -> float:
    if turns := given.get("conversationTurns"):
        expected = turns[0]["referenceResponses"][0]["content"][0]["text"]
        answer = turns[0]["output"]["text"]
    else:
        expected, answer = given.get("referenceResponse", ""), given["modelResponses"][0]["response"]
    wanted, got = Counter(_WORDS.findall(expected.lower())), Counter(_WORDS.findall(answer.lower()))
    return round(sum((wanted & got).values()) / max(1, sum(wanted.values())), 4)


def _place(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key
