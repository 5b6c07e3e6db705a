"""What a fleet reports: how busy it is, what breaks, and which capacity is taken back."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, aws_logs as logs
from constructs import Construct

from ..foundation.alarms import AlarmTopic, alarm
from ..foundation.key import DataKey
from ..foundation.report import report_event
from ..foundation.role import WorkloadRole
from ..gate.acknowledgement import acknowledge
from . import boot


def let_measure(role: WorkloadRole, log_group: logs.CfnLogGroup) -> None:
    """Let instances report metrics of the one namespace, and their kernel's messages."""
    # PutMetricData takes no resource, but a namespace:
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
    """An alarm on what drivers tell of broken accelerators in the kernel's log; its name.

    https://docs.nvidia.com/deploy/xid-errors/index.html
    https://awsdocs-neuron.readthedocs-hosted.com/en/latest/neuron-runtime/nrt-troubleshoot.html
    """
    metric = f"{fleet}-HardwareErrors"
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
        description="An accelerator reported a hardware error: replace the instance that the kernel log names.",
        namespace=boot.NAMESPACE,
        metric=metric,
        dimensions={},
        threshold=1,
    ).ref


def idle_alarm(scope: Construct, fleet: str, topic: AlarmTopic, *, minutes: int, actions: Sequence[str]) -> None:
    """An alarm on accelerators that do nothing, with what else it sets off."""
    alarm(
        scope,
        "IdleAlarm",
        topic=topic,
        description=f"Accelerators stood idle for {minutes} minutes and cost money: empty the fleet.",
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
    """Tell of Spot capacity that is taken back, once a stack; the instances save their work by themselves.

    Such events name the instance only, so those of other environments of the account are told too.

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
        description="Spot capacity is at risk or taken back: instances save their work and are replaced.",
        pattern={
            "source": ["aws.ec2"],
            "detail-type": ["EC2 Instance Rebalance Recommendation", "EC2 Spot Instance Interruption Warning"],
        },
    )
