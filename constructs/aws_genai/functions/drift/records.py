"""Requests and responses of an endpoint, as SageMaker's data capture records them.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_ANSWERS = ("generated_text", "text", "summary_text", "translation_text")
_QUESTIONS = ("inputs", "prompt", "text_inputs", "text")


@dataclass(frozen=True)
class Exchange:
    """A question and its answer, which is None if the response contains no text."""

    id: str
    question: str
    answer: str | None


class Captured:
    """The records of one endpoint in a bucket, under a prefix for each hour."""

    def __init__(self, s3: Any, bucket: str, endpoint: str, variant: str = "AllTraffic") -> None:  # noqa: ANN401
        self._s3, self._bucket, self._prefix = s3, bucket, f"{endpoint}/{endpoint}/{variant}"

    def of_hour(self, hour: datetime, most: int) -> Iterator[Exchange]:
        """Returns the exchanges of an hour, at most ``most``."""
        count = 0
        prefix = f"{self._prefix}/{hour:%Y/%m/%d/%H}/"
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for each in page.get("Contents", ()):
                body = self._s3.get_object(Bucket=self._bucket, Key=each["Key"])["Body"].read()
                for line in body.decode("utf-8").splitlines():
                    if line.strip():
                        yield parse(line)
                        count += 1
                        if count >= most:
                            return


def parse(line: str) -> Exchange:
    """Returns the exchange of one record."""
    content = json.loads(line)
    captured = content["captureData"]
    return Exchange(
        str(content["eventMetadata"]["eventId"]),
        question_of(_data(captured.get("endpointInput", {}))),
        answer_of(_data(captured.get("endpointOutput", {}))),
    )


def _data(part: dict[str, Any]) -> str:
    data = str(part.get("data", ""))
    if part.get("encoding") == "BASE64":
        return base64.b64decode(data).decode("utf-8", "replace")
    return data


def question_of(text: str) -> str:
    """Returns the question in a request; the whole request if its format is unknown."""
    content = _json(text)
    if isinstance(content, dict):
        if isinstance(content.get("messages"), list):
            return "\n".join(str(turn.get("content", "")) for turn in content["messages"] if isinstance(turn, dict))
        for name in _QUESTIONS:
            if name in content:
                found = content[name]
                return "\n".join(map(str, found)) if isinstance(found, list) else str(found)
    return text


def answer_of(text: str) -> str | None:
    """Returns the text of an answer; None if there is none, as in an embedding or an image."""
    content = _json(text)
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return text if content is None and text else None
    if isinstance(first.get("choices"), list) and first["choices"]:
        choice = first["choices"][0]
        message = choice.get("message", {})
        return str(message.get("content", choice.get("text", "")) or "")
    for name in _ANSWERS:
        if name in first:
            return str(first[name])
    return None


def _json(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text)
    except ValueError:
        return None
