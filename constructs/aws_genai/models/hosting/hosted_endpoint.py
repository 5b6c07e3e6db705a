"""What every endpoint of SageMaker has here, whatever it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Unpack

from aws_cdk import Stack, Token, aws_cloudwatch as cloudwatch, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.jumpstart import check_instances
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import grant
from ...gate.acknowledgement import acknowledge, compliance
from .endpoint_scaling import scale, scale_queue
from .hosting_role import hosting_role
from .inference_component import InferenceComponent, for_components, variant
from .serving import Container, EndpointOptions, capture, queue
from .traffic import TrafficShift, check_ways
from .working_hours import check_warm

VARIANT = "AllTraffic"
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html
_LONGEST = 63


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A model that gets a copy of some calls; its answers are measured and thrown away."""

    container: Container
    instance_type: str
    percent: int


def region_of(scope: Construct) -> str:
    """The Region of a scope's stack.

    :raises InvalidValueError: if the stack is not bound to one.
    """
    region = Stack.of(scope).region
    if Token.is_unresolved(region):
        raise InvalidValueError(
            "A container's image lies in a registry of the Region: the stack must have one",
            field="region",
            hint='Give the stack env=cdk.Environment(region="us-east-1") or your own',
        )
    return region


class HostedEndpoint(Construct):
    """One container or several on a SageMaker endpoint inside the VPC: what endpoints of this library have in common.

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_iam as iam
        from aws_genai.models import JumpStartEndpoint
        from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey, PrivateNetwork, WorkloadRole
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        endpoint: HostedEndpoint = JumpStartEndpoint(
            stack,
            "Embeddings",
            model_id="huggingface-sentencesimilarity-bge-m3",
            endpoint_name="embeddings",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        endpoint.grant_invoke(
            WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        )
        app.synth()
    """

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)

    def _serve(
        self,
        container: Container,
        instance_type: str,
        region: str,
        *,
        beside: Mapping[str, Container] | None = None,
        shadow: Shadow | None = None,
        **options: Unpack[EndpointOptions],
    ) -> None:
        """Make the resources; see :class:`EndpointOptions`."""
        self.instance_type = instance_type
        self.endpoint_name = options["endpoint_name"]
        key, network = options["key"], options["network"]
        least, most = options.get("min_instances", 1), options.get("max_instances", 2)
        self.asynchronous = options.get("asynchronous")
        to_zero = options.get("scale_to_zero", False)
        check_instances(least, most)
        warm = options.get("warm")
        if warm is not None:
            check_warm(warm, 0 if to_zero or self.asynchronous else least, most)
        _check(options, shadowed=shadow is not None, shared=bool(beside))
        #: The name under which callers of an endpoint with components ask for the model; None without components.
        self.component_name: str | None = self.component_of("model") if to_zero else None
        key.allow_in_sagemaker()
        topic = options["topic"]
        alarms = [each.ref for each in self._alarms(topic, options.get("latency_ms", 30_000))]
        captured = options.get("data_capture")
        containers = [container, *(beside or {}).values(), *([shadow.container] if shadow else [])]
        role, grants = hosting_role(
            self,
            containers=containers,
            endpoint_name=self.endpoint_name,
            region=region,
            key=key,
            captured=captured.bucket if captured else None,
            queued=self.asynchronous.bucket if self.asynchronous else None,
            alarm_arns=[f"arn:{PARTITION}:cloudwatch:{region}:{ACCOUNT_ID}:alarm:{each}" for each in alarms],
        )
        group = network.security_group(self, "Group", description=f"Endpoint {self.endpoint_name}: no inbound rule")
        isolated = {"subnets": network.subnet_ids, "securityGroupIds": [group.attr_group_id]}

        def model(id: str, served: Container) -> str:
            made = sagemaker.CfnModel(
                self,
                id,
                execution_role_arn=role,
                enable_network_isolation=True,
                primary_container={
                    "image": served.image,
                    "environment": dict(served.environment),
                    "modelDataSource": {"s3DataSource": served.source},
                },
                vpc_config=isolated,
            )
            made.add_resource_dependency(grants)
            return made.attr_model_name

        name = model("Model", container)
        facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        # SageMaker refuses a key for types with disks of their own, which the Nitro card encrypts:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
        volume_key = None if facts.has_local_storage else key.key_arn
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                variant(instance_type, VARIANT, most, container.host_image)
                if to_zero
                else _variant(VARIANT, name, instance_type, least, 1, container.host_image)
            ],
            # The weight of a shadow is its share of the calls of the variant that answers:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html
            shadow_production_variants=[
                _variant(
                    "Shadow",
                    model("ShadowModel", shadow.container),
                    shadow.instance_type,
                    least,
                    shadow.percent / 100,
                    shadow.container.host_image,
                )
            ]
            if shadow
            else None,
            **for_components(role, network, group.attr_group_id) if to_zero else {},
            kms_key_id=volume_key,
            data_capture_config=capture(captured, key, self.endpoint_name),
            async_inference_config=queue(self.asynchronous, key, self.endpoint_name),
        )
        if volume_key is None:
            _encrypted_by_nitro(config)
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # With components, each is deployed and taken back by itself.
            deployment_config=None
            if to_zero
            else {
                "blueGreenUpdatePolicy": (options.get("traffic") or TrafficShift()).policy(),
                "autoRollbackConfiguration": {"alarms": [{"alarmName": each} for each in alarms]},
            },
            **_retained() if options.get("retain_capacity", False) else {},
        )
        self.endpoint_arn: str = self.endpoint.ref
        self.components: list[InferenceComponent] = []
        per_instance = options.get("invocations_per_instance", 60)
        if self.asynchronous:
            scale_queue(self, self.endpoint, VARIANT, most, self.asynchronous.backlog, warm)
        elif self.component_name is None:
            self._idle_alarm(topic, options.get("idle_hours", 6))
            scale(self, self.endpoint, VARIANT, least, most, per_instance, warm)
        else:
            served = {"": (self.component_name, name, container)}
            for each, other in (beside or {}).items():
                served[each.title()] = (self.component_of(each), model(f"{each.title()}Model", other), other)
            for prefix, (component, model_name, one) in served.items():
                self.components.append(
                    InferenceComponent(
                        self,
                        f"{prefix}Component",
                        name=component,
                        endpoint=self.endpoint,
                        variant_name=VARIANT,
                        accelerators=one.accelerators,
                        model_name=model_name,
                        instance_type=instance_type,
                        max_instances=most,
                        invocations_per_copy=per_instance,
                        warm=warm,
                        rollback_alarms=alarms,
                    )
                )

    def component_of(self, name: str) -> str:
        """The component under which callers ask for a model beside the first."""
        found = f"{self.endpoint_name}-{name}"
        if len(found) > _LONGEST:
            raise InvalidValueError(
                f"The component {found} would have {len(found)} characters; AWS allows {_LONGEST}",
                field="endpoint_name",
                hint="Shorten it",
            )
        return found

    def grant_invoke(self, role: iam.IRole) -> None:
        """Let ``role`` call this endpoint, and its models where they are inference components.

        A caller of an asynchronous endpoint also writes requests into its bucket and reads the answers.
        """
        if self.asynchronous:
            bucket = self.asynchronous.bucket
            grant(role, ["sagemaker:InvokeEndpointAsync"], [self.endpoint_arn])
            bucket.grant_write(role, f"{self.endpoint_name}/in/")
            bucket.grant_read(role, f"{self.endpoint_name}/out/", f"{self.endpoint_name}/failed/")
            return
        called = [self.endpoint_arn, *(each.arn for each in self.components)]
        grant(role, ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"], called)

    def metric(self, name: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric of the endpoint, such as ``Invocations`` or ``ModelLatency`` (microseconds)."""
        return cloudwatch.Metric(
            namespace="AWS/SageMaker", metric_name=name, statistic=statistic, dimensions_map=self.dimensions
        )

    def grant_describe(self, role: iam.IRole) -> None:
        """Let ``role`` see how the endpoint is."""
        grant(role, ["sagemaker:DescribeEndpoint"], [self.endpoint_arn])

    @property
    def dimensions(self) -> dict[str, str]:
        """What CloudWatch keeps the metrics of calls by."""
        if self.component_name is not None:
            return {"InferenceComponentName": self.component_name}
        return {"EndpointName": self.endpoint_name, "VariantName": VARIANT}

    def _alarms(self, topic: AlarmTopic, latency_ms: int) -> list[cloudwatch.CfnAlarm]:
        name = self.endpoint_name
        return [
            alarm(
                self,
                "Errors",
                topic=topic,
                description=f"Endpoint {name} answers with server errors: read its log group.",
                namespace="AWS/SageMaker",
                # https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
                metric="InvocationFailures" if self.asynchronous else "Invocation5XXErrors",
                dimensions={"EndpointName": name} if self.asynchronous else self.dimensions,
                threshold=5,
            ),
            alarm(
                self,
                "Latency",
                topic=topic,
                description=f"Endpoint {name} is slow: raise max_instances or choose a larger type.",
                namespace="AWS/SageMaker",
                metric="ModelLatency",
                dimensions=self.dimensions,
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
            dimensions=self.dimensions,
            threshold=1,
            comparison="LessThanThreshold",
            period_seconds=3600,
            periods=idle_hours,
            missing="breaching",
        )


def _variant(
    name: str, model: str, instance_type: str, least: int, weight: float, host_image: str | None
) -> dict[str, Any]:
    made = {
        "variantName": name,
        "modelName": model,
        "instanceType": instance_type,
        "initialInstanceCount": least,
        "initialVariantWeight": weight,
        # Weights of tens of gigabytes take longer than the default to load:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-options.html
        "modelDataDownloadTimeoutInSeconds": 3600,
        "containerStartupHealthCheckTimeoutInSeconds": 3600,
    }
    return {**made, "inferenceAmiVersion": host_image} if host_image else made


def _retained() -> dict[str, Any]:
    """Instances stay as many as scaling has made them; weights are what the configuration says.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpoint.html
    """
    return {
        "retain_all_variant_properties": True,
        "exclude_retained_variant_properties": [{"variantPropertyType": "DesiredWeight"}],
    }


def _check(options: EndpointOptions, *, shadowed: bool, shared: bool) -> None:
    check_ways(
        to_zero=options.get("scale_to_zero", False),
        asynchronous=options.get("asynchronous") is not None,
        least=options.get("min_instances", 1),
        shifted=options.get("traffic") is not None,
        shadowed=shadowed,
        shared=shared,
        retained=options.get("retain_capacity", False),
    )


def _encrypted_by_nitro(config: sagemaker.CfnEndpointConfig) -> None:
    acknowledge(
        config,
        compliance("SageMakerEndpointConfigurationKMSKeyConfigured"),
        reason="SageMaker refuses a key for types with local NVMe disks, which hold the model instead of EBS.",
        met_by="encryption of the disks by the Nitro card, under keys that never leave it",
    )
