"""A state machine for jobs that take longer than a function may run."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import (
    Duration,
    aws_cloudwatch as cloudwatch,
    aws_iam as iam,
    aws_logs as logs,
    aws_scheduler as scheduler,
    aws_stepfunctions as states,
)
from constructs import Construct

from ...foundation.alarms import alarm
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey, via
from ...foundation.naming import of_this_stack
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.jobs.steps import TryAgainError
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from .options import MACHINE_NAME

#: Errors after which a step is retried: https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
_TRANSIENT = [
    "InternalServerException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "ServiceUnavailableException",
    "ThrottlingException",
    TryAgainError.__name__,
]


class JobMachine(Construct):
    """A state machine that invokes one function step by step, and waits between the steps while no function runs.

    ``prepare`` returns the jobs of a run. Each job is started with ``start`` and polled with ``look`` until it has
    ended; ``finish`` combines the results, and decides whether the run succeeded. A failed job is passed to ``finish``
    with the others, so that their results are not lost.
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import JobMachine
        from aws_genai.packaging import PythonFunction

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Jobs")
        foundation = Foundation(stack)
        JobMachine(
            stack,
            "Runs",
            name="demo-runs",
            function=PythonFunction(stack, "Steps", folder="evaluation", foundation=foundation),
            foundation=foundation,
        )
        app.synth()

    :param foundation: key, topic and retention of the logs.
    :param name: name of the state machine: at most 80 letters, digits, hyphens and underscores.
    :param function: the function of the steps.
    :param wait_seconds: number of seconds between two checks of a job. Default: 60.
    :param at_once: maximum number of concurrent jobs of a run. Default: 5.
    :param hours: number of hours after which a run times out. Default: 24.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        function: PythonFunction,
        wait_seconds: int = 60,
        at_once: int = 5,
        hours: int = 24,
    ) -> None:
        super().__init__(scope, id)
        MACHINE_NAME.check(name)
        key = foundation.key
        self.name = name
        #: Beginning of the ARNs of executions.
        self.executions_arn = f"arn:{PARTITION}:states:{REGION}:{ACCOUNT_ID}:execution:{name}"
        key.allow_logs()
        log_group = logs.CfnLogGroup(
            self,
            "Log",
            # Each log group with another prefix adds to a resource policy of CloudWatch Logs, whose size is limited:
            # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
            log_group_name=of_this_stack(f"/aws/vendedlogs/states/{name}"),
            kms_key_id=key.key_arn,
            retention_in_days=foundation.log_days,
        )
        log_group.apply_removal_policy(foundation.removal_policy)
        key.allow_in_states()
        self._role, self._key = self._caller(function, key), key
        self.resource = states.CfnStateMachine(
            self,
            "Resource",
            state_machine_name=name,
            state_machine_type="STANDARD",
            role_arn=self._role.role_arn,
            definition_string=json.dumps(_definition(wait_seconds, at_once, hours)),
            definition_substitutions={"Function": function.function_arn, "Partition": PARTITION},
            encryption_configuration={
                "type": "CUSTOMER_MANAGED_KMS_KEY",
                "kmsKeyId": key.key_arn,
                "kmsDataKeyReusePeriodSeconds": 300,
            },
            logging_configuration={
                "level": "ALL",
                # Prompts and responses are in the bucket, not in logs.
                "includeExecutionData": False,
                "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": log_group.attr_arn}}],
            },
            tracing_configuration={"enabled": True},
        )
        self.resource.node.add_dependency(self._role.permissions)
        self.machine_arn: str = self.resource.attr_arn
        # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
        alarm(
            self,
            "NotPassed",
            topic=foundation.topic,
            runbook="failed-run",
            description=f"A run of {name} failed. The execution has the reason.",
            namespace="AWS/States",
            metric="ExecutionsFailed",
            dimensions={"StateMachineArn": self.machine_arn},
            threshold=1,
        )

    def _caller(self, function: PythonFunction, key: DataKey) -> WorkloadRole:
        """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html"""
        machine = f"arn:{PARTITION}:states:{REGION}:{ACCOUNT_ID}:stateMachine:{self.name}"
        role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": machine}},
            ),
            description=f"Calls the steps of {self.name}",
        )
        role.allow(("lambda:InvokeFunction",), [function.function_arn])
        # These actions have no resource.
        role.allow(
            (
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:GetLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:UpdateLogDelivery",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ),
            ["*"],
        )
        key.grant_encrypt_decrypt(role)
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::*",
            reason="The actions for log deliveries and traces have no resource.",
            met_by="the actions in the documentation of Step Functions for logs and traces, and no others",
        )
        return role

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to start executions and to describe them.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
        """
        granted = grant(grantee, ["states:StartExecution"], [self.machine_arn])
        grant(grantee, ["states:DescribeExecution"], [f"{self.executions_arn}:*"])
        grant(grantee, ["kms:Decrypt"], [self._key.key_arn], conditions=via("states"))
        return granted

    def metric_started(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of executions that have started.

        https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html

        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("ExecutionsStarted", statistic, period)

    def metric_succeeded(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of executions that have succeeded.

        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("ExecutionsSucceeded", statistic, period)

    def metric_failed(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of executions that have failed.

        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("ExecutionsFailed", statistic, period)

    def metric_time(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Duration of executions, in milliseconds.

        :param statistic: CloudWatch statistic. Default: Average.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("ExecutionTime", statistic, period)

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            dimensions_map={"StateMachineArn": self.machine_arn},
            statistic=statistic,
            period=period,
        )

    def every(self, expression: str, time_zone: str, given: dict[str, Any]) -> None:
        """Start executions on a schedule.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

        :param expression: schedule expression, such as ``cron(0 5 ? * MON *)`` or ``rate(7 days)``.
        :param time_zone: time zone of a cron expression.
        :param given: input of the executions.
        """
        role = WorkloadRole(
            self,
            "Clock",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
            ),
        )
        role.allow(("states:StartExecution",), [self.machine_arn])
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"Starts {self.name}",
            schedule_expression=expression,
            schedule_expression_timezone=time_zone,
            flexible_time_window={"mode": "OFF"},
            target={
                "arn": self.machine_arn,
                "roleArn": role.role_arn,
                "input": json.dumps(given),
                "retryPolicy": {"maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600},
            },
        )


def _definition(wait_seconds: int, at_once: int, hours: int) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html"""
    lost = {
        "ErrorEquals": ["States.ALL"],
        "ResultPath": "$.error",
        "Next": "Lost",
    }
    each = {
        "Start": _step("start", {"job.$": "$.job"}, "Running", catch=lost),
        "Running": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.job.state", "StringEquals": "running", "Next": "Wait"}],
            "Default": "Left",
        },
        "Wait": {"Type": "Wait", "Seconds": wait_seconds, "Next": "Look"},
        "Look": _step("look", {"job.$": "$.job"}, "Running", catch=lost),
        "Left": {"Type": "Pass", "OutputPath": "$.job", "End": True},
        # The job, and why it failed, which finish reports.
        "Lost": {
            "Type": "Pass",
            "Parameters": {"state": "failed", "job.$": "$.job", "reason.$": "$.error.Cause"},
            "End": True,
        },
    }
    return {
        "TimeoutSeconds": hours * 3600,
        "StartAt": "Prepare",
        "States": {
            "Prepare": _step("prepare", {"given.$": "$$.Execution.Input"}, "Jobs"),
            "Jobs": {
                "Type": "Map",
                "ItemsPath": "$.jobs",
                "MaxConcurrency": at_once,
                "ItemSelector": {"job.$": "$$.Map.Item.Value"},
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Start", "States": each},
                "ResultPath": "$.jobs",
                "Next": "Finish",
            },
            "Finish": _step("finish", {"jobs.$": "$.jobs"}, "Passed"),
            "Passed": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.passed", "BooleanEquals": True, "Next": "Done"}],
                "Default": "NotPassed",
            },
            "Done": {"Type": "Succeed"},
            "NotPassed": {"Type": "Fail", "Error": "NotPassed", "CausePath": "$.reason"},
        },
    }


def _step(name: str, given: dict[str, Any], after: str, *, catch: dict[str, Any] | None = None) -> dict[str, Any]:
    """An invocation of the function; its response is the input of the next state."""
    job = {"ResultSelector": {"job.$": "$.Payload"}, "ResultPath": "$"}
    return {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${Function}", "Payload": {"step": name, "run.$": "$$.Execution.Name", **given}},
        **(job if "job.$" in given else {"OutputPath": "$.Payload"}),
        "TimeoutSeconds": 900,
        "Retry": [{"ErrorEquals": _TRANSIENT, "IntervalSeconds": 10, "MaxAttempts": 5, "BackoffRate": 2}],
        **({"Catch": [catch]} if catch else {}),
        "Next": after,
    }
