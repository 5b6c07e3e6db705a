"""How the instances of an endpoint follow the calls, or what waits in its queue."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_applicationautoscaling as scaling, aws_cloudwatch as cloudwatch, aws_sagemaker as sagemaker
from constructs import Construct

from .working_hours import WarmHours


def scale(
    scope: Construct,
    endpoint: sagemaker.CfnEndpoint,
    variant: str,
    least: int,
    most: int,
    per_instance: float,
    warm: WarmHours | None,
) -> None:
    """Let the instances of a variant follow its invocations.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html
    """
    _track(
        scope,
        _capacity(scope, endpoint, variant, least, most, warm),
        f"{endpoint.endpoint_name}-invocations",
        {
            "targetValue": per_instance,
            "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )


def scale_queue(
    scope: Construct,
    endpoint: sagemaker.CfnEndpoint,
    variant: str,
    most: int,
    backlog: float,
    warm: WarmHours | None,
) -> None:
    """Let the instances of a variant follow what waits in its queue, from none.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
    """
    capacity = _capacity(scope, endpoint, variant, 0, most, warm)
    name = endpoint.endpoint_name
    _track(
        scope,
        capacity,
        f"{name}-backlog",
        {
            "targetValue": backlog,
            "customizedMetricSpecification": {
                "metricName": "ApproximateBacklogSizePerInstance",
                "namespace": "AWS/SageMaker",
                "dimensions": [{"name": "EndpointName", "value": name}],
                "statistic": "Average",
            },
        },
    )
    # A backlog per instance says nothing while there is none, so the first request that waits wakes the first one.
    wake = scaling.CfnScalingPolicy(
        scope,
        "Wake",
        policy_name=f"{name}-wake",
        policy_type="StepScaling",
        scaling_target_id=capacity.ref,
        step_scaling_policy_configuration={
            "adjustmentType": "ChangeInCapacity",
            "metricAggregationType": "Average",
            "cooldown": 300,
            "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}],
        },
    )
    cloudwatch.CfnAlarm(
        scope,
        "Wanted",
        alarm_description=f"A request waits and {name} has no instance, so one starts. Nothing to do.",
        namespace="AWS/SageMaker",
        metric_name="HasBacklogWithoutCapacity",
        dimensions=[{"name": "EndpointName", "value": str(name)}],
        statistic="Average",
        period=60,
        evaluation_periods=2,
        datapoints_to_alarm=2,
        threshold=1,
        comparison_operator="GreaterThanOrEqualToThreshold",
        treat_missing_data="missing",
        alarm_actions=[wake.ref],
    )


def _capacity(
    scope: Construct, endpoint: sagemaker.CfnEndpoint, variant: str, least: int, most: int, warm: WarmHours | None
) -> scaling.CfnScalableTarget:
    return scaling.CfnScalableTarget(
        scope,
        "Capacity",
        service_namespace="sagemaker",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{variant}",
        min_capacity=least,
        max_capacity=most,
        scheduled_actions=warm.actions(least, warm.instances) if warm else None,
    )


def _track(scope: Construct, capacity: scaling.CfnScalableTarget, name: str, target: dict[str, Any]) -> None:
    scaling.CfnScalingPolicy(
        scope,
        "Scaling",
        policy_name=name,
        policy_type="TargetTrackingScaling",
        scaling_target_id=capacity.ref,
        target_tracking_scaling_policy_configuration={**target, "scaleInCooldown": 600, "scaleOutCooldown": 60},
    )
