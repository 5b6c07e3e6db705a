"""Evaluations of models: quality, latency and price."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.evaluation.environment import Environment
from ...functions.evaluation.names import QUESTIONS, REPORTS, RUNS
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.application_profiles import ApplicationProfiles
from ..access.inference import requests_of
from ..access.model_access import ModelAccess, called_arn, profile_arn
from ..knowledge.knowledge_base import KnowledgeBase
from .job_machine import JobMachine
from .options import EVALUATION_NAME, EvaluationOptions, Judge

_SERVICE = "bedrock.amazonaws.com"


class Evaluation(Construct):
    """Sends the same prompts to models, and compares quality, latency and price of their responses.

    The prompts are in a bucket as ``questions/<name>.jsonl``, in the format of Bedrock. A run sends each prompt to each
    model through the guardrail, measures latency and cost, compares the responses with reference responses, and starts
    an evaluation job in which a judge evaluates them; then it writes a table and a chart to ``reports/``. If the first
    model does not reach a threshold, the run fails, and so does a pipeline that waits for it. Evaluation jobs do not
    invoke the models themselves, because they would do so without a guardrail.
    https://docs.aws.amazon.com/bedrock/latest/userguide/evaluation-judge.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-prompt-datasets-judge.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import (
            Evaluation,
            EvaluationOptions,
            Guardrail,
            Judge,
            ModelAccess,
            ModelAccessOptions,
        )

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
        Evaluation(
            stack,
            "Assistants",
            foundation=foundation,
            name="demo-assistants",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
                options=ModelAccessOptions(models=models),
            ),
            options=EvaluationOptions(
                models=models,
                judge=Judge(model="us.amazon.nova-pro-v1:0"),
                thresholds={"Correctness": 0.8, "latency_ms": 3000},
            ),
        )
        app.synth()

    :param foundation: key, topic and retention; prompts, responses and reports are retained for ``record_days``.
    :param name: name of the evaluation: at most 63 letters, digits and hyphens.
    :param access: the models that may be invoked; all of the evaluation's must be among them.
    :param options: the models, and what is measured.
    :param profiles: application inference profiles by which the models are invoked. Default: the models' own ids.
    :param knowledge: documents that the models answer from. Default: none.
    :param wait_seconds: number of seconds between two checks of the evaluation job. Default: 60.
    :raises InvalidValueError: if there is a knowledge base without groups, or groups without a knowledge base.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        access: ModelAccess,
        options: EvaluationOptions,
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        wait_seconds: int = 60,
    ) -> None:
        super().__init__(scope, id)
        EVALUATION_NAME.check(name)
        key, judge, models = foundation.key, options.judge, options.models
        options.check_documents(documents=knowledge is not None)
        self.name = name
        self.bucket = SecureBucket(self, "Bucket", foundation=foundation, retention_days=foundation.record_days)
        reader = self._reader(access, judge, key) if judge else None
        environment = Environment(
            PLAN={
                "name": name,
                "models": requests_of(models, options, {}),
                "system_prompt": options.system_prompt,
                "prices": {model: price for model in models if (price := _price(model))},
                "thresholds": options.thresholds,
                "metrics": judge.metrics if judge else [],
                "groups": sorted(options.groups),
            },
            BUCKET=self.bucket.bucket_name,
            GUARDRAIL_ID=access.guardrail.guardrail_id,
            GUARDRAIL_VERSION=access.guardrail.version,
            PROFILES=Stack.of(self).to_json_string(profiles.arns) if profiles else None,
            JUDGE=called_arn(judge.model) if judge else None,
            JUDGE_ROLE=reader.role_arn if reader else None,
            KEY_ARN=key.key_arn if reader else None,
        )
        self.function = PythonFunction(
            self,
            "Steps",
            folder="evaluation",
            include=("chat", "groups", "jobs", "model_evaluation", "untrusted", "waking"),
            foundation=foundation,
            environment={**environment.variables(), **(knowledge.environment if knowledge else {})},
            memory_mib=1024,
            timeout_seconds=900,
            reserved_concurrency=5,
        )
        role = self.function.role
        self.bucket.grant_read(role, QUESTIONS, RUNS)
        self.bucket.grant_write(role, RUNS, REPORTS)
        if profiles:
            profiles.grant_invoke(role)
        else:
            access.grant_invoke(role, models=models)
        if knowledge:
            knowledge.grant_retrieve(role)
        if judge and reader:
            self._allow_judge(role, reader, access, judge, key)
        self.machine = JobMachine(
            self,
            "Runs",
            name=f"{name}-evaluation",
            function=self.function,
            foundation=foundation,
            wait_seconds=wait_seconds,
        )
        if options.schedule:
            self.machine.every(options.schedule, options.time_zone, {})
        CfnOutput(self, "MachineArn", value=self.machine.machine_arn, description=f"Runs of the evaluation {name}")
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=f"Prompts are put under {QUESTIONS}")

    def _reader(self, access: ModelAccess, judge: Judge, key: DataKey) -> WorkloadRole:
        """The role of the evaluation jobs: https://docs.aws.amazon.com/bedrock/latest/userguide/judge-service-roles.html

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-security-data.html
        """
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:evaluation-job/*"
        role = WorkloadRole(
            self,
            "Judge",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnLike": {"aws:SourceArn": jobs}},
            ),
            description=f"Evaluation jobs of {self.name}",
        )
        # The page requires all three: an evaluation job may start batch inference jobs.
        batches = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:model-invocation-job/*"
        judging = access.resources([judge.model])
        role.allow(("bedrock:InvokeModel",), judging)
        role.allow(("bedrock:CreateModelInvocationJob",), [*judging, batches])
        role.allow(("bedrock:StopModelInvocationJob",), [batches])
        access.guardrail.grant_if_enforced(role)
        if judge.model != BedrockCatalogue.get(judge.model).model_id:
            role.allow(("bedrock:GetInferenceProfile",), [profile_arn(judge.model)])
        acknowledge(
            role.permissions,
            "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
            reason="Evaluation jobs invoke the judge without a guardrail. Its responses are scores that no user reads.",
            met_by="the evaluated responses, which came through the guardrail, and the one judge in the statement",
        )
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:model-invocation-job/*",
            reason="Bedrock generates the ids of jobs, so they are not known before a run.",
            met_by="the account and Region in the statement, and the one judge that a job may invoke",
        )
        self.bucket.grant_read(role, RUNS)
        self.bucket.grant_write(role, RUNS)
        # These actions have no prefix.
        role.allow(("s3:GetBucketLocation", "s3:ListBucketMultipartUploads"), [self.bucket.bucket_arn])
        key.grant_describe(role)
        key.allow_evaluations()
        return role

    def _allow_judge(
        self, role: WorkloadRole, reader: WorkloadRole, access: ModelAccess, judge: Judge, key: DataKey
    ) -> None:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-judge-create.html"""
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:evaluation-job/*"
        role.allow(("bedrock:CreateEvaluationJob",), [*access.resources([judge.model]), jobs])
        role.allow(("bedrock:GetEvaluationJob",), [jobs])
        role.allow(("iam:PassRole",), [reader.role_arn], conditions={"StringEquals": {"iam:PassedToService": _SERVICE}})
        actions = ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
        key.grant_in_bedrock(role, actions)
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:evaluation-job/*",
            reason="Bedrock generates the ids of jobs, so they are not known before a run.",
            met_by="the account and Region in the statement, and creating and reading jobs only",
        )

    def grant_run(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee``, such as a pipeline, to put prompts, to start and stop a run, and to read its report."""
        granted = self.machine.grant_start(grantee)
        self.bucket.grant_write(grantee, QUESTIONS)
        self.bucket.grant_read(grantee, REPORTS)
        grant(grantee, ["states:StopExecution"], [f"{self.machine.executions_arn}:*"])
        return granted


def _price(model: str) -> tuple[float, float] | None:
    facts = BedrockCatalogue.get(model)
    prices = facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens
    return None if prices[0] is None or prices[1] is None else (prices[0], prices[1])
