"""Watching whether the traffic of endpoints, and the quality of their answers, stay what they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, aws_iam as iam, aws_scheduler as scheduler
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import WorkloadRole
from ...functions.drift.names import NAMESPACE
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork


@dataclass(frozen=True, kw_only=True)
class DriftLimits:
    """What traffic may differ by before people are told.

    :param drift: population stability index of lengths and topics against the first hour with enough traffic; 0.1 is
        little, 0.25 much. Default: 0.25.
    :param empty_percent: share of answers without text, in percent. Default: 5.
    :param refused_percent: share of answers that decline, in percent. Default: 20.
    :param least_f1: F1 against right answers that people gave, 0 to 1. Default: 0.5.
    :param hours: hours in a row that a limit is passed. Default: 2.
    """

    drift: float = 0.25
    empty_percent: float = 5
    refused_percent: float = 20
    least_f1: float = 0.5
    hours: int = 2

    def check(self) -> None:
        """Refuse limits that nothing or everything passes.

        :raises InvalidValueError: naming the limit.
        """
        for name, value, least, most in (
            ("drift", self.drift, 0.01, 10),
            ("empty_percent", self.empty_percent, 0, 100),
            ("refused_percent", self.refused_percent, 0, 100),
            ("least_f1", self.least_f1, 0, 1),
            ("hours", self.hours, 1, 24),
        ):
            if not least <= value <= most:
                raise InvalidValueError(f"{name} is {least:g} to {most:g}, not {value:g}", field=name)


class ModelMonitoring(Construct):
    """Every hour a function looks at what endpoints recorded, and alarms tell of drift and of falling quality.

    It compares lengths of questions and answers and the words of questions with those of the first hour that had
    enough traffic, counts answers that are empty or decline, and measures answers against right ones that people put
    into the bucket. SageMaker Model Monitor, which does this for tables, is closed to new customers, and looks at no
    text. https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import ModelMonitoring
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, SecureBucket
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        key = DataKey(stack, "Key", description="Captured calls")
        key.allow_logs()
        ModelMonitoring(
            stack,
            "Monitoring",
            endpoints=["assistant"],
            captured=SecureBucket(stack, "Captured", key=key, access_logs=AccessLogBucket(stack, "Logs")),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param endpoints: names of endpoints that record into the bucket.
    :param captured: where they record; reports, and right answers under ``labels/``, lie beside under ``monitoring/``.
    :param key: encrypts the logs.
    :param topic: told of every alarm.
    :param limits: what traffic may differ by. Default: see :class:`DriftLimits`.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if a limit is none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoints: Sequence[str],
        captured: SecureBucket,
        key: DataKey,
        topic: AlarmTopic,
        limits: DriftLimits | None = None,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        limits = limits or DriftLimits()
        limits.check()
        self.function = PythonFunction(
            self,
            "Function",
            folder="drift",
            include=("model_evaluation",),
            key=key,
            topic=topic,
            environment={"BUCKET": captured.bucket_name, "ENDPOINTS": json.dumps(list(endpoints))},
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=1,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        role = self.function.role
        captured.grant_read(role, *(f"{name}/" for name in endpoints), "monitoring/")
        captured.grant_write(role, "monitoring/")
        role.allow(("s3:DeleteObject",), [f"{captured.bucket_arn}/monitoring/*/baseline.json"])
        role.allow(
            ("cloudwatch:PutMetricData",), ["*"], conditions={"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
        )
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=f"Resource::<{captured.logical_id}.Arn>/monitoring/*/baseline.json",
            reason="Each endpoint has a baseline of its own, and there is one function for all of them.",
            met_by="the one name of an object that the statement lets it delete",
        )
        for name in endpoints:
            self._watch(name, limits, topic)
        self._every_hour()
        CfnOutput(self, "FunctionName", value=self.function.function_name)

    def _watch(self, endpoint: str, limits: DriftLimits, topic: AlarmTopic) -> None:
        id = "".join(part.title() for part in endpoint.split("-"))
        look = f"read monitoring/{endpoint}/reports in the bucket of captured calls."
        for metric, limit, comparison, said in (
            (
                "QuestionDrift",
                limits.drift,
                None,
                f"Questions to {endpoint} have other lengths than before: {look}",
            ),
            ("AnswerDrift", limits.drift, None, f"Answers of {endpoint} have other lengths than before: {look}"),
            (
                "TopicDrift",
                limits.drift,
                None,
                f"Questions to {endpoint} are about other things than before: {look}",
            ),
            ("EmptyAnswers", limits.empty_percent, None, f"{endpoint} gives empty answers: {look}"),
            ("RefusedAnswers", limits.refused_percent, None, f"{endpoint} declines more than it did: {look}"),
            ("F1", limits.least_f1, "LessThanThreshold", f"{endpoint} answers worse than it did: {look}"),
        ):
            alarm(
                self,
                f"{id}{metric}",
                topic=topic,
                description=said,
                namespace=NAMESPACE,
                metric=metric,
                dimensions={"EndpointName": endpoint},
                statistic="Maximum" if comparison is None else "Minimum",
                threshold=limit,
                **({"comparison": comparison} if comparison else {}),
                period_seconds=3600,
                periods=limits.hours,
            )

    def _every_hour(self) -> None:
        role = WorkloadRole(
            self,
            "Clock",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        role.allow(("lambda:InvokeFunction",), [self.function.function_arn])
        scheduler.CfnSchedule(
            self,
            "Hourly",
            description="Looks at the traffic of endpoints",
            # Records of an hour are there some minutes after it.
            schedule_expression="cron(20 * * * ? *)",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": self.function.function_arn,
                "roleArn": role.role_arn,
                "input": "{}",
                "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 1800},
            },
        )
