"""What all SageMaker endpoints of this library have in common: permissions, metrics and alarms."""

from __future__ import annotations

from aws_cdk import Duration, aws_cloudwatch as cloudwatch, aws_iam as iam
from constructs import Construct

from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.role import grant

#: Name of the production variant of every endpoint.
VARIANT = "AllTraffic"
_NAMESPACE = "AWS/SageMaker"


class Endpoint(Construct):
    """A SageMaker endpoint.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
    """

    #: Name of the endpoint.
    endpoint_name: str
    #: ARN of the endpoint.
    endpoint_arn: str
    #: Whether requests wait in a queue.
    asynchronous: bool = False
    #: Name of the inference component that callers pass for the first model; None without components.
    component_name: str | None = None

    @property
    def dimensions(self) -> dict[str, str]:
        """The CloudWatch dimensions of the invocation metrics."""
        if self.component_name is not None:
            return {"InferenceComponentName": self.component_name}
        return {"EndpointName": self.endpoint_name, "VariantName": VARIANT}

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` invoke the endpoint, and the inference components on it."""
        return grant(
            grantee,
            ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
            self._invoked,
        )

    def grant_describe(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read the status and the configuration of the endpoint."""
        return grant(grantee, ["sagemaker:DescribeEndpoint"], [self.endpoint_arn])

    def metric_invocations(
        self, *, statistic: str = "Sum", period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.Metric:
        """Number of requests.

        :param statistic: the statistic. Default: Sum.
        :param period: length of a data point. Default: 5 minutes.
        :param label: label in graphs. Default: CloudWatch's own.
        """
        return self._metric("Invocations", self.dimensions, statistic, period, label)

    def metric_errors(
        self, *, statistic: str = "Sum", period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.Metric:
        """Number of requests that the model or SageMaker failed to answer: ``Invocation5XXErrors``, and
        ``InvocationFailures`` of an asynchronous endpoint.

        :param statistic: the statistic. Default: Sum.
        :param period: length of a data point. Default: 5 minutes.
        :param label: label in graphs. Default: CloudWatch's own.
        """
        return self._metric(*self._errors, statistic, period, label)

    def metric_latency(
        self, *, statistic: str = "p50", period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.Metric:
        """Time that the model takes to respond, in microseconds (``ModelLatency``).

        :param statistic: the statistic. Default: the median.
        :param period: length of a data point. Default: 5 minutes.
        :param label: label in graphs. Default: CloudWatch's own.
        """
        return self._metric("ModelLatency", self.dimensions, statistic, period, label)

    def metric_overhead_latency(
        self, *, statistic: str = "p50", period: Duration | None = None, label: str | None = None
    ) -> cloudwatch.Metric:
        """Time that SageMaker adds to that of the model, in microseconds (``OverheadLatency``).

        :param statistic: the statistic. Default: the median.
        :param period: length of a data point. Default: 5 minutes.
        :param label: label in graphs. Default: CloudWatch's own.
        """
        return self._metric("OverheadLatency", self.dimensions, statistic, period, label)

    @property
    def _invoked(self) -> list[str]:
        """The ARNs that a caller needs to invoke the endpoint."""
        return [self.endpoint_arn]

    @property
    def _errors(self) -> tuple[str, dict[str, str]]:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
        if self.asynchronous:
            return "InvocationFailures", {"EndpointName": self.endpoint_name}
        return "Invocation5XXErrors", self.dimensions

    def _metric(
        self, name: str, dimensions: dict[str, str], statistic: str, period: Duration | None, label: str | None
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=_NAMESPACE,
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=period,
            label=label,
        )

    def _rollback_alarms(self, topic: AlarmTopic, latency_ms: int, *, remedy: str) -> list[cloudwatch.CfnAlarm]:
        """The alarms on errors and latency, which also roll a deployment back.

        :param remedy: what to do when the endpoint is slow.
        """
        errors, dimensions = self._errors
        return [
            alarm(
                self,
                "Errors",
                topic=topic,
                runbook="endpoint-errors",
                description=f"Endpoint {self.endpoint_name} answers with server errors: read its log group.",
                namespace=_NAMESPACE,
                metric=errors,
                dimensions=dimensions,
                threshold=5,
            ),
            alarm(
                self,
                "Latency",
                topic=topic,
                runbook="endpoint-latency",
                description=f"Endpoint {self.endpoint_name} is slow: {remedy}.",
                namespace=_NAMESPACE,
                metric="ModelLatency",
                dimensions=self.dimensions,
                statistic="p50",
                threshold=latency_ms * 1000,
                periods=3,
            ),
        ]

    def _idle_alarm(self, topic: AlarmTopic, idle_hours: int, *, remedy: str, missing: str = "breaching") -> None:
        """The alarm on an endpoint that costs money and is not used."""
        alarm(
            self,
            "Idle",
            topic=topic,
            runbook="endpoint-idle",
            description=f"Nobody called endpoint {self.endpoint_name} for {idle_hours} hours: {remedy}.",
            namespace=_NAMESPACE,
            metric="Invocations",
            dimensions=self.dimensions,
            threshold=1,
            comparison="LessThanThreshold",
            period_seconds=3600,
            periods=idle_hours,
            missing=missing,
        )
