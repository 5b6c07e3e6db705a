"""Endpoints that nobody calls are put to sleep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, RemovalPolicy, aws_dynamodb as dynamodb, aws_iam as iam, aws_scheduler as scheduler
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .working_hours import WorkingHours

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork


#: By which Application Auto Scaling changes endpoints, made where an account has none.
_SCALING_ROLE = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


class IdleSweeper(Construct):
    """A function that looks every hour for SageMaker endpoints that nobody calls.

    People are told first. Then inference components are scaled to no copy, or an endpoint without any is deleted: its
    configuration and model stay, and calling the function with ``{"wake": "<name>"}`` brings it back with its tags and
    scaling. What lacks the owner's tags, or has a tag ``keep`` other than ``false``, is never touched. Every step is a
    conditional write, so that two runs at once act once.
    https://docs.aws.amazon.com/sagemaker/latest/dg/inference-cost-optimization.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import IdleSweeper
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        IdleSweeper(
            stack,
            "Idle",
            prefix="demo-dev-",
            owner={"project": "demo", "environment": "dev"},
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param prefix: what names of the endpoints begin with.
    :param owner: tags that an endpoint must have to be touched, such as project and environment.
    :param key: encrypts the function's logs and its table.
    :param topic: told before an endpoint is put to sleep, when it is, and when a sweep fails.
    :param idle_hours: hours without a call after which an endpoint is idle. Default: 24.
    :param notice_hours: hours between the notice and the sleep. Default: 4.
    :param working_hours: when no endpoint is put to sleep. Default: always allowed.
    :param dry_run: whether idle endpoints are only written to the log. Default: no.
    :param network: a VPC for the function. Default: the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: without a prefix or owner, for then every endpoint of the account would be its own; or if
        the working hours end before they begin.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefix: str,
        owner: Mapping[str, str],
        key: DataKey,
        topic: AlarmTopic,
        idle_hours: int = 24,
        notice_hours: int = 4,
        working_hours: WorkingHours | None = None,
        dry_run: bool = False,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        if not prefix or not owner:
            raise InvalidValueError("Without a prefix and tags every endpoint would be its own", field="owner")
        hours = _hours(working_hours) if working_hours else None
        key.allow_in_dynamodb()
        key.allow_in_sagemaker()
        table = self._table(key)
        rules: dict[str, Any] = {
            "prefix": prefix,
            "owner": dict(owner),
            "idle_hours": idle_hours,
            "notice_hours": notice_hours,
            "working_hours": hours,
            "dry_run": dry_run,
        }
        self.function = PythonFunction(
            self,
            "Function",
            folder="idle_endpoints",
            key=key,
            topic=topic,
            environment={"RULES": json.dumps(rules), "TABLE": table.ref, "TOPIC_ARN": topic.topic_arn},
            timeout_seconds=900,
            reserved_concurrency=2,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self._allow(prefix, owner, key, table)
        self._every_hour()
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        alarm(
            self,
            "Failing",
            topic=topic,
            description="The sweeper of idle endpoints fails: read its log, for idle endpoints keep costing money.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": self.function.function_name},
            threshold=1,
            period_seconds=3600,
            periods=3,
        )
        CfnOutput(self, "FunctionName", value=self.function.function_name)

    def _table(self, key: DataKey) -> dynamodb.CfnTable:
        table = dynamodb.CfnTable(
            self,
            "Table",
            billing_mode="PAY_PER_REQUEST",
            key_schema=[{"attributeName": "endpoint", "keyType": "HASH"}],
            attribute_definitions=[{"attributeName": "endpoint", "attributeType": "S"}],
            sse_specification={"sseEnabled": True, "sseType": "KMS", "kmsMasterKeyId": key.key_arn},
            point_in_time_recovery_specification={"pointInTimeRecoveryEnabled": True},
        )
        acknowledge(
            table,
            ("NIST.800.53.R5-DynamoDBInBackupPlan", "HIPAA.Security-DynamoDBInBackupPlan"),
            reason="Its items are notes on endpoints that the next sweep writes anew; nothing else is kept in it.",
            met_by="point-in-time recovery of 35 days on the table itself",
        )
        return table

    def _allow(self, prefix: str, owner: Mapping[str, str], key: DataKey, table: dynamodb.CfnTable) -> None:
        """Look, delete, make anew and let scale again: who registers a target needs what scaling itself does.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html
        """
        role, here = self.function.role, f"{REGION}:{ACCOUNT_ID}"
        sagemaker = f"arn:{PARTITION}:sagemaker:{here}"
        endpoints, configs = f"{sagemaker}:endpoint/{prefix}*", f"{sagemaker}:endpoint-config/*"
        components = f"{sagemaker}:inference-component/{prefix}*"
        targets = f"arn:{PARTITION}:application-autoscaling:{here}:scalable-target/*"
        alarms = f"arn:{PARTITION}:cloudwatch:{here}:alarm:TargetTracking-endpoint/{prefix}*"
        ours = {f"aws:ResourceTag/{name}": value for name, value in owner.items()}
        made = {f"aws:RequestTag/{name}": value for name, value in owner.items()}
        role.allow(
            ("sagemaker:DescribeEndpoint", "sagemaker:ListTags", "sagemaker:UpdateEndpointWeightsAndCapacities"),
            [endpoints],
        )
        role.allow(("sagemaker:DeleteEndpoint",), [endpoints], conditions={"StringEquals": ours})
        role.allow(("sagemaker:AddTags", "sagemaker:CreateEndpoint"), [endpoints], conditions={"StringEquals": made})
        role.allow(("sagemaker:CreateEndpoint", "sagemaker:DescribeEndpointConfig"), [configs])
        role.allow(
            ("sagemaker:DescribeInferenceComponent", "sagemaker:UpdateInferenceComponentRuntimeConfig"), [components]
        )
        role.allow(
            (
                "application-autoscaling:DeregisterScalableTarget",
                "application-autoscaling:PutScalingPolicy",
                "application-autoscaling:PutScheduledAction",
                "application-autoscaling:RegisterScalableTarget",
            ),
            [targets],
        )
        role.allow(("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"), [alarms])
        role.allow(
            ("iam:CreateServiceLinkedRole",),
            [_SCALING_ROLE],
            conditions={"StringEquals": {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}},
        )
        role.allow(("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"), [table.attr_arn])
        for service, actions in (
            ("dynamodb", ("kms:Decrypt", "kms:DescribeKey")),
            ("sagemaker", ("kms:CreateGrant", "kms:DescribeKey")),
        ):
            through = {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}
            role.allow(actions, [key.key_arn], conditions=through)
        # None of these takes a resource.
        role.allow(
            (
                "application-autoscaling:DescribeScalableTargets",
                "application-autoscaling:DescribeScalingPolicies",
                "application-autoscaling:DescribeScheduledActions",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricData",
                "sagemaker:ListEndpoints",
                "sagemaker:ListInferenceComponents",
            ),
            ["*"],
        )
        place = "<AWS::Region>:<AWS::AccountId>"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                f"Resource::arn:<AWS::Partition>:sagemaker:{place}:endpoint/{prefix}*",
                f"Resource::arn:<AWS::Partition>:sagemaker:{place}:endpoint-config/*",
                f"Resource::arn:<AWS::Partition>:sagemaker:{place}:inference-component/{prefix}*",
                f"Resource::arn:<AWS::Partition>:application-autoscaling:{place}:scalable-target/*",
                f"Resource::arn:<AWS::Partition>:cloudwatch:{place}:alarm:TargetTracking-endpoint/{prefix}*",
            ),
            reason="Which endpoints there are is known at run time; CloudFormation names their configurations itself.",
            met_by="the prefix of the project, and the owner's tags as conditions of deleting and creating",
        )

    def _every_hour(self) -> None:
        role = WorkloadRole(
            self,
            "Clock",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        role.allow(("lambda:InvokeFunction",), [self.function.function_arn])
        scheduler.CfnSchedule(
            self,
            "Hourly",
            description="Looks for idle endpoints",
            schedule_expression="rate(1 hour)",
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": self.function.function_arn,
                "roleArn": role.role_arn,
                "input": "{}",
                "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 1800},
            },
        )


def _hours(hours: WorkingHours) -> dict[str, Any]:
    hours.check()
    return {"days": list(hours.days), "start": hours.start, "end": hours.end, "zone": hours.time_zone}
