"""The endpoint that approved versions of a model are deployed to."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import (
    CfnCustomResource,
    Stack,
    aws_events as events,
    aws_lambda as lambda_,
    aws_sagemaker as sagemaker,
)
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.report import undelivered
from ...functions.model_approval.environment import Environment, Plan
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .endpoint import Endpoint
from .hosted_endpoint import region_of
from .hosting_role import hosting_role
from .options import APPROVED_NAME, ApprovedEndpointOptions
from .serving import Container
from .weights_check import shown

_SOURCE = "aws.sagemaker"


class Artifacts(Protocol):
    """A bucket of model artifacts: a :class:`SecureBucket`, or any ``s3.IBucket``."""

    @property
    def bucket_name(self) -> str:
        """Name of the bucket."""
        ...


class ApprovedEndpoint(Endpoint):
    """An endpoint that serves the approved versions of a group of the model registry, and nothing else.

    EventBridge invokes a function for each approval. The function looks up who started the training (in AWS
    CloudTrail) and who approved (in the registry). If that is the same person, or cannot be determined, it rejects the
    version and sends a notification. Otherwise it deploys the version, blue/green, with alarms that roll it back. The
    first approval creates the endpoint; deleting the stack deletes it. :class:`FineTuning` creates one of these.
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_sagemaker as sagemaker
        from aws_genai.foundation import CostTags, Foundation, SecureBucket
        from aws_genai.gate import attach_gate
        from aws_genai.models import ApprovedEndpoint, ApprovedEndpointOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        ApprovedEndpoint(
            stack,
            "Support",
            foundation=foundation,
            endpoint_name="support",
            options=ApprovedEndpointOptions(instance_type="ml.g5.12xlarge"),
            group=sagemaker.CfnModelPackageGroup(stack, "Versions", model_package_group_name="support"),
            image="763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.38.0-lmi29.0.0-cu130",
            models=SecureBucket(stack, "Models", foundation=foundation),
            prefix="output/support/",
        )
        app.synth()

    :param foundation: key, topic and network.
    :param endpoint_name: name of the endpoint, 1 to 55 letters, digits and hyphens.
    :param options: instances and alarms; ``instance_type`` is required.
    :param group: the group of versions.
    :param image: URI of the image of the container that serves them.
    :param models: the bucket of the model artifacts, which the training writes.
    :param prefix: prefix of the artifacts, ending in ``/``.
    :param pipeline: name of the pipeline that registers the versions. Default: the name of the group.
    :raises InvalidValueError: if there is no instance type, or the stack has no Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        endpoint_name: str,
        options: ApprovedEndpointOptions,
        group: sagemaker.CfnModelPackageGroup,
        image: str,
        models: Artifacts,
        prefix: str,
        pipeline: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        APPROVED_NAME.check(endpoint_name, field="endpoint_name")
        instance_type = options.instance_type
        if instance_type is None:
            raise InvalidValueError(
                "The endpoint of approved versions needs an instance type, and none is given",
                field="instance_type",
                hint="Set instance_type to one that the model supports, such as ml.g5.12xlarge",
            )
        key, network, topic = foundation.key, foundation.private_network, foundation.topic
        self.endpoint_name = endpoint_name
        region = region_of(self)
        self.endpoint_arn = f"arn:{PARTITION}:sagemaker:{region}:{ACCOUNT_ID}:endpoint/{endpoint_name}"
        facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        alarms = self._rollback_alarms(topic, options.latency_ms, remedy="choose a larger type or more instances")
        # Before the first approval there is no endpoint, and nothing to pay for.
        self._idle_alarm(topic, options.idle_hours, remedy="let it sleep, or delete it", missing="notBreaching")
        alarm_arns = [each.attr_arn for each in alarms]
        role, grants = hosting_role(
            self,
            containers=[
                Container(
                    image=image,
                    environment={},
                    bucket=models.bucket_name,
                    key=prefix,
                    accelerators=facts.count,
                    key_arn=key.key_arn,
                    shown=shown(self, models.bucket_name),
                )
            ],
            endpoint_name=endpoint_name,
            region=region,
            key=key,
            captured=None,
            alarm_arns=alarm_arns,
        )
        key.allow_role(f"Hosts{scope.node.id}", role, ("kms:Decrypt",))
        security_group = network.security_group(self, "Group", description=f"Endpoint {endpoint_name}: no inbound rule")
        key.allow_in_sagemaker()
        plan: Plan = {
            "endpoint": endpoint_name,
            "role": role,
            "subnets": network.subnet_ids,
            "groups": [security_group.attr_group_id],
            "instance_type": instance_type,
            "instances": options.instances,
            # SageMaker refuses a key for types with local disks.
            "key": None if facts.has_local_storage else key.key_arn,
            "alarms": [each.ref for each in alarms],
            "tags": dict(foundation.tags),
        }
        versions = str(group.model_package_group_name)
        self.function = PythonFunction(
            self,
            "Function",
            folder="model_approval",
            include=("custom_resource",),
            foundation=foundation,
            environment=Environment(
                PLAN=Stack.of(self).to_json_string(plan),
                GROUP=versions,
                PIPELINE=pipeline or versions,
                TOPIC=topic.topic_arn,
            ),
            timeout_seconds=120,
            reserved_concurrency=2,
        )
        self._allow(role, versions, pipeline or versions, alarms=alarm_arns, key=key)
        self._listen(group, key, topic)
        # The function deletes what approvals created together with the stack, while it still has its permissions.
        deployed = CfnCustomResource(self, "Deployed", service_token=self.function.function_arn)
        deployed.add_property_override("Endpoint", endpoint_name)
        deployed.node.add_dependency(self.function.role.permissions, self.function.resource, grants)

    def _allow(self, hosting: str, group: str, pipeline: str, *, alarms: list[str], key: DataKey) -> None:
        role, name = self.function.role, self.endpoint_name
        place = f"arn:{PARTITION}:sagemaker:{region_of(self)}:{ACCOUNT_ID}"
        made = [f"{place}:endpoint-config/{name}-v*", f"{place}:model/{name}-v*"]
        runs = f"{place}:pipeline/{pipeline}/execution/*"
        versions = f"{place}:model-package/{group}/*"
        role.allow(
            (
                "sagemaker:AddTags",
                "sagemaker:CreateEndpoint",
                "sagemaker:DeleteEndpoint",
                "sagemaker:DescribeEndpoint",
                "sagemaker:UpdateEndpoint",
            ),
            [self.endpoint_arn, made[0]],
        )
        role.allow(
            (
                "sagemaker:AddTags",
                "sagemaker:CreateEndpointConfig",
                "sagemaker:CreateModel",
                "sagemaker:DeleteEndpointConfig",
                "sagemaker:DeleteModel",
            ),
            made,
        )
        role.allow(("sagemaker:DescribeEndpointConfig",), [made[0]])
        role.allow(
            (
                "sagemaker:DescribePipelineDefinitionForExecution",
                "sagemaker:DescribePipelineExecution",
                "sagemaker:ListPipelineExecutionSteps",
            ),
            [runs],
        )
        # Steps of pipelines name their jobs so.
        jobs = f"{place}:training-job/pipelines-*"
        role.allow(("sagemaker:DescribeTrainingJob",), [jobs])
        role.allow(("sagemaker:CreateModel", "sagemaker:DescribeModelPackage"), [versions])
        role.allow(
            ("sagemaker:UpdateModelPackage",),
            [versions],
            conditions={"StringEquals": {"sagemaker:ModelApprovalStatus": "Rejected"}},
        )
        # These actions support no resource-level permissions: service-authorization/latest/reference
        role.allow(("cloudtrail:LookupEvents", "sagemaker:ListEndpointConfigs", "sagemaker:ListModels"), ["*"])
        role.allow(("cloudwatch:DescribeAlarms",), alarms)
        role.allow(
            ("iam:PassRole",),
            [hosting],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
        role.allow(("kms:CreateGrant", "kms:DescribeKey"), [key.key_arn])
        shown = "Resource::arn:<AWS::Partition>:sagemaker:" + f"{region_of(self)}:<AWS::AccountId>:"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                f"{shown}endpoint-config/{name}-v*",
                f"{shown}model/{name}-v*",
                f"{shown}model-package/{group}/*",
                f"{shown}pipeline/{pipeline}/execution/*",
                f"{shown}training-job/pipelines-*",
            ),
            reason="The registry numbers versions, which name models and configurations, and runs have ids.",
            met_by="the names of the one endpoint, group of versions and pipeline in the statements",
        )

    def _listen(self, group: sagemaker.CfnModelPackageGroup, key: DataKey, topic: AlarmTopic) -> None:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html"""
        missed = undelivered(Stack.of(self), key, topic)
        rule = events.CfnRule(
            self,
            "Heard",
            description=f"A version of {group.model_package_group_name} was approved",
            event_pattern={
                "source": [_SOURCE],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [group.model_package_group_name],
                    "ModelApprovalStatus": ["Approved"],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    arn=self.function.function_arn,
                    id="deploy",
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=missed.queue_arn),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            "FromEvents",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )
        # CloudTrail shows who started the training after some minutes: Lambda retries twice, with delays.
        lambda_.CfnEventInvokeConfig(
            self,
            "Patience",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=21600,
            destination_config={"onFailure": {"destination": topic.topic_arn}},
        )
