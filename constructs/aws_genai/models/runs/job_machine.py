"""Runs of many minutes: prepared, done in parts, looked after, and put together."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import (
    RemovalPolicy,
    aws_iam as iam,
    aws_logs as logs,
    aws_scheduler as scheduler,
    aws_stepfunctions as states,
)
from constructs import Construct

from ...foundation.alarms import AlarmTopic, alarm
from ...foundation.key import DataKey
from ...foundation.naming import of_this_stack
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.jobs.steps import TryAgainError
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction

#: What passes by itself: https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
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
    """A state machine that calls one function step by step, and waits between the steps without a function that runs.

    ``prepare`` says which jobs a run takes; each is started, looked after until it no longer runs, and left; ``finish``
    puts together what they made, and says whether the run passed. A job that fails is handed to ``finish`` as such,
    so that the others are not lost. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html

    Example::

        import aws_cdk as cdk
        from aws_genai.packaging import PythonFunction
        from aws_genai.models import JobMachine
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Jobs")
        key = DataKey(stack, "Key", description="Jobs")
        key.allow_logs()
        topic = AlarmTopic(stack, "Alarms", key=key)
        JobMachine(
            stack,
            "Runs",
            name="demo-runs",
            function=PythonFunction(stack, "Steps", folder="evaluation", key=key, topic=topic),
            key=key,
            topic=topic,
        )
        app.synth()

    :param name: name of the state machine, at most 80 letters, digits, hyphens and underscores.
    :param function: does the steps.
    :param key: encrypts definition, inputs and logs.
    :param topic: told when a run does not pass.
    :param wait_seconds: seconds between two looks at a job. Default: 60.
    :param at_once: most jobs of a run at a time. Default: 5.
    :param hours: hours after which a run is given up. Default: 24.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        function: PythonFunction,
        key: DataKey,
        topic: AlarmTopic,
        wait_seconds: int = 60,
        at_once: int = 5,
        hours: int = 24,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.name = name
        #: What ARNs of runs begin with.
        self.executions_arn = f"arn:{PARTITION}:states:{REGION}:{ACCOUNT_ID}:execution:{name}"
        key.allow_logs()
        log_group = logs.CfnLogGroup(
            self,
            "Log",
            # CloudWatch Logs keeps a policy for each name that does not begin so, and few policies:
            # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
            log_group_name=of_this_stack(f"/aws/vendedlogs/states/{name}"),
            kms_key_id=key.key_arn,
            retention_in_days=log_days,
        )
        log_group.apply_removal_policy(removal_policy)
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
                # Questions and answers lie in the bucket, not in logs.
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
            topic=topic,
            description=f"A run of {name} did not pass: the execution says why.",
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
        # Neither deliveries of logs nor traces take a resource.
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
            reason="AWS defines no resource for deliveries of logs and for traces.",
            met_by="the actions of Step Functions' own policy for logs and traces, and no other",
        )
        return role

    def grant_start(self, role: iam.IRole) -> None:
        """Let ``role`` start runs and look at them.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
        """
        grant(role, ["states:StartExecution"], [self.machine_arn])
        grant(role, ["states:DescribeExecution"], [f"{self.executions_arn}:*"])
        through = {"StringEquals": {"kms:ViaService": f"states.{REGION}.amazonaws.com"}}
        grant(role, ["kms:Decrypt"], [self._key.key_arn], conditions=through)

    def every(self, expression: str, time_zone: str, given: dict[str, Any]) -> None:
        """Start a run by the clock.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

        :param expression: such as ``cron(0 5 ? * MON *)`` or ``rate(7 days)``.
        :param time_zone: the zone of a cron expression.
        :param given: what the run is given.
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
        # What a job was, and why it is lost: finish tells of it.
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
    """A call of the function; what it answers goes on, as the job where there is one."""
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
