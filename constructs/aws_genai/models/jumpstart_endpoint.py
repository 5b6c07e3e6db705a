"""An open-weight model on a SageMaker endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Stack, Token
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from ..data.accelerators import AcceleratorCatalogue
from ..data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula, check_instances
from ..errors import InvalidValueError
from ..security.accepted import acknowledge, compliance
from ..security.alarms import AlarmTopic, alarm
from ..security.bucket import SecureBucket
from ..security.key import DataKey
from ..security.network import PrivateNetwork
from ..security.role import grant
from .hosting_role import hosting_role
from .inference_component import InferenceComponent, for_components, variant
from .working_hours import WarmHours, check_warm

_VARIANT = "AllTraffic"


@dataclass(frozen=True, kw_only=True)
class DataCapture:
    """Recording of requests and answers, for monitoring and evaluation.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

    :param bucket: where records go, under the endpoint's name.
    :param sampling_percent: share of the requests that is recorded, 1 to 100. Default: 100.
    """

    bucket: SecureBucket
    sampling_percent: int = 100


class JumpStartEndpoint(Construct):
    """A model of the JumpStart catalogue on a SageMaker endpoint inside the VPC.

    The container has no network and no credentials, volumes and captured data are encrypted, the endpoint scales
    on invocations per instance, alarms on errors, latency and idleness, and goes back to the version before when
    a deployment raises an alarm.
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import JumpStartEndpoint
        from aws_genai.security import AlarmTopic, CostTags, DataKey, PrivateNetwork, attach_gate

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
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param model_id: a model of :class:`JumpStartCatalogue`.
    :param endpoint_name: name of the endpoint, 1 to 63 letters, digits and hyphens.
    :param network: where the instances run; two zones or more make it survive the loss of one.
    :param key: encrypts volumes and captured data.
    :param topic: told of every alarm.
    :param instance_type: a type that the model supports. Default: the model's own.
    :param accept_eula: accept the model's end-user licence agreement. Default: no.
    :param min_instances: least instances, at least 1. Default: 1.
    :param max_instances: most instances. Default: 2.
    :param invocations_per_instance: invocations a minute on each instance that scaling aims for. Default: 60.
    :param latency_ms: median model latency in milliseconds that raises an alarm. Default: 30,000.
    :param idle_hours: hours without a call that raise an alarm, 1 to 24; none where the model scales to zero.
        Default: 6.
    :param scale_to_zero: whether the model is an inference component that has no copy, and no instance, while nobody
        calls it. The first call then fails and wakes it, in minutes; its sender tries again. Default: no.
    :param warm: hours in which more instances stand ready than the least. Default: none.
    :param data_capture: recording of requests and answers. Default: none.
    :raises InvalidValueError: if the model is not in the catalogue, does not run on the type or in the Region,
        has a licence that was not accepted, has warm hours that change nothing, or the name is not one that
        SageMaker takes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        model_id: str,
        endpoint_name: str,
        network: PrivateNetwork,
        key: DataKey,
        topic: AlarmTopic,
        instance_type: str | None = None,
        accept_eula: bool = False,
        min_instances: int = 1,
        max_instances: int = 2,
        invocations_per_instance: float = 60,
        latency_ms: int = 30_000,
        idle_hours: int = 6,
        scale_to_zero: bool = False,
        warm: WarmHours | None = None,
        data_capture: DataCapture | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.model = JumpStartCatalogue.get(model_id)
        self.instance_type = instance_type or self.model.default_instance_type
        region = Stack.of(self).region
        if Token.is_unresolved(region):
            raise InvalidValueError(
                "A JumpStart model's image and artifact lie in the Region: the stack must have one",
                field="region",
                hint='Give the stack env=cdk.Environment(region="us-east-1") or your own',
            )
        image = self.model.image(self.instance_type, region)
        check_eula(self.model, accept_eula)
        check_instances(min_instances, max_instances)
        if warm is not None:
            check_warm(warm, 0 if scale_to_zero else min_instances, max_instances)
        self.endpoint_name = endpoint_name
        #: The name under which callers of an endpoint with components ask for the model; None without components.
        self.component_name: str | None = f"{endpoint_name}-model"[:63] if scale_to_zero else None
        key.allow_in_sagemaker()
        role, grants = hosting_role(
            self,
            model=self.model,
            instance_type=self.instance_type,
            endpoint_name=endpoint_name,
            region=region,
            key=key,
            captured=data_capture.bucket if data_capture else None,
        )
        group = network.security_group(self, "Group", description=f"Endpoint {endpoint_name}: no inbound rule")
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role,
            enable_network_isolation=True,
            primary_container={
                "image": image,
                "environment": self.model.container_environment(self.instance_type),
                "modelDataSource": {"s3DataSource": _artifact(self.model, region, accept_eula)},
            },
            vpc_config={"subnets": network.subnet_ids, "securityGroupIds": [group.attr_group_id]},
        )
        model.add_resource_dependency(grants)
        volume_key = self._volume_key(key)
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                variant(self.instance_type, _VARIANT, max_instances)
                if scale_to_zero
                else {
                    "variantName": _VARIANT,
                    "modelName": model.attr_model_name,
                    "instanceType": self.instance_type,
                    "initialInstanceCount": min_instances,
                    "initialVariantWeight": 1,
                    # Weights of tens of gigabytes take longer than the default to load:
                    # https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-options.html
                    "modelDataDownloadTimeoutInSeconds": 3600,
                    "containerStartupHealthCheckTimeoutInSeconds": 3600,
                }
            ],
            **for_components(role, network, group.attr_group_id) if scale_to_zero else {},
            kms_key_id=volume_key,
            data_capture_config=_capture(data_capture, key, endpoint_name),
        )
        if volume_key is None:
            _encrypted_by_nitro(config)
        alarms = self._alarms(topic, latency_ms)
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # With components, each is deployed and taken back by itself.
            deployment_config=None
            if scale_to_zero
            else {
                "blueGreenUpdatePolicy": {
                    "trafficRoutingConfiguration": {"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 300},
                    "terminationWaitInSeconds": 300,
                    "maximumExecutionTimeoutInSeconds": 7200,
                },
                "autoRollbackConfiguration": {"alarms": [{"alarmName": item.ref} for item in alarms]},
            },
        )
        self.endpoint_arn: str = self.endpoint.ref
        self._component: InferenceComponent | None = None
        if self.component_name is None:
            self._idle_alarm(topic, idle_hours)
            self._scale(min_instances, max_instances, invocations_per_instance, warm)
        else:
            self._component = InferenceComponent(
                self,
                "Component",
                name=self.component_name,
                endpoint=self.endpoint,
                variant_name=_VARIANT,
                model=self.model,
                model_name=model.attr_model_name,
                instance_type=self.instance_type,
                max_instances=max_instances,
                invocations_per_copy=invocations_per_instance,
                warm=warm,
                rollback_alarms=[item.ref for item in alarms],
            )

    def grant_invoke(self, role: iam.IRole) -> None:
        """Let ``role`` call this endpoint, and its model where that is an inference component."""
        called = [self.endpoint_arn, *([self._component.arn] if self._component else [])]
        grant(role, ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"], called)

    def metric(self, name: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric of the endpoint, such as ``Invocations`` or ``ModelLatency`` (microseconds)."""
        return cloudwatch.Metric(
            namespace="AWS/SageMaker", metric_name=name, statistic=statistic, dimensions_map=self._dimensions
        )

    @property
    def _dimensions(self) -> dict[str, str]:
        if self.component_name is not None:
            return {"InferenceComponentName": self.component_name}
        return {"EndpointName": self.endpoint_name, "VariantName": _VARIANT}

    def _volume_key(self, key: DataKey) -> str | None:
        # SageMaker refuses a key for types with disks of their own, which the Nitro card encrypts:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
        facts = AcceleratorCatalogue.default().get(self.instance_type.removeprefix("ml."))
        return None if facts.has_local_storage else key.key_arn

    def _alarms(self, topic: AlarmTopic, latency_ms: int) -> list[cloudwatch.CfnAlarm]:
        name = self.endpoint_name
        return [
            alarm(
                self,
                "Errors",
                topic=topic,
                description=f"Endpoint {name} answers with server errors: read its log group.",
                namespace="AWS/SageMaker",
                metric="Invocation5XXErrors",
                dimensions=self._dimensions,
                threshold=5,
            ),
            alarm(
                self,
                "Latency",
                topic=topic,
                description=f"Endpoint {name} is slow: raise max_instances or choose a larger type.",
                namespace="AWS/SageMaker",
                metric="ModelLatency",
                dimensions=self._dimensions,
                statistic="p50",
                threshold=latency_ms * 1000,
                periods=3,
            ),
        ]

    def _idle_alarm(self, topic: AlarmTopic, idle_hours: int) -> None:
        alarm(
            self,
            "Idle",
            topic=topic,
            description=f"Nobody called endpoint {self.endpoint_name} for {idle_hours} hours: delete it or share it.",
            namespace="AWS/SageMaker",
            metric="Invocations",
            dimensions=self._dimensions,
            threshold=1,
            comparison="LessThanThreshold",
            period_seconds=3600,
            periods=idle_hours,
            missing="breaching",
        )

    def _scale(self, least: int, most: int, target: float, warm: WarmHours | None) -> None:
        capacity = scaling.CfnScalableTarget(
            self,
            "Capacity",
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{self.endpoint.attr_endpoint_name}/variant/{_VARIANT}",
            min_capacity=least,
            max_capacity=most,
            scheduled_actions=warm.actions(least, warm.instances) if warm else None,
        )
        scaling.CfnScalingPolicy(
            self,
            "Scaling",
            policy_name=f"{self.endpoint_name}-invocations",
            policy_type="TargetTrackingScaling",
            scaling_target_id=capacity.ref,
            target_tracking_scaling_policy_configuration={
                "targetValue": target,
                "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
                "scaleInCooldown": 600,
                "scaleOutCooldown": 60,
            },
        )


def _artifact(model: JumpStartModel, region: str, accept_eula: bool) -> dict[str, object]:
    packed = model.artifact.endswith(".tar.gz")
    source: dict[str, object] = {
        "s3Uri": f"s3://{model.bucket(region)}/{model.artifact}",
        "s3DataType": "S3Object" if packed else "S3Prefix",
        "compressionType": "Gzip" if packed else "None",
    }
    if model.eula:
        source["modelAccessConfig"] = {"acceptEula": accept_eula}
    return source


def _capture(capture: DataCapture | None, key: DataKey, endpoint_name: str) -> dict[str, object] | None:
    if capture is None:
        return None
    return {
        "enableCapture": True,
        "initialSamplingPercentage": capture.sampling_percent,
        "destinationS3Uri": f"s3://{capture.bucket.bucket_name}/{endpoint_name}",
        "kmsKeyId": key.key_arn,
        "captureOptions": [{"captureMode": "Input"}, {"captureMode": "Output"}],
        "captureContentTypeHeader": {"jsonContentTypes": ["application/json"]},
    }


def _encrypted_by_nitro(config: sagemaker.CfnEndpointConfig) -> None:
    acknowledge(
        config,
        compliance("SageMakerEndpointConfigurationKMSKeyConfigured"),
        reason="SageMaker refuses a key for types with local NVMe disks, which hold the model instead of EBS.",
        met_by="encryption of the disks by the Nitro card, under keys that never leave it",
    )
