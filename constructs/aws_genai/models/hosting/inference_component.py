"""A model as an inference component, whose copies and instances scale to zero."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_applicationautoscaling as scaling, aws_cloudwatch as cloudwatch, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.jumpstart import JumpStartModel
from ...foundation.alarms import described
from ...foundation.network import PrivateNetwork
from .endpoint import VARIANT
from .options import EndpointOptions

#: The environment variables by which containers get the number of accelerators of one copy.
_ACCELERATORS = ("SM_NUM_GPUS", "OPTION_TENSOR_PARALLEL_DEGREE", "NUM_SHARD")
#: Minimum memory of a copy, as a part of the share of the instance's memory that belongs to its accelerators.
_MEMORY = 0.5


def accelerators_of_a_copy(model: JumpStartModel, instance_type: str) -> int:
    """The number of accelerators of one copy: what the environment of its container says, or all of the type."""
    have = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml.")).count
    environment = model.container_environment(instance_type)
    told = [int(environment[name]) for name in _ACCELERATORS if environment.get(name, "").isdigit()]
    return min(have, max(told)) if told else have


def variant(instance_type: str, max_instances: int, host_image: str | None = None) -> dict[str, Any]:
    """A variant without a model, whose instances scale with its inference components, to zero.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
    """
    made: dict[str, Any] = {
        "variantName": VARIANT,
        "instanceType": instance_type,
        "initialInstanceCount": 1,
        "managedInstanceScaling": {"status": "ENABLED", "minInstanceCount": 0, "maxInstanceCount": max_instances},
        "routingConfig": {"routingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
        "modelDataDownloadTimeoutInSeconds": 3600,
        "containerStartupHealthCheckTimeoutInSeconds": 3600,
    }
    return {**made, "inferenceAmiVersion": host_image} if host_image else made


def for_components(role_arn: str, network: PrivateNetwork, group_id: str) -> dict[str, Any]:
    """The properties of an endpoint configuration with components that otherwise belong to the model.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    return {
        "execution_role_arn": role_arn,
        "enable_network_isolation": True,
        "vpc_config": {"subnets": network.subnet_ids, "securityGroupIds": [group_id]},
    }


class InferenceComponent(Construct):
    """One model on an endpoint that scales to zero: its share of an instance, its copies, and their scaling.

    :class:`JumpStartEndpoint` and :class:`ModelEndpoint` create these. The number of copies follows the invocations,
    from zero to all that the maximum number of instances holds.
    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import EndpointOptions, JumpStartEndpoint

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        JumpStartEndpoint(
            stack,
            "Embeddings",
            foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
            endpoint_name="embeddings",
            options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3", scale_to_zero=True),
        )
        app.synth()

    :param name: name of the component, which callers pass in addition to that of the endpoint.
    :param endpoint: the endpoint; its variant comes from :func:`variant`.
    :param options: maximum number of instances, scaling target, and hours in which copies are ready.
    :param instance_type: SageMaker instance type of the variant.
    :param accelerators: number of accelerators of one copy.
    :param model_name: the SageMaker model of the component.
    :param rollback_alarms: names of the alarms that roll a new version back.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        endpoint: sagemaker.CfnEndpoint,
        options: EndpointOptions,
        instance_type: str,
        accelerators: int,
        model_name: str,
        rollback_alarms: list[str],
    ) -> None:
        super().__init__(scope, id)
        hardware = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        share = hardware.system_memory_mib * accelerators / hardware.count
        self.resource = sagemaker.CfnInferenceComponent(
            self,
            "Resource",
            inference_component_name=name,
            endpoint_name=endpoint.attr_endpoint_name,
            variant_name=VARIANT,
            specification={
                "modelName": model_name,
                "computeResourceRequirements": {
                    "numberOfAcceleratorDevicesRequired": accelerators,
                    "minMemoryRequiredInMb": int(share * _MEMORY),
                },
                "startupParameters": {
                    "modelDataDownloadTimeoutInSeconds": 3600,
                    "containerStartupHealthCheckTimeoutInSeconds": 3600,
                },
            },
            runtime_config={"copyCount": 1},
            deployment_config={
                "rollingUpdatePolicy": {
                    "maximumBatchSize": {"type": "COPY_COUNT", "value": 1},
                    "waitIntervalInSeconds": 120,
                },
                "autoRollbackConfiguration": {"alarms": [{"alarmName": each} for each in rollback_alarms]},
            },
        )
        self.arn: str = self.resource.attr_inference_component_arn
        copies, warm = hardware.count // accelerators, options.warm
        scheduled = warm.actions(0, warm.instances * copies) if warm else None
        self._scale(name, options.max_instances * copies, options.invocations_per_instance, scheduled)

    def _scale(self, name: str, most: int, target: float, scheduled: list[dict[str, Any]] | None) -> None:
        capacity = scaling.CfnScalableTarget(
            self,
            "Capacity",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:inference-component:DesiredCopyCount",
            resource_id=f"inference-component/{name}",
            min_capacity=0,
            max_capacity=most,
            scheduled_actions=scheduled,
        )
        capacity.add_resource_dependency(self.resource)
        scaling.CfnScalingPolicy(
            self,
            "Scaling",
            policy_name=f"{name}-invocations",
            policy_type="TargetTrackingScaling",
            scaling_target_id=capacity.ref,
            target_tracking_scaling_policy_configuration={
                "targetValue": target,
                "predefinedMetricSpecification": {
                    "predefinedMetricType": "SageMakerInferenceComponentInvocationsPerCopy"
                },
                "scaleInCooldown": 600,
                "scaleOutCooldown": 60,
            },
        )
        # Metrics per copy have no data while there is no copy, so a failed invocation starts the first one.
        wake = scaling.CfnScalingPolicy(
            self,
            "Wake",
            policy_name=f"{name}-wake",
            policy_type="StepScaling",
            scaling_target_id=capacity.ref,
            step_scaling_policy_configuration={
                "adjustmentType": "ChangeInCapacity",
                "metricAggregationType": "Maximum",
                "cooldown": 60,
                "stepAdjustments": [{"metricIntervalLowerBound": 0, "scalingAdjustment": 1}],
            },
        )
        cloudwatch.CfnAlarm(
            self,
            "Wanted",
            alarm_description=described(
                f"An invocation found no copy of {name}, so one starts. No action is needed.", "scaling"
            ),
            namespace="AWS/SageMaker",
            metric_name="NoCapacityInvocationFailures",
            dimensions=[{"name": "InferenceComponentName", "value": name}],
            statistic="Maximum",
            period=30,
            evaluation_periods=1,
            datapoints_to_alarm=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="missing",
            alarm_actions=[wake.ref],
        )
