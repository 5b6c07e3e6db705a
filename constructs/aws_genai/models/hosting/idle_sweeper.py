"""Puts endpoints that nobody calls to sleep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from aws_cdk import CfnOutput, aws_dynamodb as dynamodb, aws_iam as iam, aws_scheduler as scheduler
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import alarm
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...functions.idle_endpoints.environment import Environment, Hours, Rules
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .options import IdleOptions, WorkingHours

#: The service-linked role of Application Auto Scaling, which is created in an account that has none.
_SCALING_ROLE = (
    f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)


class IdleSweeper(Construct):
    """A function that looks every hour for SageMaker endpoints that nobody calls, and puts them to sleep.

    It first sends a notification. After the notice period it scales inference components to zero copies, or deletes
    an endpoint that has none. The configuration and the model of a deleted endpoint stay: invoking the function with
    ``{"wake": "<name>"}`` creates the endpoint again, with its tags and scaling. An endpoint without the owner's tags,
    or with a tag ``keep`` other than ``false``, is never changed. State is written conditionally, so that concurrent
    runs act once. https://docs.aws.amazon.com/sagemaker/latest/dg/inference-cost-optimization.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import IdleOptions, IdleSweeper

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models")
        IdleSweeper(
            stack,
            "Idle",
            foundation=Foundation(stack),
            prefix="demo-dev-",
            owner={"project": "demo", "environment": "dev"},
            options=IdleOptions(hours=12),
        )
        app.synth()

    :param foundation: key, topic and network.
    :param prefix: prefix of the names of the endpoints.
    :param owner: tags that an endpoint must have to be changed, such as project and environment.
    :param options: when an endpoint is idle, and what happens to it. Default: :class:`IdleOptions` without arguments.
    :raises InvalidValueError: without a prefix or tags, which would match every endpoint of the account.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        prefix: str,
        owner: Mapping[str, str],
        options: IdleOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not prefix or not owner:
            raise InvalidValueError(
                "Without a prefix and tags, the sweeper would change every endpoint of the account",
                field="owner",
                hint="Pass the prefix of your endpoints' names, and tags that only they have",
            )
        key, topic = foundation.key, foundation.topic
        options = options or IdleOptions()
        key.allow_in_dynamodb()
        key.allow_in_sagemaker()
        table = self._table(key)
        rules = Rules(
            prefix=prefix,
            owner=dict(owner),
            idle_hours=options.hours,
            notice_hours=options.notice_hours,
            working_hours=_hours(options.working_hours) if options.working_hours else None,
            dry_run=options.dry_run,
        )
        self.function = PythonFunction(
            self,
            "Function",
            folder="idle_endpoints",
            foundation=foundation,
            environment=Environment(RULES=asdict(rules), TABLE=table.ref, TOPIC_ARN=topic.topic_arn),
            timeout_seconds=900,
            reserved_concurrency=2,
        )
        self._allow(prefix, owner, key, table)
        self._every_hour()
        # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
        alarm(
            self,
            "Failing",
            topic=topic,
            runbook="idle-sweeper",
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
            reason="Its items are the state of endpoints, which the next run writes again; it holds nothing else.",
            met_by="point-in-time recovery of 35 days on the table itself",
        )
        return table

    def _allow(self, prefix: str, owner: Mapping[str, str], key: DataKey, table: dynamodb.CfnTable) -> None:
        """Read, delete and recreate endpoints, and register their scaling, which needs the permissions of scaling.

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
        # None of these supports resource-level permissions.
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
            reason="The endpoints are known at run time only, and CloudFormation generates the configurations' names.",
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


def _hours(hours: WorkingHours) -> Hours:
    return Hours(days=tuple(hours.days), start=hours.start, end=hours.end, zone=hours.time_zone)
