"""Compares an hour of an endpoint's traffic with a baseline, and publishes the metrics to CloudWatch."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..model_evaluation.scores import scores
from .names import NAMESPACE
from .profile import Profile, drift, profile
from .records import Captured, Exchange

#: Minimum number of exchanges that make a distribution meaningful.
LEAST = 50
_MOST = 20_000
_LABELLED = timedelta(days=1)


class Monitor:
    """The traffic of one endpoint."""

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        cloudwatch: Any,  # noqa: ANN401
        bucket: str,
        endpoint: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._s3, self._cloudwatch, self._bucket, self._endpoint = s3, cloudwatch, bucket, endpoint
        self._captured, self._clock = Captured(s3, bucket, endpoint), clock

    def look(self) -> dict[str, Any]:
        """Examines the last full hour. The first hour with enough traffic becomes the baseline."""
        hour = self._clock().replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        exchanges = list(self._captured.of_hour(hour, _MOST))
        figures: dict[str, float] = {"Records": float(len(exchanges))}
        state = "too few"
        if len(exchanges) >= LEAST:
            now, before = profile(exchanges), self._baseline()
            if before is None:
                self._write(self._key("baseline.json"), {"hour": hour.isoformat(), "profile": now.as_json()})
                state = "baseline"
            else:
                figures |= drift(before, now)
                state = "compared"
            figures |= {"EmptyAnswers": round(now.empty * 100, 2), "RefusedAnswers": round(now.refused * 100, 2)}
        figures |= self._quality(hour)
        self._publish(figures, hour)
        self._write(self._key(f"reports/{hour:%Y-%m-%dT%H}.json"), {"state": state, **figures})
        return {"state": state, **figures}

    def renew(self) -> str:
        """Deletes the baseline. The next hour with enough traffic becomes the new one."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._key("baseline.json"))
        return "forgotten"

    def _quality(self, hour: datetime) -> dict[str, float]:
        """Returns the scores against the reference answers under ``labels/``, which have the ids of exchanges."""
        labels = self._labels(hour)
        if not labels:
            return {}
        answered: dict[str, Exchange] = {each.id: each for each in self._captured.of_hour(hour - _LABELLED, _MOST)}
        pairs = [(labels[name], answered[name].answer or "") for name in labels if name in answered]
        if not pairs:
            return {}
        found = scores(pairs)
        return {"Labelled": float(len(pairs)), "F1": found["f1"], "ExactMatch": found["exact_match"]}

    def _labels(self, hour: datetime) -> dict[str, str]:
        key = self._key(f"labels/{hour - _LABELLED:%Y-%m-%dT%H}.jsonl")
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode("utf-8")
        except self._s3.exceptions.NoSuchKey:
            return {}
        rows = [json.loads(line) for line in body.splitlines() if line.strip()]
        return {str(row["id"]): str(row["answer"]) for row in rows}

    def _baseline(self) -> Profile | None:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=self._key("baseline.json"))["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return Profile(**json.loads(body)["profile"])

    def _key(self, name: str) -> str:
        return f"monitoring/{self._endpoint}/{name}"

    def _write(self, key: str, content: object) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps(content, indent=1).encode())

    def _publish(self, figures: dict[str, float], hour: datetime) -> None:
        common = {
            "Dimensions": [{"Name": "EndpointName", "Value": self._endpoint}],
            "Timestamp": hour + timedelta(minutes=59),
        }
        self._cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[{"MetricName": name, "Value": value, **common} for name, value in figures.items()],
        )
