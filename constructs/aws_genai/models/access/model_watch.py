"""Alarms on how models are used: more than ever, for more money than meant, or against the guardrail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic, alarm
from .guardrail import Guardrail

_HOUR = 3600
#: Metrics of an alarm, the expressions over them included:
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
_MOST = 10


class ModelWatch(Construct):
    """Alarms on calls of models: unusually many, dearer than a limit, and blocked by the guardrail.

    Unusual is what CloudWatch has not seen at that hour and weekday: it learns for two weeks, and each such alarm costs
    three times as much as another. Drawing out a model's training data or a copy of the model takes many calls, and
    shows in the first; trying to pass the guardrail shows in the last. Costs are tokens by list price, without caches.
    CloudWatch counts the calls of a model's own id for the whole account and Region, whatever environment makes them,
    and those of an application's profile apart.
    https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ModelWatch
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        ModelWatch(
            stack,
            "Watch",
            models={"amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0"},
            guardrail=Guardrail(stack, "Guardrail", name="assistant", key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
            usd_per_hour=5,
        )
        app.synth()

    :param models: what CloudWatch keeps the calls of each model by: its id, or that of the application's profile.
    :param guardrail: whose interventions are counted.
    :param topic: told of every alarm.
    :param usd_per_hour: dollars of tokens in an hour, of at most four models together. Default: 20.
    :param blocks_per_hour: interventions in an hour. Default: 50.
    :param band: width of what is usual, in standard deviations. Default: 3.
    :raises InvalidValueError: if there is no model, or one is not known.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        models: Mapping[str, str],
        guardrail: Guardrail,
        topic: AlarmTopic,
        usd_per_hour: float = 20,
        blocks_per_hour: int = 50,
        band: float = 3,
    ) -> None:
        super().__init__(scope, id)
        if not models:
            raise InvalidValueError("There is no model to watch", field="models", hint="Name one")
        self._topic = topic
        for number, part in enumerate(_parts(list(models), _MOST - 2)):
            self._volume(f"Volume{number}", [models[model] for model in part], band)
        dear = [model for model in models if BedrockCatalogue.get(model).usd_per_million_input_tokens]
        for number, part in enumerate(_parts(dear, (_MOST - 1) // 2)):
            self._cost(f"Cost{number}", {model: models[model] for model in part}, usd_per_hour)
        alarm(
            self,
            "Blocks",
            topic=topic,
            description="The guardrail intervenes often: read who asks what in the record of calls.",
            namespace="AWS/Bedrock/Guardrails",
            metric="InvocationsIntervened",
            dimensions={"GuardrailArn": guardrail.guardrail_arn, "GuardrailVersion": guardrail.version},
            threshold=blocks_per_hour,
            period_seconds=_HOUR,
        )

    def _volume(self, id: str, dimensions: Sequence[str], band: float) -> None:
        queries = [_query(f"m{number}", "Invocations", each) for number, each in enumerate(dimensions)]
        total = " + ".join(f"FILL({each['id']}, 0)" for each in queries)
        queries.append({"id": "total", "expression": total, "label": "Calls of models", "returnData": True})
        detector = cloudwatch.CfnAnomalyDetector(
            self, f"{id}Usual", metric_math_anomaly_detector={"metricDataQueries": queries}
        )
        usual = {"id": "usual", "expression": f"ANOMALY_DETECTION_BAND(total, {band})", "returnData": True}
        made = cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description="Models are called more than usual in this account: read in the record who calls.",
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
        for number, (model, dimension) in enumerate(models.items()):
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
            alarm_description=f"Tokens of an hour cost the account over {usd_per_hour} USD: find the caller.",
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
