"""Which model answers best, in what time and for how much."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, Stack, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...functions.evaluation.names import QUESTIONS, REPORTS, RUNS
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.application_profiles import ApplicationProfiles
from ..access.inference import Inference, requests_of
from ..access.model_access import ModelAccess, called_arn, profile_arn
from ..knowledge.knowledge_base import KnowledgeBase
from .job_machine import JobMachine
from .judge import Judge, check_evaluation

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"


class Evaluation(Construct):
    """Asks models the same questions, and compares quality, latency and price of the answers.

    The questions lie in a bucket as ``questions/<name>.jsonl``, in Bedrock's own form. A run asks each model each of
    them through the guardrail, measures, compares with the answers that were expected, and lets a judge look at what
    was answered in a Bedrock evaluation job; then it writes a table and a chart under ``reports/``. If the first model
    falls short of a threshold, the run fails, and a pipeline with it. Models are not asked by Bedrock's jobs, for
    their calls carry no guardrail.
    https://docs.aws.amazon.com/bedrock/latest/userguide/evaluation-judge.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-evaluation-prompt-datasets-judge.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Evaluation, Guardrail, Judge, ModelAccess
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Evaluations")
        key.allow_logs()
        models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
        Evaluation(
            stack,
            "Assistants",
            name="demo-assistants",
            models=models,
            access=ModelAccess(
                stack, "Access", models=models, guardrail=Guardrail(stack, "Guardrail", name="one", key=key)
            ),
            judge=Judge(model="us.amazon.nova-pro-v1:0"),
            thresholds={"Correctness": 0.8, "latency_ms": 3000},
            key=key,
            access_logs=AccessLogBucket(stack, "AccessLogs"),
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: name of the evaluation, at most 63 letters, digits and hyphens.
    :param models: ids of the models; the thresholds are for the first.
    :param access: lets them be called.
    :param key: encrypts questions, answers and logs.
    :param access_logs: where server access logs go.
    :param topic: told when a run does not pass.
    :param judge: judges the answers. Default: nobody; only what can be compared is.
    :param thresholds: what the first model must reach at least: metrics of the judge, and exact_match, f1 and rouge_l
        (0 to 1); or at most: latency_ms, usd_per_answer and blocked_percent. Default: nothing.
    :param profiles: names under which the models are called. Default: the models' own.
    :param knowledge: documents that the models answer from. Default: none.
    :param groups: whose documents they are shown. Default: nobody's, which is refused with ``knowledge``.
    :param inference: how the models are asked. Default: temperature 0, and 1,024 tokens.
    :param schedule: when a run starts by itself, such as ``cron(0 5 ? * MON *)``. Default: never.
    :param time_zone: of the schedule. Default: UTC.
    :param retention_days: days that questions, answers and reports are kept. Default: 365.
    :param replica: keep a second copy of them. Default: no.
    :param network: a VPC for the function. Default: the service's own network.
    :param wait_seconds: seconds between two looks at the judge. Default: 60.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to reports and logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is no model, a threshold is of something that is not measured, or documents are
        answered from for nobody.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        models: Sequence[str],
        access: ModelAccess,
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        judge: Judge | None = None,
        thresholds: Mapping[str, float] | None = None,
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        groups: Sequence[str] = (),
        inference: Inference | None = None,
        schedule: str | None = None,
        time_zone: str = "UTC",
        retention_days: int = 365,
        replica: bool = False,
        network: PrivateNetwork | None = None,
        wait_seconds: int = 60,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        bounds = inference or Inference(temperature=0)
        check_evaluation(models, judge, thresholds or {}, bounds.max_tokens, documents=bool(knowledge), groups=groups)
        self.name = name
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
        reader = self._reader(access, judge, key) if judge else None
        plan = {
            "name": name,
            "models": requests_of(models, bounds, {}),
            "system_prompt": bounds.system_prompt,
            "prices": {model: price for model in models if (price := _price(model))},
            "thresholds": dict(thresholds or {}),
            "metrics": list(judge.metrics) if judge else [],
            "groups": sorted(groups),
        }
        self.function = PythonFunction(
            self,
            "Steps",
            folder="evaluation",
            include=("chat", "jobs", "model_evaluation", "untrusted", "waking"),
            key=key,
            topic=topic,
            environment={
                "PLAN": json.dumps(plan),
                "BUCKET": self.bucket.bucket_name,
                "GUARDRAIL_ID": access.guardrail.guardrail_id,
                "GUARDRAIL_VERSION": access.guardrail.version,
                **({"PROFILES": Stack.of(self).to_json_string(profiles.arns)} if profiles else {}),
                **(knowledge.environment if knowledge else {}),
                **({"JUDGE": called_arn(judge.model)} if judge else {}),
                **({"JUDGE_ROLE": reader.role_arn, "KEY_ARN": key.key_arn} if reader else {}),
            },
            memory_mib=1024,
            timeout_seconds=900,
            reserved_concurrency=5,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
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
            key=key,
            topic=topic,
            wait_seconds=wait_seconds,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        if schedule:
            self.machine.every(schedule, time_zone, {})
        CfnOutput(self, "MachineArn", value=self.machine.machine_arn, description=f"Runs of the evaluation {name}")
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name, description=f"Questions go under {QUESTIONS}")

    def _reader(self, access: ModelAccess, judge: Judge, key: DataKey) -> WorkloadRole:
        """Who judges: https://docs.aws.amazon.com/bedrock/latest/userguide/judge-service-roles.html

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
            description=f"Bedrock judges answers of {self.name}",
        )
        # The page asks for all three; Bedrock may put what is judged together into jobs of its own.
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
            reason="Bedrock's evaluation jobs call the judge without a guardrail; what it answers is read by no user.",
            met_by="the answers that are judged, which came through the guardrail, and the one judge in the statement",
        )
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding="Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:model-invocation-job/*",
            reason="Bedrock chooses the ids of jobs, so no statement can hold them before a run.",
            met_by="the account and Region in the statement, and the one judge that a job may call",
        )
        self.bucket.grant_read(role, RUNS)
        self.bucket.grant_write(role, RUNS)
        # Neither takes a prefix.
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
            reason="Bedrock chooses the ids of jobs, so no statement can hold them before a run.",
            met_by="the account and Region in the statement, and creating and looking at jobs only",
        )

    def grant_run(self, role: iam.IRole) -> None:
        """Let ``role`` put questions, start a run, and read its report: what a pipeline does."""
        self.machine.grant_start(role)
        self.bucket.grant_write(role, QUESTIONS)
        self.bucket.grant_read(role, REPORTS)
        grant(role, ["states:StopExecution"], [f"{self.machine.executions_arn}:*"])


def _price(model: str) -> tuple[float, float] | None:
    facts = BedrockCatalogue.get(model)
    asked, answered = facts.usd_per_million_input_tokens, facts.usd_per_million_output_tokens
    return None if asked is None or answered is None else (asked, answered)
