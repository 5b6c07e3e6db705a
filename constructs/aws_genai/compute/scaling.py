"""When a fleet scales: on a schedule, on the length of a queue, and to zero instances when it is idle."""

from __future__ import annotations

from aws_cdk import aws_autoscaling as autoscaling, aws_cloudwatch as cloudwatch
from constructs import Construct

from ..foundation.alarms import described
from .options import BLOCK_DRAIN, CapacityBlock, Schedule
from .work_queue import WorkQueue

#: Maximum number of instances that one scaling activity adds, however long the queue is.
MAX_STEPS = 10
#: Number of minutes without waiting or running work after which a fleet is scaled to zero.
EMPTY_MINUTES = 15


def on_schedule(scope: Construct, id: str, schedule: Schedule, group_name: str) -> None:
    """Set the number of instances of a group at recurring times."""
    autoscaling.CfnScheduledAction(
        scope,
        id,
        auto_scaling_group_name=group_name,
        recurrence=schedule.cron,
        time_zone=schedule.time_zone,
        desired_capacity=schedule.instances,
    )


def during_block(scope: Construct, block: CapacityBlock, group_name: str) -> None:
    """Scale a group out when its Capacity Block starts, and to zero before the block ends.

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
    """Scale out on the length of a queue, also from zero instances, and to zero when no work waits or runs.

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
        # Bounds are relative to the alarm's threshold, which is one message.
        step_adjustments=[
            step(
                scaling_adjustment=count,
                metric_interval_lower_bound=(count - 1) * per_instance,
                metric_interval_upper_bound=None if count == MAX_STEPS else count * per_instance,
            )
            for count in range(1, MAX_STEPS + 1)
        ],
    )
    visible, running = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
    cloudwatch.CfnAlarm(
        scope,
        "WorkWaits",
        alarm_description=described("Work waits for the fleet, which scales out. No action is needed.", "scaling"),
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
        alarm_description=described(
            f"No work for {EMPTY_MINUTES} minutes: the fleet scales to zero. No action is needed.", "scaling"
        ),
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
    """The ARN of a policy that scales a group to zero instances."""
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
