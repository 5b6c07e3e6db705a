"""When a fleet grows and shrinks: by the clock, by waiting work, and to nothing when idle."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_autoscaling as autoscaling, aws_cloudwatch as cloudwatch
from constructs import Construct

from ..data.purchase import BLOCK_DRAIN, CapacityBlock
from .work_queue import WorkQueue

#: Steps of growth: a queue of any length asks for at most this many instances at a time.
MOST_STEPS = 10
#: Minutes without waiting or running work before a fleet is emptied.
EMPTY_MINUTES = 15


@dataclass(frozen=True)
class Schedule:
    """A size from a time on.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html

    :param cron: when, as five fields of cron, such as ``0 7 * * MON-FRI``.
    :param instances: how many from then on.
    :param time_zone: IANA name of the zone of the times. Default: Etc/UTC.
    """

    cron: str
    instances: int
    time_zone: str = "Etc/UTC"


def on_schedule(scope: Construct, id: str, schedule: Schedule, group_name: str) -> None:
    """Set a group's size at times that recur."""
    autoscaling.CfnScheduledAction(
        scope,
        id,
        auto_scaling_group_name=group_name,
        recurrence=schedule.cron,
        time_zone=schedule.time_zone,
        desired_capacity=schedule.instances,
    )


def during_block(scope: Construct, block: CapacityBlock, group_name: str) -> None:
    """Fill a group while its Capacity Block lasts, and drain it before the block ends.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-template-capacity-blocks.html
    """
    for id, moment, instances in (
        ("BlockBegins", block.start, block.instances),
        ("BlockEnds", block.end - BLOCK_DRAIN, 0),
    ):
        autoscaling.CfnScheduledAction(
            scope,
            id,
            auto_scaling_group_name=group_name,
            start_time=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            desired_capacity=instances,
        )


def on_queue(scope: Construct, queue: WorkQueue, per_instance: int, group_name: str) -> None:
    """Grow by the length of a queue, also from nothing, and empty the group when no work waits or runs.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
    """
    step = autoscaling.CfnScalingPolicy.StepAdjustmentProperty
    grow = autoscaling.CfnScalingPolicy(
        scope,
        "Grow",
        auto_scaling_group_name=group_name,
        policy_type="StepScaling",
        adjustment_type="ChangeInCapacity",
        estimated_instance_warmup=300,
        # Bounds count from the alarm's threshold, which is one message.
        step_adjustments=[
            step(
                scaling_adjustment=count,
                metric_interval_lower_bound=(count - 1) * per_instance,
                metric_interval_upper_bound=None if count == MOST_STEPS else count * per_instance,
            )
            for count in range(1, MOST_STEPS + 1)
        ],
    )
    visible, running = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
    cloudwatch.CfnAlarm(
        scope,
        "WorkWaits",
        alarm_description="Work waits for the fleet, which grows. Nothing to do.",
        namespace="AWS/SQS",
        metric_name=visible,
        dimensions=[{"name": "QueueName", "value": queue.queue_name}],
        statistic="Maximum",
        period=60,
        evaluation_periods=1,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[grow.ref],
    )
    data = cloudwatch.CfnAlarm.MetricDataQueryProperty
    cloudwatch.CfnAlarm(
        scope,
        "NoWork",
        alarm_description=f"No work for {EMPTY_MINUTES} minutes; the fleet is emptied. Nothing to do.",
        metrics=[
            data(id="all", expression="visible + running", label="Messages", return_data=True),
            *(
                data(
                    id=id,
                    return_data=False,
                    metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
                        metric=cloudwatch.CfnAlarm.MetricProperty(
                            namespace="AWS/SQS",
                            metric_name=name,
                            dimensions=[{"name": "QueueName", "value": queue.queue_name}],
                        ),
                        period=60,
                        stat="Maximum",
                    ),
                )
                for id, name in (("visible", visible), ("running", running))
            ),
        ],
        evaluation_periods=EMPTY_MINUTES,
        threshold=1,
        comparison_operator="LessThanThreshold",
        treat_missing_data="notBreaching",
        alarm_actions=[to_zero(scope, "Empty", group_name)],
    )


def to_zero(scope: Construct, id: str, group_name: str) -> str:
    """A policy that empties a group; its ARN."""
    return autoscaling.CfnScalingPolicy(
        scope,
        id,
        auto_scaling_group_name=group_name,
        policy_type="StepScaling",
        adjustment_type="ExactCapacity",
        step_adjustments=[
            autoscaling.CfnScalingPolicy.StepAdjustmentProperty(scaling_adjustment=0, metric_interval_upper_bound=0)
        ],
    ).ref
