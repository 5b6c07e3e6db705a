"""Alarms on the use of models: unusual numbers of invocations, costs, and guardrail interventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...errors import InvalidValueError
from ...foundation.alarms import alarm, described
from ...foundation.foundation import Foundation
from .guardrail import Guardrail
from .options import ModelWatchOptions

_HOUR = 3600
#: Maximum number of metrics of an alarm, expressions included:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
_MOST = 10


class ModelWatch(Construct):
    """Alarms on model invocations: unusually many, more expensive than a limit, and blocked by the guardrail.

    The number of invocations is compared with an anomaly detection band, which CloudWatch learns from two weeks of
    metrics; such an alarm costs three times as much as a standard alarm. Extracting training data, or a copy of the
    model, takes many invocations and raises the first alarm; attempts to bypass the guardrail raise the last. Costs are
    those of tokens at list prices, without prompt caching. CloudWatch counts invocations by a model's own id for the
    whole account and Region, whichever environment makes them, and those through an application inference profile
    separately.
    https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelWatch, ModelWatchOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        ModelWatch(
            stack,
            "Watch",
            models={"amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0"},
            guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
            foundation=foundation,
            options=ModelWatchOptions(usd_per_hour=5),
        )
        app.synth()

    :param foundation: the topic that receives the alarms.
    :param models: the model of each CloudWatch dimension: a model id, or the id of an application inference profile.
    :param guardrail: the guardrail whose interventions are counted.
    :param options: thresholds of the alarms. Default: :class:`ModelWatchOptions` without arguments.
    :raises InvalidValueError: if there is no model, or the catalogue does not have one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        models: Mapping[str, str],
        guardrail: Guardrail,
        options: ModelWatchOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        limits, topic = options or ModelWatchOptions(), foundation.topic
        if not models:
            raise InvalidValueError("There is no model to watch", field="models", hint="Add one")
        self._topic = topic
        for number, part in enumerate(_parts(list(models), _MOST - 2)):
            self._volume(f"Volume{number}", part, limits.band)
        dear = [each for each in models if BedrockCatalogue.get(models[each]).usd_per_million_input_tokens]
        for number, part in enumerate(_parts(dear, (_MOST - 1) // 2)):
            self._cost(f"Cost{number}", {each: models[each] for each in part}, limits.usd_per_hour)
        alarm(
            self,
            "Blocks",
            topic=topic,
            runbook="guardrail-interventions",
            description="The guardrail intervenes often. Find the callers in the invocation log.",
            namespace="AWS/Bedrock/Guardrails",
            metric="InvocationsIntervened",
            dimensions=guardrail.metric_dimensions,
            threshold=limits.blocks_per_hour,
            period_seconds=_HOUR,
        )

    def _volume(self, id: str, dimensions: Sequence[str], band: float) -> None:
        queries = [_query(f"m{number}", "Invocations", each) for number, each in enumerate(dimensions)]
        total = " + ".join(f"FILL({each['id']}, 0)" for each in queries)
        queries.append({"id": "total", "expression": total, "label": "Calls of models", "returnData": True})
        detector = cloudwatch.CfnAnomalyDetector(
            self, f"{id}Usual", metric_math_anomaly_detector={"metricDataQueries": queries}
        )
        usual = {"id": "usual", "expression": f"ANOMALY_DETECTION_BAND(total, {band:g})", "returnData": True}
        made = cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description=described(
                "More model invocations than usual. Find the callers in the invocation log.", "model-volume"
            ),
            metrics=[*queries, usual],
            threshold_metric_id="usual",
            comparison_operator="GreaterThanUpperThreshold",
            evaluation_periods=2,
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic.topic_arn],
        )
        made.add_resource_dependency(detector)

    def _cost(self, id: str, models: Mapping[str, str], usd_per_hour: float) -> None:
        queries: list[dict[str, Any]] = []
        terms: list[str] = []
        for number, (dimension, model) in enumerate(models.items()):
            facts = BedrockCatalogue.get(model)
            for letter, metric, price in (
                ("i", "InputTokenCount", facts.usd_per_million_input_tokens),
                ("o", "OutputTokenCount", facts.usd_per_million_output_tokens),
            ):
                queries.append(_query(f"{letter}{number}", metric, dimension))
                terms.append(f"FILL({letter}{number}, 0) * {price or 0}")
        total = f"({' + '.join(terms)}) / 1000000"
        cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description=described(
                f"Tokens cost over {usd_per_hour:g} USD an hour. Find the callers in the invocation log.", "model-cost"
            ),
            metrics=[*queries, {"id": "cost", "expression": total, "label": "USD an hour", "returnData": True}],
            threshold=usd_per_hour,
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            alarm_actions=[self._topic.topic_arn],
        )


def _query(id: str, metric: str, dimension: str) -> dict[str, Any]:
    stat = {
        "metric": {
            "namespace": "AWS/Bedrock",
            "metricName": metric,
            "dimensions": [{"name": "ModelId", "value": dimension}],
        },
        "period": _HOUR,
        "stat": "Sum",
    }
    return {"id": id, "metricStat": stat, "returnData": False}


def _parts(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
