"""Customization of Bedrock models with signed data sets."""

from __future__ import annotations

from aws_cdk import CfnOutput, aws_iam as iam
from constructs import Construct

from ...data.customization import BASES
from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole
from ...functions.model_customization.environment import Environment
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..access.guardrail import Guardrail
from ..runs.job_machine import JobMachine
from ..training.data_sets import SignedDataSets
from .options import CUSTOMIZED_NAME, CustomizationOptions

_SERVICE = "bedrock.amazonaws.com"
#: Prefixes of the records and metrics of runs, and of the results.
_RUNS, _MODELS = "runs/", "models/"


class CustomizedModel(Construct):
    """Fine-tunes a foundation model, or distils a larger one into it, with data sets that an approver has signed.

    A run first verifies the data set as all training does: it is unchanged since it was signed, and every record is
    valid. Then a customization job trains the model. The result of the run has the ARN of the custom model, the version
    and checksum of the manifest, and who signed it. The custom model does not serve yet: that is another change, a
    :class:`ModelDeployment` with this ARN, by whoever may approve it.
    https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import CustomizationOptions, CustomizedModel, SignedDataSets

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        CustomizedModel(
            stack,
            "Support",
            foundation=foundation,
            name="demo-support",
            data_sets=SignedDataSets(stack, "DataSets", foundation=foundation),
            options=CustomizationOptions(
                base="amazon.nova-lite-v1:0", data_set="support", hyperparameters={"epochCount": 3}
            ),
        )
        app.synth()

    :param foundation: key, topic and retention.
    :param name: name of the customization: at most 63 letters, digits and hyphens.
    :param data_sets: the data sets that may be used for training.
    :param options: the model, and how it is customized.
    :param guardrail: the guardrail that is enforced on every invocation, which a teacher's responses then go through.
        Default: none.
    :param wait_seconds: number of seconds between two checks of a job. Default: 300.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        data_sets: SignedDataSets,
        options: CustomizationOptions,
        guardrail: Guardrail | None = None,
        wait_seconds: int = 300,
    ) -> None:
        super().__init__(scope, id)
        CUSTOMIZED_NAME.check(name)
        key, base, teacher = foundation.key, options.base, options.teacher
        self.name, self.data_sets = name, data_sets
        self.bucket = SecureBucket(self, "Bucket", foundation=foundation)
        trainer = self._trainer(teacher, guardrail)
        self.function = PythonFunction(
            self,
            "Steps",
            folder="model_customization",
            include=("jobs", "training_data"),
            foundation=foundation,
            environment=Environment(
                PLAN={
                    "name": name,
                    "base": BASES[base],
                    "teacher": teacher or "",
                    # The API takes them as strings.
                    "hyperparameters": {each: f"{value:g}" for each, value in sorted(options.hyperparameters.items())},
                    "rules": {
                        "method": "instruction",
                        "refuse_personal_data": options.refuse_personal_data,
                        "most_duplicates_percent": options.most_duplicates_percent,
                    },
                    "data_set": options.data_set or name,
                    "tags": dict(foundation.tags),
                },
                BUCKET=self.bucket.bucket_name,
                DATA_BUCKET=data_sets.bucket.bucket_name,
                ADMIT=data_sets.function.function_arn,
                JOB_ROLE=trainer.role_arn,
                KEY_ARN=key.key_arn,
            ),
            memory_mib=2048,
            timeout_seconds=900,
            reserved_concurrency=2,
        )
        self._allow(trainer, base, teacher, key)
        self.machine = JobMachine(
            self,
            "Runs",
            name=f"{name}-customization",
            function=self.function,
            foundation=foundation,
            wait_seconds=wait_seconds,
            hours=168,
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
                reason="A distillation invokes the teacher without a guardrail. Its responses are training data only.",
                met_by="the prompts, which an approver has signed, and the guardrail of every call of the custom model",
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
            reason="Bedrock generates the ids of jobs and of the models that they create.",
            met_by="the account and Region in the statement, and names that only the function chooses",
        )

    def grant_train(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to start runs and to read their results. The data sets must be signed by somebody else."""
        granted = self.machine.grant_start(grantee)
        self.bucket.grant_read(grantee, _MODELS)
        return granted
