"""Many questions to one model, at half the price and by tomorrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack, aws_events as events, aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ...data.bedrock import BedrockCatalogue, check_chat
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.report import rules_only, undelivered
from ...foundation.role import WorkloadRole
from ...functions.batch_inference.names import ANSWERS, REQUESTS, RUNS
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.application_profiles import ApplicationProfiles
from ..access.inference import Inference, requests_of
from ..access.model_access import ModelAccess
from .job_machine import JobMachine

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"


class BatchInference(Construct):
    """Questions that are put into a bucket are asked in batch jobs of Bedrock, at half the price of a question alone.

    A file ``requests/<name>.jsonl`` starts a run, once however often its event comes. Every question is assessed by the
    guardrail before a job and every answer after it, for jobs apply none. What a job leaves over is asked again in
    another, and what is too little for a job, question by question. The answers lie under ``answers/<run>/``, with
    what was blocked or failed beside them and a summary of counts, tokens and dollars.
    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import BatchInference, Guardrail, ModelAccess
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Batches")
        key.allow_logs()
        guardrail = Guardrail(stack, "Guardrail", name="one", key=key)
        BatchInference(
            stack,
            "Summaries",
            name="demo-summaries",
            model="amazon.nova-lite-v1:0",
            access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
            key=key,
            access_logs=AccessLogBucket(stack, "AccessLogs"),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: name of the batch, at most 63 letters, digits and hyphens.
    :param model: id of the model; one that Bedrock runs batches of.
    :param access: lets it be called.
    :param key: encrypts questions, answers and logs.
    :param access_logs: where server access logs go.
    :param topic: told when a run does not pass.
    :param most_failed_percent: how many questions may stay without an answer before a run fails, 0 to 100. Default: 0.
    :param profiles: names under which the model is called. Default: the model's own.
    :param inference: how the model is asked. Default: temperature 0.5, and 1,024 tokens.
    :param retention_days: days that questions and answers are kept. Default: 90.
    :param replica: keep a second copy of them. Default: no.
    :param network: a VPC for the function. Default: the service's own network.
    :param wait_seconds: seconds between two looks at a job. Default: 120.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to answers and logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if the model does not chat, or the percentage is none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        model: str,
        access: ModelAccess,
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        most_failed_percent: float = 0,
        profiles: ApplicationProfiles | None = None,
        inference: Inference | None = None,
        retention_days: int = 90,
        replica: bool = False,
        network: PrivateNetwork | None = None,
        wait_seconds: int = 120,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        bounds = inference or Inference()
        check_chat([model], bounds.max_tokens)
        if not 0 <= most_failed_percent <= 100:
            raise InvalidValueError(f"{most_failed_percent:g} is no percentage", field="most_failed_percent")
        self.name, self.access, self._key = name, access, key
        self.bucket = SecureBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            retention_days=retention_days,
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
        )
        self.bucket.resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        worker = self._worker(model, profiles)
        facts = BedrockCatalogue.get(model)
        plan = {
            "name": name,
            "model": model,
            "models": requests_of([model], bounds, {}),
            "system_prompt": bounds.system_prompt,
            "most_failed_percent": most_failed_percent,
            "batch_price": _paid(facts.usd_per_million_batch_input_tokens, facts.usd_per_million_batch_output_tokens),
            "price": _paid(facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens),
        }
        self.function = PythonFunction(
            self,
            "Steps",
            folder="batch_inference",
            include=("chat", "jobs", "untrusted", "waking"),
            key=key,
            topic=topic,
            environment={
                "PLAN": json.dumps(plan),
                "BUCKET": self.bucket.bucket_name,
                "GUARDRAIL_ID": access.guardrail.guardrail_id,
                "GUARDRAIL_VERSION": access.guardrail.version,
                "JOB_ROLE": worker.role_arn,
                "KEY_ARN": key.key_arn,
                **({"PROFILES": Stack.of(self).to_json_string(profiles.arns)} if profiles else {}),
            },
            memory_mib=1024,
            timeout_seconds=900,
            reserved_concurrency=5,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self._allow(worker, model, profiles)
        self.machine = JobMachine(
            self,
            "Runs",
            name=f"{name}-batch",
            function=self.function,
            key=key,
            topic=topic,
            wait_seconds=wait_seconds,
            # A job expires after a day at the earliest, and three may follow each other.
            hours=96,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self._begin_when_put(topic)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=f"Questions go under {REQUESTS}")

    def _called(self, model: str, profiles: ApplicationProfiles | None) -> list[str]:
        """The ARNs that a job of the model touches."""
        if profiles is None:
            return self.access.resources([model])
        return [profiles.arns[model], *self.access.foundation(model)]

    def _worker(self, model: str, profiles: ApplicationProfiles | None) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html"""
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:model-invocation-job/*"
        role = WorkloadRole(
            self,
            "Worker",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnEquals": {"aws:SourceArn": jobs}},
            ),
            description=f"Bedrock asks the questions of {self.name}",
        )
        role.allow(("bedrock:InvokeModel",), self._called(model, profiles))
        acknowledge(
            role.permissions,
            "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
            reason="Batch jobs of Bedrock take no guardrail, so a condition on one would deny every job.",
            met_by="the function, which has the guardrail assess each question before a job and each answer after it",
        )
        self.access.guardrail.grant_if_enforced(role)
        self.bucket.grant_read(role, RUNS)
        self.bucket.grant_write(role, RUNS)
        return role

    def _allow(self, worker: WorkloadRole, model: str, profiles: ApplicationProfiles | None) -> None:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-permissions.html"""
        role = self.function.role
        self.bucket.grant_read(role, REQUESTS, RUNS)
        self.bucket.grant_write(role, RUNS, ANSWERS)
        role.allow(("s3:GetObjectVersion",), [f"{self.bucket.bucket_arn}/{REQUESTS}*"])
        if profiles:
            profiles.grant_invoke(role)
        else:
            self.access.grant_invoke(role, models=[model])
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:model-invocation-job/*"
        role.allow(("bedrock:CreateModelInvocationJob",), [*self._called(model, profiles), jobs])
        role.allow(("bedrock:GetModelInvocationJob",), [jobs])
        # Listing takes no resource.
        role.allow(("bedrock:ListModelInvocationJobs",), ["*"])
        role.allow(("iam:PassRole",), [worker.role_arn], conditions={"StringEquals": {"iam:PassedToService": _SERVICE}})
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                "Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:model-invocation-job/*",
                f"Resource::<{self.bucket.logical_id}.Arn>/{REQUESTS}*",
            ),
            reason="Bedrock chooses the ids of jobs, and whoever asks the names of files.",
            met_by="the account and Region in the statement, and the prefix of what is asked, which is read only",
        )

    def _begin_when_put(self, topic: AlarmTopic) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
        starter = WorkloadRole(
            self,
            "Starter",
            assumed_by=rules_only(),
        )
        starter.allow(("states:StartExecution",), [self.machine.machine_arn])
        rule = events.CfnRule(
            self,
            "Put",
            description=f"Questions of {self.name} were put",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [self.bucket.bucket_name]},
                    "object": {"key": [{"wildcard": f"{REQUESTS}*.jsonl"}]},
                },
            },
            targets=[
                {
                    "id": "Runs",
                    "arn": self.machine.machine_arn,
                    "roleArn": starter.role_arn,
                    "inputTransformer": {
                        "inputPathsMap": {"key": "$.detail.object.key", "version": "$.detail.object.version-id"},
                        "inputTemplate": '{"key": <key>, "version": <version>}',
                    },
                    "deadLetterConfig": {"arn": undelivered(Stack.of(self), self._key, topic).queue_arn},
                    "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 10},
                }
            ],
        )
        rule.node.add_dependency(starter.permissions)

    def grant_ask(self, role: iam.IRole) -> None:
        """Let ``role`` put questions and read answers."""
        self.bucket.grant_write(role, REQUESTS)
        self.bucket.grant_read(role, ANSWERS)


def _paid(asked: float | None, answered: float | None) -> list[float]:
    return [] if asked is None or answered is None else [asked, answered]
