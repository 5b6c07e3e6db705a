"""A SageMaker endpoint whose models the template deploys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack, Token, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...errors import InvalidValueError
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import grant
from ...gate.acknowledgement import acknowledge, compliance
from .endpoint import VARIANT, Endpoint
from .endpoint_scaling import scale, scale_queue
from .hosting_role import hosting_role
from .inference_component import InferenceComponent, for_components, variant
from .options import COMPONENT_NAME, ENDPOINT_NAME, EndpointOptions, TrafficShift
from .serving import Container, capture, queue

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateInferenceComponent.html


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A model that receives a copy of some requests; its responses are measured and discarded."""

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
            "Container images are pulled from a registry of the Region, and the stack has no Region",
            field="region",
            hint='Give the stack env=cdk.Environment(region="us-east-1") or your own',
        )
    return region


class HostedEndpoint(Endpoint):
    """One or more containers on a SageMaker endpoint in the VPC: the base of :class:`JumpStartEndpoint` and
    :class:`ModelEndpoint`.

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_iam as iam
        from aws_genai.foundation import CostTags, Foundation, WorkloadRole
        from aws_genai.gate import attach_gate
        from aws_genai.models import EndpointOptions, JumpStartEndpoint
        from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        endpoint: HostedEndpoint = JumpStartEndpoint(
            stack,
            "Embeddings",
            foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
            endpoint_name="embeddings",
            options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3"),
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
        foundation: Foundation,
        endpoint_name: str,
        options: EndpointOptions,
        captured: SecureBucket | None,
        queued: SecureBucket | None,
        execution_role: iam.IRole | None = None,
        beside: Mapping[str, Container] | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        """Create the resources of the endpoint."""
        self.instance_type = instance_type
        ENDPOINT_NAME.check(endpoint_name, field="endpoint_name")
        self.endpoint_name = endpoint_name
        self.options = options
        key, network, topic = foundation.key, foundation.private_network, foundation.topic
        minimum, to_zero = options.min_instances, options.scale_to_zero
        self._queued = _needed("queued", queued, when=options.asynchronous is not None)
        captured = _needed("captured", captured, when=options.data_capture_percent > 0)
        self.asynchronous = options.asynchronous is not None
        self.component_name = self.component_of("model") if to_zero else None
        key.allow_in_sagemaker()
        slow = "raise max_instances or choose a larger type"
        alarms = [each.ref for each in self._rollback_alarms(topic, options.latency_ms, remedy=slow)]
        containers = [container, *(beside or {}).values(), *([shadow.container] if shadow else [])]
        role, grants = hosting_role(
            self,
            containers=containers,
            endpoint_name=self.endpoint_name,
            region=region,
            key=key,
            captured=captured,
            queued=self._queued,
            execution_role=execution_role or self._existing_role(options),
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
        # SageMaker refuses a key for types with local disks, which the Nitro card encrypts:
        # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
        volume_key = None if facts.has_local_storage else key.key_arn
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                variant(instance_type, options.max_instances, container.host_image)
                if to_zero
                else _variant(VARIANT, name, instance_type, minimum, 1, container.host_image)
            ],
            # The weight of a shadow variant is its share of the requests to the production variant:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html
            shadow_production_variants=[
                _variant(
                    "Shadow",
                    model("ShadowModel", shadow.container),
                    shadow.instance_type,
                    minimum,
                    shadow.percent / 100,
                    shadow.container.host_image,
                )
            ]
            if shadow
            else None,
            **for_components(role, network, group.attr_group_id) if to_zero else {},
            kms_key_id=volume_key,
            data_capture_config=capture(captured, options.data_capture_percent, key, endpoint_name),
            async_inference_config=queue(self._queued, options.asynchronous, key, endpoint_name),
        )
        if volume_key is None:
            _encrypted_by_nitro(config)
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=config.attr_endpoint_config_name,
            # Inference components are deployed and rolled back one by one.
            deployment_config=None
            if to_zero
            else {
                "blueGreenUpdatePolicy": (options.traffic or TrafficShift(kind="all_at_once")).policy(),
                "autoRollbackConfiguration": {"alarms": [{"alarmName": each} for each in alarms]},
            },
            **_retained() if options.retain_capacity else {},
        )
        self.endpoint_arn: str = self.endpoint.ref
        self.components: list[InferenceComponent] = []
        if options.asynchronous:
            scale_queue(self, self.endpoint, options, options.asynchronous)
        elif self.component_name is None:
            self._idle_alarm(topic, options.idle_hours, remedy="delete it or share it")
            scale(self, self.endpoint, options)
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
                        options=options,
                        instance_type=instance_type,
                        accelerators=one.accelerators,
                        model_name=model_name,
                        rollback_alarms=alarms,
                    )
                )

    def component_of(self, name: str) -> str:
        """The name of the inference component that callers pass for one of the models that share the endpoint.

        :raises InvalidValueError: if it is longer than SageMaker allows.
        """
        found = f"{self.endpoint_name}-{name}"
        COMPONENT_NAME.check(found, field="endpoint_name")
        return found

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` invoke the endpoint, and the inference components on it.

        A caller of an asynchronous endpoint may also write requests to its bucket and read the responses.
        """
        if (bucket := self._queued) is None:
            return super().grant_invoke(grantee)
        granted = grant(grantee, ["sagemaker:InvokeEndpointAsync"], [self.endpoint_arn])
        bucket.grant_write(grantee, f"{self.endpoint_name}/in/")
        bucket.grant_read(grantee, f"{self.endpoint_name}/out/", f"{self.endpoint_name}/failed/")
        return granted

    @property
    def _invoked(self) -> list[str]:
        return [self.endpoint_arn, *(each.arn for each in self.components)]

    def _existing_role(self, options: EndpointOptions) -> iam.IRole | None:
        arn = options.execution_role
        return iam.Role.from_role_arn(self, "ExecutionRole", arn) if arn else None


def _variant(
    name: str, model: str, instance_type: str, instances: int, weight: float, host_image: str | None
) -> dict[str, Any]:
    made = {
        "variantName": name,
        "modelName": model,
        "instanceType": instance_type,
        "initialInstanceCount": instances,
        "initialVariantWeight": weight,
        # Weights of tens of gigabytes take longer to load than the defaults allow:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-options.html
        "modelDataDownloadTimeoutInSeconds": 3600,
        "containerStartupHealthCheckTimeoutInSeconds": 3600,
    }
    return {**made, "inferenceAmiVersion": host_image} if host_image else made


def _retained() -> dict[str, Any]:
    """A new version starts with the current number of instances; the weights are those of the configuration.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-endpoint.html
    """
    return {
        "retain_all_variant_properties": True,
        "exclude_retained_variant_properties": [{"variantPropertyType": "DesiredWeight"}],
    }


def _needed(name: str, bucket: SecureBucket | None, *, when: bool) -> SecureBucket | None:
    """The bucket that an option needs; None without the option.

    :raises InvalidValueError: if there is no bucket.
    """
    if when and bucket is None:
        raise InvalidValueError(
            "These options need a bucket, and none is given", field=name, hint=f"Pass {name}=, a SecureBucket"
        )
    return bucket if when else None


def _encrypted_by_nitro(config: sagemaker.CfnEndpointConfig) -> None:
    acknowledge(
        config,
        compliance("SageMakerEndpointConfigurationKMSKeyConfigured"),
        reason="SageMaker refuses a key for types with local NVMe disks, which hold the model instead of EBS.",
        met_by="encryption of the disks by the Nitro card, under keys that never leave it",
    )
