"""Scaling of the instances of an endpoint with its invocations, or with the requests in its queue."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_applicationautoscaling as scaling, aws_cloudwatch as cloudwatch, aws_sagemaker as sagemaker
from constructs import Construct

from ...foundation.alarms import described
from .endpoint import VARIANT
from .options import AsyncInference, EndpointOptions


def scale(scope: Construct, endpoint: sagemaker.CfnEndpoint, options: EndpointOptions) -> None:
    """Scale the instances with the invocations per instance.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html
    """
    _track(
        scope,
        _capacity(scope, endpoint, options, options.min_instances),
        f"{endpoint.endpoint_name}-invocations",
        {
            "targetValue": options.invocations_per_instance,
            "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )


def scale_queue(
    scope: Construct, endpoint: sagemaker.CfnEndpoint, options: EndpointOptions, queue: AsyncInference
) -> None:
    """Scale the instances with the backlog per instance, from zero.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
    """
    capacity = _capacity(scope, endpoint, options, 0)
    name = endpoint.endpoint_name
    _track(
        scope,
        capacity,
        f"{name}-backlog",
        {
            "targetValue": queue.backlog,
            "customizedMetricSpecification": {
                "metricName": "ApproximateBacklogSizePerInstance",
                "namespace": "AWS/SageMaker",
                "dimensions": [{"name": "EndpointName", "value": name}],
                "statistic": "Average",
            },
        },
    )
    # The backlog per instance has no data while there is no instance, so a waiting request starts the first one.
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
        alarm_description=described(
            f"A request waits and {name} has no instance, so one starts. No action is needed.", "scaling"
        ),
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
    scope: Construct, endpoint: sagemaker.CfnEndpoint, options: EndpointOptions, minimum: int
) -> scaling.CfnScalableTarget:
    warm = options.warm
    return scaling.CfnScalableTarget(
        scope,
        "Capacity",
        service_namespace="sagemaker",
        scalable_dimension="sagemaker:variant:DesiredInstanceCount",
        resource_id=f"endpoint/{endpoint.attr_endpoint_name}/variant/{VARIANT}",
        min_capacity=minimum,
        max_capacity=options.max_instances,
        scheduled_actions=warm.actions(minimum, warm.instances) if warm else None,
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
