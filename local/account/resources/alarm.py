"""Alarms on expressions, which the emulator rejects: they are stored unchanged and never raised."""

from __future__ import annotations

from typing import ClassVar

from ministack.services.cloudformation import provisioners

from .base import Model, Resource


class AnomalyDetector(Resource):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAnomalyDetector.html"""

    type = "AWS::CloudWatch::AnomalyDetector"
    attributes: ClassVar = {"Id": "{token}"}


def install() -> None:
    """Let the engine store an alarm on several metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    record = provisioners._cw_metric_alarm_record

    def with_expressions(name: str, properties: Model) -> Model:
        metrics = properties.get("Metrics")
        if not metrics:
            return record(name, properties)  # type: ignore[no-any-return]
        # Anomaly detection has no threshold, and the emulator supports comparisons with numbers only.
        unusual = (
            {"Threshold": 0, "ComparisonOperator": "GreaterThanThreshold"} if "ThresholdMetricId" in properties else {}
        )
        plain = {**{key: value for key, value in properties.items() if key != "Metrics"}, **unusual}
        # A namespace without metrics: the alarm's state follows from its treatment of missing data.
        alarm: Model = record(name, {**plain, "MetricName": "Expression", "Namespace": "Local/None"})
        return {**alarm, "Metrics": metrics}

    provisioners._cw_metric_alarm_record = with_expressions
