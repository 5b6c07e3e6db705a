"""Metrics, alarms and notifications of accelerated instances."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack, aws_cloudwatch as cloudwatch, aws_logs as logs
from constructs import Construct

from ..foundation.alarms import AlarmTopic, alarm
from ..foundation.key import DataKey
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from . import boot


def let_measure(role: WorkloadRole, log_group: logs.CfnLogGroup) -> None:
    """Let instances publish metrics of one namespace, and their kernel log."""
    # PutMetricData supports no resource, but a condition on the namespace:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
    role.allow(
        ("cloudwatch:PutMetricData",),
        ["*"],
        conditions={"StringEquals": {"cloudwatch:namespace": boot.NAMESPACE}},
    )
    role.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [log_group.attr_arn])
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding="Resource::*",
        reason="PutMetricData takes no resource, so AWS accepts only a wildcard.",
        met_by="the condition on the one namespace of accelerators",
    )


def hardware_alarm(scope: Construct, fleet: str, log_group: logs.CfnLogGroup, topic: AlarmTopic) -> str:
    """The name of an alarm on hardware errors that drivers of accelerators write to the kernel log.

    https://docs.nvidia.com/deploy/xid-errors/index.html
    https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/nrt-troubleshoot.html
    """
    metric = _errors(fleet)
    logs.CfnMetricFilter(
        scope,
        "HardwareErrors",
        log_group_name=log_group.ref,
        filter_pattern='?"NVRM: Xid" ?NEURON_HW_ERR',
        metric_transformations=[
            logs.CfnMetricFilter.MetricTransformationProperty(
                metric_namespace=boot.NAMESPACE, metric_name=metric, metric_value="1", default_value=0
            )
        ],
    )
    return alarm(
        scope,
        "HardwareAlarm",
        topic=topic,
        runbook="accelerator-hardware",
        description="An accelerator reported a hardware error: replace the instance that the kernel log names.",
        namespace=boot.NAMESPACE,
        metric=metric,
        dimensions={},
        threshold=1,
    ).ref


def idle_alarm(scope: Construct, fleet: str, topic: AlarmTopic, *, minutes: int, actions: Sequence[str]) -> None:
    """An alarm on idle accelerators.

    :param minutes: number of minutes with a utilization below 5 %.
    :param actions: ARNs of further actions of the alarm, such as scaling policies.
    """
    alarm(
        scope,
        "IdleAlarm",
        topic=topic,
        runbook="accelerator-idle",
        description=f"Accelerators were idle for {minutes} minutes: scale to zero instances to save their cost.",
        namespace=boot.NAMESPACE,
        metric=boot.UTILIZATION,
        dimensions={"Fleet": fleet},
        statistic="Average",
        threshold=5,
        periods=max(1, minutes // 5),
        comparison="LessThanThreshold",
        actions=actions,
    )


def report_interruptions(stack: Stack, topic: AlarmTopic, key: DataKey) -> None:
    """Notify the topic of Spot interruptions, once for a stack; instances save their work by themselves.

    These events name the instance only, so those of other environments in the account are reported too.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
    """
    id = "SpotInterruptions"
    if stack.node.try_find_child(id) is not None:
        return
    report_event(
        Construct(stack, id),
        "Resource",
        topic=topic,
        key=key,
        description="Spot Instances are at risk or interrupted: they save their work and are replaced.",
        pattern={
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance Rebalance Recommendation", "EC2 Spot Instance Interruption Warning"],
        },
    )


def utilization(fleet: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
    """Utilization of the accelerators of a fleet or a queue, in percent."""
    return cloudwatch.Metric(
        namespace=boot.NAMESPACE,
        metric_name=boot.UTILIZATION,
        dimensions_map={"Fleet": fleet},
        statistic=statistic,
        period=period,
        unit=cloudwatch.Unit.PERCENT,
    )


def hardware_errors(fleet: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
    """Number of hardware errors in the kernel logs of a fleet or a queue."""
    return cloudwatch.Metric(namespace=boot.NAMESPACE, metric_name=_errors(fleet), statistic=statistic, period=period)


def _errors(fleet: str) -> str:
    return f"{fleet}-HardwareErrors"
