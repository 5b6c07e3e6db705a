"""Monitoring of captured traffic: drift, and the quality of the responses."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, aws_cloudwatch as cloudwatch, aws_iam as iam, aws_scheduler as scheduler
from constructs import Construct

from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID
from ...foundation.role import WorkloadRole
from ...functions.drift.environment import Environment
from ...functions.drift.names import NAMESPACE
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .options import DriftLimits


class ModelMonitoring(Construct):
    """A function that looks every hour at the captured traffic of endpoints, and alarms on drift and low quality.

    It compares the lengths of questions and answers, and the words of questions, with those of the first hour that had
    enough traffic; it counts answers that are empty or decline to answer; and it scores answers against correct ones
    that people upload to the bucket. SageMaker Model Monitor, which does this for tabular data, does not support text
    and is closed to new customers.
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate
        from aws_genai.models import DriftLimits, ModelMonitoring

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        foundation = Foundation(stack)
        ModelMonitoring(
            stack,
            "Monitoring",
            foundation=foundation,
            endpoints=["assistant"],
            captured=SecureBucket(stack, "Captured", foundation=foundation),
            limits=DriftLimits(refused_percent=10),
        )
        app.synth()

    :param foundation: key, topic and network.
    :param endpoints: names of the endpoints that capture data into the bucket.
    :param captured: the bucket of the captured data. Reports are written to ``monitoring/<endpoint>/reports/``; correct
        answers are read from ``monitoring/<endpoint>/labels/``.
    :param limits: the limits that raise alarms. Default: :class:`DriftLimits` without arguments.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        endpoints: Sequence[str],
        captured: SecureBucket,
        limits: DriftLimits | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.function = PythonFunction(
            self,
            "Function",
            folder="drift",
            include=("model_evaluation",),
            foundation=foundation,
            environment=Environment(BUCKET=captured.bucket_name, ENDPOINTS=list(endpoints)),
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=1,
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
            self._watch(name, limits or DriftLimits(), foundation.topic)
        self._every_hour()
        CfnOutput(self, "FunctionName", value=self.function.function_name)

    def metric_question_drift(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Population stability index of the lengths of questions; see :meth:`metric_topic_drift`."""
        return self._metric("QuestionDrift", endpoint, period)

    def metric_answer_drift(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Population stability index of the lengths of answers; see :meth:`metric_topic_drift`."""
        return self._metric("AnswerDrift", endpoint, period)

    def metric_topic_drift(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Population stability index of the words of questions, compared with the baseline.

        :param endpoint: name of the endpoint.
        :param period: length of a data point. Default: 1 hour, at which the metric is published.
        """
        return self._metric("TopicDrift", endpoint, period)

    def metric_empty_answers(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Share of the answers without text, in percent."""
        return self._metric("EmptyAnswers", endpoint, period)

    def metric_refused_answers(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """Share of the answers that decline, in percent."""
        return self._metric("RefusedAnswers", endpoint, period)

    def metric_f1(self, endpoint: str, *, period: Duration | None = None) -> cloudwatch.Metric:
        """F1 score of the answers against correct ones, 0 to 1; published for hours that have correct answers."""
        return self._metric("F1", endpoint, period)

    def _metric(self, name: str, endpoint: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"EndpointName": endpoint},
            statistic="Average",
            period=period or Duration.hours(1),
        )

    def _watch(self, endpoint: str, limits: DriftLimits, topic: AlarmTopic) -> None:
        id = "".join(part.title() for part in endpoint.split("-"))
        look = f"read monitoring/{endpoint}/reports in the bucket of captured calls."
        above, below = "GreaterThanOrEqualToThreshold", "LessThanThreshold"
        for metric, limit, comparison, description in (
            ("QuestionDrift", limits.drift, above, f"Questions to {endpoint} have other lengths than before: {look}"),
            ("AnswerDrift", limits.drift, above, f"Answers of {endpoint} have other lengths than before: {look}"),
            ("TopicDrift", limits.drift, above, f"Questions to {endpoint} are about other things than before: {look}"),
            ("EmptyAnswers", limits.empty_percent, above, f"{endpoint} gives empty answers: {look}"),
            ("RefusedAnswers", limits.refused_percent, above, f"{endpoint} declines more than it did: {look}"),
            ("F1", limits.least_f1, below, f"{endpoint} answers worse than it did: {look}"),
        ):
            alarm(
                self,
                f"{id}{metric}",
                topic=topic,
                runbook="endpoint-drift",
                description=description,
                namespace=NAMESPACE,
                metric=metric,
                dimensions={"EndpointName": endpoint},
                statistic="Maximum" if comparison == above else "Minimum",
                threshold=limit,
                comparison=comparison,
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
            # SageMaker delivers the captured data of an hour some minutes after it.
            schedule_expression="cron(20 * * * ? *)",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": self.function.function_arn,
                "roleArn": role.role_arn,
                "input": "{}",
                "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 1800},
            },
        )
