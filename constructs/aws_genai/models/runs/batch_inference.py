"""Batch inference with Amazon Bedrock."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, aws_events as events, aws_iam as iam, aws_s3 as s3
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.report import rules_only, undelivered
from ...foundation.role import WorkloadRole
from ...functions.batch_inference.environment import Environment
from ...functions.batch_inference.names import ANSWERS, REQUESTS, RUNS
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.application_profiles import ApplicationProfiles
from ..access.inference import requests_of
from ..access.model_access import ModelAccess
from .job_machine import JobMachine
from .options import BATCH_NAME, BatchInferenceOptions

_SERVICE = "bedrock.amazonaws.com"


class BatchInference(Construct):
    """Runs batch inference jobs for files of prompts in a bucket, at half the price of on-demand inference.

    A file ``requests/<name>.jsonl`` starts one run, even if its event is delivered twice. The guardrail evaluates every
    prompt before a job, and every response after it, because batch inference jobs do not apply guardrails. Prompts that
    a job has left without a response get another job; if they are too few for a job, they are sent one by one. The
    responses are in ``answers/<run>/``, together with what was blocked or failed, and a summary of counts, tokens and
    costs.
    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import (
            BatchInference,
            BatchInferenceOptions,
            Guardrail,
            ModelAccess,
            ModelAccessOptions,
        )

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
        BatchInference(
            stack,
            "Summaries",
            foundation=foundation,
            name="demo-summaries",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=guardrail,
                options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
            ),
            options=BatchInferenceOptions(model="amazon.nova-lite-v1:0"),
        )
        app.synth()

    :param foundation: key, topic and retention; prompts and responses are retained for ``record_days``.
    :param name: name of the batch: at most 63 letters, digits and hyphens.
    :param access: the models that may be invoked; the model must be among them.
    :param options: the model, and its inference parameters.
    :param profiles: application inference profiles by which the model is invoked. Default: the model's own id.
    :param wait_seconds: number of seconds between two checks of a job. Default: 120.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        access: ModelAccess,
        options: BatchInferenceOptions,
        profiles: ApplicationProfiles | None = None,
        wait_seconds: int = 120,
    ) -> None:
        super().__init__(scope, id)
        BATCH_NAME.check(name)
        key, model = foundation.key, options.model
        self.name, self.access, self._key = name, access, key
        self.bucket = SecureBucket(self, "Bucket", foundation=foundation, retention_days=foundation.record_days)
        self.bucket.resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
        worker = self._worker(model, profiles)
        facts = BedrockCatalogue.get(model)
        self.function = PythonFunction(
            self,
            "Steps",
            folder="batch_inference",
            include=("chat", "groups", "jobs", "untrusted", "waking"),
            foundation=foundation,
            environment=Environment(
                PLAN={
                    "name": name,
                    "model": model,
                    "models": requests_of([model], options, {}),
                    "system_prompt": options.system_prompt,
                    "most_failed_percent": options.most_failed_percent,
                    "batch_price": _prices(
                        facts.usd_per_million_batch_input_tokens, facts.usd_per_million_batch_output_tokens
                    ),
                    "price": _prices(facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens),
                },
                BUCKET=self.bucket.bucket_name,
                GUARDRAIL_ID=access.guardrail.guardrail_id,
                GUARDRAIL_VERSION=access.guardrail.version,
                JOB_ROLE=worker.role_arn,
                KEY_ARN=key.key_arn,
                PROFILES=Stack.of(self).to_json_string(profiles.arns) if profiles else None,
            ),
            memory_mib=1024,
            timeout_seconds=900,
            reserved_concurrency=5,
        )
        self._allow(worker, model, profiles)
        self.machine = JobMachine(
            self,
            "Runs",
            name=f"{name}-batch",
            function=self.function,
            foundation=foundation,
            wait_seconds=wait_seconds,
            # A job times out after 24 hours or more, and up to three jobs follow each other.
            hours=96,
        )
        self._begin_when_put(foundation.topic)
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=f"Prompts are put under {REQUESTS}")

    def _called(self, model: str, profiles: ApplicationProfiles | None) -> list[str]:
        """The ARNs that a job of the model needs."""
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
            description=f"Batch inference jobs of {self.name}",
        )
        role.allow(("bedrock:InvokeModel",), self._called(model, profiles))
        acknowledge(
            role.permissions,
            "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
            reason="Batch inference jobs do not support guardrails, so a condition on one would deny every job.",
            met_by="the function, which applies the guardrail to each prompt before a job and each response after it",
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
        # This action has no resource.
        role.allow(("bedrock:ListModelInvocationJobs",), ["*"])
        role.allow(("iam:PassRole",), [worker.role_arn], conditions={"StringEquals": {"iam:PassedToService": _SERVICE}})
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                "Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:model-invocation-job/*",
                f"Resource::<{self.bucket.logical_id}.Arn>/{REQUESTS}*",
            ),
            reason="Bedrock generates the ids of jobs, and users choose the names of files.",
            met_by="the account and Region in the statement, and read access to the prefix of the requests only",
        )

    def _begin_when_put(self, topic: AlarmTopic) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
        starter = WorkloadRole(self, "Starter", assumed_by=rules_only())
        starter.allow(("states:StartExecution",), [self.machine.machine_arn])
        rule = events.CfnRule(
            self,
            "Put",
            description=f"Starts {self.name} when prompts are put",
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

    def grant_ask(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to put files of prompts, and to read responses."""
        granted = self.bucket.grant_write(grantee, REQUESTS)
        self.bucket.grant_read(grantee, ANSWERS)
        return granted


def _prices(input_tokens: float | None, output_tokens: float | None) -> list[float]:
    return [] if input_tokens is None or output_tokens is None else [input_tokens, output_tokens]
