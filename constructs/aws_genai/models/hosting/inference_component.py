"""A model as an inference component: copies that come and go on instances that do too, down to none."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_applicationautoscaling as scaling, aws_cloudwatch as cloudwatch, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.jumpstart import JumpStartModel
from ...foundation.network import PrivateNetwork
from .working_hours import WarmHours

#: How containers are told how many accelerators one copy has.
_ACCELERATORS = ("SM_NUM_GPUS", "OPTION_TENSOR_PARALLEL_DEGREE", "NUM_SHARD")
#: The part of the memory of its accelerators' share of an instance that a copy is sure of.
_MEMORY = 0.5


def accelerators_of_a_copy(model: JumpStartModel, instance_type: str) -> int:
    """How many accelerators one copy takes: what its container is told to use, or all of the type."""
    have = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml.")).count
    environment = model.container_environment(instance_type)
    told = [int(environment[name]) for name in _ACCELERATORS if environment.get(name, "").isdigit()]
    return min(have, max(told)) if told else have


def variant(instance_type: str, name: str, most: int, host_image: str | None = None) -> dict[str, Any]:
    """A variant without a model of its own, whose instances follow its components, down to none.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
    """
    made: dict[str, Any] = {
        "variantName": name,
        "instanceType": instance_type,
        "initialInstanceCount": 1,
        "managedInstanceScaling": {"status": "ENABLED", "minInstanceCount": 0, "maxInstanceCount": most},
        "routingConfig": {"routingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
        "modelDataDownloadTimeoutInSeconds": 3600,
        "containerStartupHealthCheckTimeoutInSeconds": 3600,
    }
    return {**made, "inferenceAmiVersion": host_image} if host_image else made


def for_components(role_arn: str, network: PrivateNetwork, group_id: str) -> dict[str, Any]:
    """What of a model stands at the endpoint where components share its instances.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
    """
    return {
        "execution_role_arn": role_arn,
        "enable_network_isolation": True,
        "vpc_config": {"subnets": network.subnet_ids, "securityGroupIds": [group_id]},
    }


class InferenceComponent(Construct):
    """One model on an endpoint that scales to zero: its share of an instance, its copies, and what wakes it.

    :class:`JumpStartEndpoint` makes it. Copies follow the calls, from none to all that the most instances hold.
    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import JumpStartEndpoint
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        JumpStartEndpoint(
            stack,
            "Embeddings",
            model_id="huggingface-sentencesimilarity-bge-m3",
            endpoint_name="embeddings",
            scale_to_zero=True,
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: name of the component, which callers give beside the endpoint's.
    :param endpoint: where it runs; its variant comes from :func:`variant`.
    :param variant_name: name of that variant.
    :param accelerators: how many accelerators one copy takes.
    :param model_name: the SageMaker model of the component.
    :param instance_type: type of the variant's instances, ``ml.`` and a type of the accelerator catalogue.
    :param max_instances: most instances of the variant.
    :param invocations_per_copy: invocations a minute on each copy that scaling aims for.
    :param warm: when copies stand ready, on how many instances; at no time without it.
    :param rollback_alarms: names of the alarms that take a new version back.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        endpoint: sagemaker.CfnEndpoint,
        variant_name: str,
        accelerators: int,
        model_name: str,
        instance_type: str,
        max_instances: int,
        invocations_per_copy: float,
        warm: WarmHours | None,
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
            variant_name=variant_name,
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
        copies = hardware.count // accelerators
        scheduled = warm.actions(0, warm.instances * copies) if warm else None
        self._scale(name, max_instances * copies, invocations_per_copy, scheduled)

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
        # A metric of copies says nothing while there is none, so the first call's failure wakes the first copy.
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
            alarm_description=f"A call found no copy of {name}, which wakes. Nothing to do.",
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
