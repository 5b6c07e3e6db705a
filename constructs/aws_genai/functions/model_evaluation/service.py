"""Scores the answers of a fine-tuned model to the held-out prompts."""

from __future__ import annotations

import json
from typing import Any

from .scores import scores


class EvaluationError(ValueError):
    """The answers cannot be scored; the message says why."""


class Evaluations:
    """Results of batch transform, and reports, in one bucket."""

    def __init__(self, s3: Any, bucket: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._s3, self._bucket = s3, bucket

    def evaluate(self, name: str, run: str, answers: str, predictions: str) -> dict[str, str | float]:
        """Returns the scores of a run, and writes them to a report that the model registry shows.

        :param answers: key of the expected answers, one JSON object per line.
        :param predictions: URI of the prefix that batch transform wrote to.
        :raises EvaluationError: if their numbers differ, or an answer has no text.
        """
        expected = [str(json.loads(line)["answer"]) for line in self._lines(answers)]
        folder = predictions.removeprefix(f"s3://{self._bucket}/").rstrip("/")
        given = [text_of(line) for line in self._lines(f"{folder}/prompts.jsonl.out")]
        if len(expected) != len(given):
            raise EvaluationError(f"There are {len(given)} answers to {len(expected)} questions")
        found = scores(zip(expected, given, strict=True))
        report = f"reports/{name}/{run}/evaluation.json"
        # The format of the model registry:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
        metrics = {each: {"value": value, "standard_deviation": "NaN"} for each, value in found.items()}
        body = json.dumps({"text_generation_metrics": metrics, "records": len(expected)}, indent=1)
        self._s3.put_object(Bucket=self._bucket, Key=report, Body=body.encode())
        return {
            **found,
            "records": len(expected),
            "report": f"s3://{self._bucket}/{report}",
        }

    def _lines(self, key: str) -> list[str]:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey as error:
            raise EvaluationError(f"s3://{self._bucket}/{key} does not exist") from error
        return [line for line in body.decode("utf-8").split("\n") if line.strip()]


def text_of(line: str) -> str:
    """Returns the text of one answer, in the formats of the containers of this library.

    :raises EvaluationError: if there is no text.
    """
    try:
        content = json.loads(line)
        first = content[0] if isinstance(content, list) else content
        if "choices" in first:
            choice = first["choices"][0]
            return str(choice["message"]["content"] if "message" in choice else choice["text"])
        return str(first["generated_text"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise EvaluationError(f"An answer has no text: {line[:80]}") from error
