"""The endpoint that approved versions of a model are deployed to."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import (
    CfnCustomResource,
    RemovalPolicy,
    Stack,
    aws_events as events,
    aws_iam as iam,
    aws_lambda as lambda_,
    aws_sagemaker as sagemaker,
)
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.bucket import SecureBucket
from ...foundation.key import DataKey
from ...foundation.network import PrivateNetwork
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.report import undelivered
from ...foundation.role import grant
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .hosted_endpoint import VARIANT, region_of
from .hosting_role import hosting_role
from .serving import Container

_SOURCE = "aws.sagemaker"


class ApprovedEndpoint(Construct):
    """An endpoint that serves what was approved in a group of the model registry, and nothing else.

    A function hears of each approval. It looks who started the training, by CloudTrail, and who approved, by the
    registry: if that is one person, or nobody can tell, it takes the approval back and says so. Otherwise it deploys
    the version, blue/green, with alarms that take it back. The first approval makes the endpoint; with the stack it
    goes. :class:`FineTuning` makes it. https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_sagemaker as sagemaker
        from aws_genai.models import ApprovedEndpoint
        from aws_genai.foundation import (
            AccessLogBucket,
            AlarmTopic,
            CostTags,
            DataKey,
            PrivateNetwork,
            SecureBucket,
        )
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ApprovedEndpoint(
            stack,
            "Support",
            endpoint_name="support",
            group=sagemaker.CfnModelPackageGroup(stack, "Versions", model_package_group_name="support"),
            image="763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.38.0-lmi29.0.0-cu130",
            models=SecureBucket(stack, "Models", key=key, access_logs=AccessLogBucket(stack, "Logs")),
            prefix="output/support/",
            instance_type="ml.g5.12xlarge",
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param endpoint_name: name of the endpoint, 1 to 50 letters, digits and hyphens.
    :param group: the group of versions.
    :param pipeline: name of the pipeline that registers them. Default: the group's.
    :param image: the container that serves them.
    :param models: the bucket of their artifacts.
    :param prefix: prefix of the artifacts, ending in ``/``.
    :param instance_type: type of the instances.
    :param key: encrypts volumes and logs.
    :param network: where the instances run.
    :param topic: told of approvals and alarms.
    :param instances: instances of the endpoint. Default: 1.
    :param latency_ms: median latency in milliseconds that raises an alarm. Default: 30,000.
    :param idle_hours: hours without a call that raise an alarm, 1 to 24. Default: 6.
    :param tags: tags of the endpoint, its configurations and models. Default: none.
    :param functions_network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to logs on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint_name: str,
        group: sagemaker.CfnModelPackageGroup,
        pipeline: str | None = None,
        image: str,
        models: SecureBucket,
        prefix: str,
        instance_type: str,
        key: DataKey,
        network: PrivateNetwork,
        topic: AlarmTopic,
        instances: int = 1,
        latency_ms: int = 30_000,
        idle_hours: int = 6,
        tags: Mapping[str, str] | None = None,
        functions_network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.endpoint_name = endpoint_name
        self.asynchronous: object | None = None
        region = region_of(self)
        self.endpoint_arn = f"arn:{PARTITION}:sagemaker:{region}:{ACCOUNT_ID}:endpoint/{endpoint_name}"
        facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        alarms = [
            alarm(
                self,
                "Errors",
                topic=topic,
                description=f"Endpoint {endpoint_name} answers with server errors: read its log group.",
                namespace="AWS/SageMaker",
                metric="Invocation5XXErrors",
                dimensions=self.dimensions,
                threshold=5,
            ),
            alarm(
                self,
                "Latency",
                topic=topic,
                description=f"Endpoint {endpoint_name} is slow: choose a larger type or more instances.",
                namespace="AWS/SageMaker",
                metric="ModelLatency",
                dimensions=self.dimensions,
                statistic="p50",
                threshold=latency_ms * 1000,
                periods=3,
            ),
        ]
        alarm(
            self,
            "Idle",
            topic=topic,
            description=f"Nobody called endpoint {endpoint_name} for {idle_hours} hours: let it sleep, or delete it.",
            namespace="AWS/SageMaker",
            metric="Invocations",
            dimensions=self.dimensions,
            threshold=1,
            comparison="LessThanThreshold",
            period_seconds=3600,
            periods=idle_hours,
            # Before the first approval there is no endpoint, and nothing to pay for.
            missing="notBreaching",
        )
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
                    shown=f"<{models.logical_id}>",
                )
            ],
            endpoint_name=endpoint_name,
            region=region,
            key=key,
            captured=None,
            alarm_arns=[each.attr_arn for each in alarms],
        )
        key.allow_role(f"Hosts{scope.node.id}", role, ("kms:Decrypt",))
        sg = network.security_group(self, "Group", description=f"Endpoint {endpoint_name}: no inbound rule")
        key.allow_in_sagemaker()
        plan = {
            "endpoint": endpoint_name,
            "role": role,
            "subnets": network.subnet_ids,
            "groups": [sg.attr_group_id],
            "instance_type": instance_type,
            "instances": instances,
            "key": None if facts.has_local_storage else key.key_arn,
            "alarms": [each.ref for each in alarms],
            "tags": dict(tags or {}),
        }
        self.function = PythonFunction(
            self,
            "Function",
            folder="model_approval",
            include=("custom_resource",),
            key=key,
            topic=topic,
            environment={
                "PLAN": Stack.of(self).to_json_string(plan),
                "GROUP": str(group.model_package_group_name),
                "TOPIC": topic.topic_arn,
            },
            timeout_seconds=120,
            reserved_concurrency=2,
            network=functions_network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        versions = str(group.model_package_group_name)
        self._allow(role, versions, pipeline or versions, alarms=[each.attr_arn for each in alarms], key=key)
        self._listen(group, key, topic)
        # What approvals made goes with the stack, while the function may still do so.
        deployed = CfnCustomResource(self, "Deployed", service_token=self.function.function_arn)
        deployed.add_property_override("Endpoint", endpoint_name)
        deployed.node.add_dependency(self.function.role.permissions, self.function.resource, grants)

    @property
    def dimensions(self) -> dict[str, str]:
        """What CloudWatch keeps the metrics of calls by."""
        return {"EndpointName": self.endpoint_name, "VariantName": VARIANT}

    def grant_invoke(self, role: iam.IRole) -> None:
        """Let ``role`` call the endpoint."""
        actions = ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]
        grant(role, actions, [self.endpoint_arn])

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
        role.allow(("sagemaker:DescribePipelineExecution",), [runs])
        role.allow(
            ("sagemaker:CreateModel", "sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"), [versions]
        )
        # Neither listing nor looking up events takes a resource: service-authorization/latest/reference
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
        # CloudTrail knows who trained after some minutes: Lambda calls again, twice, with delays.
        lambda_.CfnEventInvokeConfig(
            self,
            "Patience",
            function_name=self.function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=21600,
            destination_config={"onFailure": {"destination": topic.topic_arn}},
        )
