"""A model of Bedrock that learns from data sets which were signed off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, RemovalPolicy, aws_iam as iam
from constructs import Construct

from ...data.customization import BASES, Kind, check_customization
from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.guardrail import Guardrail
from ..runs.job_machine import JobMachine
from ..training.data_sets import SignedDataSets

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"
#: Where records and figures of runs lie, and what came of which data set.
_RUNS, _MODELS = "runs/", "models/"


class CustomizedModel(Construct):
    """Fine-tunes a foundation model, or distils a larger one into it, on data sets that an approver signed.

    A run has the data set admitted as every other training does: signed as it is, no file changed, no record odd. Then
    a job of Bedrock trains, and the run's result tells the model's ARN, the manifest's version and checksum, and who
    signed it. What is trained serves nobody: :class:`ModelDeployment` with that ARN is another change, by whoever may
    approve it. https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import CustomizedModel, SignedDataSets
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        logs, topic = AccessLogBucket(stack, "AccessLogs"), AlarmTopic(stack, "Alarms", key=key)
        CustomizedModel(
            stack,
            "Support",
            name="demo-support",
            data_set="support",
            base="amazon.nova-lite-v1:0",
            hyperparameters={"epochCount": 3},
            data_sets=SignedDataSets(stack, "DataSets", key=key, access_logs=logs, topic=topic),
            key=key,
            access_logs=logs,
            topic=topic,
        )
        app.synth()

    :param name: name of the customization, at most 63 letters, digits and hyphens.
    :param data_set: name of the data set that is trained on unless a run names another.
    :param base: id of the foundation model that learns.
    :param data_sets: those that may train.
    :param key: encrypts records, models and logs.
    :param access_logs: where server access logs go.
    :param topic: told when a run does not pass.
    :param kind: ``fine-tuning`` on answers, or ``distillation`` of a teacher's. Default: fine-tuning.
    :param teacher: id of the model that is learnt from, with distillation. Default: none.
    :param guardrail: what a teacher's answers are assessed by where it is enforced on every call. Default: none.
    :param hyperparameters: by Bedrock's names, such as epochCount. Default: Bedrock's own.
    :param refuse_personal_data: whether personal data stops a run. Default: no, it is counted.
    :param most_duplicates_percent: share of records that may stand twice. Default: 5.
    :param tags: tags of jobs and models, such as those that costs are kept by. Default: none.
    :param replica: keep a second copy of records and figures. Default: no.
    :param network: a VPC for the function. Default: the service's own network.
    :param wait_seconds: seconds between two looks at a job. Default: 300.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to records and logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if the base is not customized so, or a hyperparameter is out of its range.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        data_set: str,
        base: str,
        data_sets: SignedDataSets,
        key: DataKey,
        access_logs: AccessLogBucket,
        topic: AlarmTopic,
        kind: Kind = "fine-tuning",
        teacher: str | None = None,
        guardrail: Guardrail | None = None,
        hyperparameters: Mapping[str, float] | None = None,
        refuse_personal_data: bool = False,
        most_duplicates_percent: float = 5,
        tags: Mapping[str, str] | None = None,
        replica: bool = False,
        network: PrivateNetwork | None = None,
        wait_seconds: int = 300,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        given = dict(hyperparameters or {})
        check_customization(base, kind, teacher, given)
        self.name, self.data_sets = name, data_sets
        self.bucket = SecureBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
        )
        trainer = self._trainer(teacher, guardrail)
        plan = {
            "name": name,
            "base": BASES[base],
            "teacher": teacher or "",
            # Bedrock takes them as texts.
            "hyperparameters": {each: f"{value:g}" for each, value in sorted(given.items())},
            "rules": {
                "method": "instruction",
                "refuse_personal_data": refuse_personal_data,
                "most_duplicates_percent": most_duplicates_percent,
            },
            "data_set": data_set,
            "tags": dict(tags or {}),
        }
        self.function = PythonFunction(
            self,
            "Steps",
            folder="model_customization",
            include=("jobs", "training_data"),
            key=key,
            topic=topic,
            environment={
                "PLAN": json.dumps(plan),
                "BUCKET": self.bucket.bucket_name,
                "DATA_BUCKET": data_sets.bucket.bucket_name,
                "ADMIT": data_sets.function.function_arn,
                "JOB_ROLE": trainer.role_arn,
                "KEY_ARN": key.key_arn,
            },
            memory_mib=2048,
            timeout_seconds=900,
            reserved_concurrency=2,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        self._allow(trainer, base, teacher, key)
        self.machine = JobMachine(
            self,
            "Runs",
            name=f"{name}-customization",
            function=self.function,
            key=key,
            topic=topic,
            wait_seconds=wait_seconds,
            hours=168,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        CfnOutput(self, "MachineArn", value=self.machine.machine_arn, description=f"Runs of the customization {name}")

    def _trainer(self, teacher: str | None, guardrail: Guardrail | None) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-iam-role.html"""
        jobs = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:model-customization-job/*"
        role = WorkloadRole(
            self,
            "Trainer",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}, "ArnEquals": {"aws:SourceArn": jobs}},
            ),
            description=f"Bedrock trains {self.name}",
        )
        self.bucket.grant_read(role, _RUNS)
        self.bucket.grant_write(role, _RUNS)
        if teacher:
            role.allow(("bedrock:InvokeModel",), [f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{teacher}"])
            acknowledge(
                role.permissions,
                "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
                reason="A distillation calls the teacher without a guardrail; its answers train and reach no user.",
                met_by="the questions, which an approver signed, and the guardrail on every call of the trained model",
            )
        if guardrail:
            guardrail.grant_if_enforced(role)
        return role

    def _allow(self, trainer: WorkloadRole, base: str, teacher: str | None, key: DataKey) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
        role = self.function.role
        self.data_sets.bucket.grant_read(role, "verified/")
        self.bucket.grant_write(role, _RUNS, _MODELS)
        role.allow(("lambda:InvokeFunction",), [self.data_sets.function.function_arn])
        here = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}"
        models = [
            f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{each}" for each in (BASES[base], teacher) if each
        ]
        made = [f"{here}:custom-model/*", f"{here}:model-customization-job/*"]
        role.allow(("bedrock:CreateModelCustomizationJob", "bedrock:TagResource"), [*models, *made])
        role.allow(("bedrock:GetModelCustomizationJob",), [made[1]])
        role.allow(
            ("iam:PassRole",), [trainer.role_arn], conditions={"StringEquals": {"iam:PassedToService": _SERVICE}}
        )
        key.grant_in_bedrock(role, ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))
        shown = "Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(f"{shown}:custom-model/*", f"{shown}:model-customization-job/*"),
            reason="Bedrock chooses the ids of jobs and of the models that they make.",
            met_by="the account and Region in the statement, and names that the function alone chooses",
        )

    def grant_train(self, role: iam.IRole) -> None:
        """Let ``role`` start runs and look at them; the data sets that it names have to be signed by another."""
        self.machine.grant_start(role)
        self.bucket.grant_read(role, _MODELS)
