"""Models of your own that Amazon Bedrock serves."""

from __future__ import annotations

from aws_cdk import CfnCustomResource, Stack, aws_iam as iam
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ..access.guardrail import Guardrail
from ..access.model_access import invoking
from ..hosting.options import ModelFiles
from .options import IMPORTED_NAME, ImportedModelOptions

_SERVICE = "bedrock.amazonaws.com"


class ImportedModel(Construct):
    """A model in S3 that is imported into Amazon Bedrock: it needs no instance, and is billed while it is in use.

    Before the import, a function checks the files: safetensors and no pickle, an architecture that Bedrock supports,
    the configuration and the tokenizer, and the size. The deployment then waits for up to 55 minutes, without a running
    function. Changed files, or another ``version``, are imported as a new model; the previous one is deleted after the
    deployment has succeeded, and remains after a rollback.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ImportedModel, ImportedModelOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        ImportedModel(
            stack,
            "Assistant",
            foundation=foundation,
            name="demo-assistant",
            guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
            options=ImportedModelOptions(uri="s3://models-of-mine/assistant/3"),
        )
        app.synth()

    :param foundation: the key that encrypts the imported model.
    :param name: beginning of the model's name: 1 to 40 letters, digits and hyphens.
    :param guardrail: the guardrail of every invocation.
    :param options: the files of the model in the Hugging Face format.
    :raises InvalidValueError: if the name is too long.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        guardrail: Guardrail,
        options: ImportedModelOptions,
    ) -> None:
        super().__init__(scope, id)
        IMPORTED_NAME.check(name)
        key = foundation.key
        self.guardrail, self._key = guardrail, key
        reader = self._reader(options, key)
        function = provider(
            Stack.of(self),
            "ModelImport",
            "model_import",
            foundation=foundation,
            include=("weights_check",),
            waits=True,
        )
        self._allow(function.role, reader, options, key)
        self.resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        bucket, prefix = options.place()
        for property, value in (
            ("Name", name),
            ("Bucket", bucket),
            ("Prefix", prefix),
            ("RoleArn", reader.role_arn),
            ("KeyArn", key.key_arn),
            ("Version", options.version),
        ):
            self.resource.add_property_override(property, value)
        self.resource.add_property_override("ServiceTimeout", 3600)
        self.resource.node.add_dependency(function.role.permissions, function.resource, reader.permissions)
        #: ARN of the model, which callers use as the id of the model.
        self.model_arn: str = self.resource.get_att("Arn").to_string()

    def _reader(self, files: ModelFiles, key: DataKey) -> WorkloadRole:
        """https://docs.aws.amazon.com/bedrock/latest/userguide/model-import-iam-role.html"""
        role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                _SERVICE,
                conditions={
                    "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
                    "ArnLike": {"aws:SourceArn": f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:model-import-job/*"},
                },
            ),
            description="Bedrock imports a model",
        )
        _read(role, files)
        key.grant_encrypt_decrypt(role)
        return role

    def _allow(self, role: WorkloadRole, reader: WorkloadRole, files: ModelFiles, key: DataKey) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
        _read(role, files)
        # These actions have no resource.
        role.allow(("bedrock:CreateModelImportJob", "bedrock:ListImportedModels"), ["*"])
        here = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}"
        role.allow(
            ("bedrock:DeleteImportedModel", "bedrock:GetImportedModel", "bedrock:GetModelImportJob"),
            [f"{here}:imported-model/*", f"{here}:model-import-job/*"],
        )
        passed = {"StringEquals": {"iam:PassedToService": _SERVICE}}
        role.allow(("iam:PassRole",), [reader.role_arn], conditions=passed)
        key.grant_in_bedrock(role, ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"))
        shown = "Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>"
        acknowledge(
            role.permissions,
            "AwsSolutions-IAM5",
            finding=(f"{shown}:imported-model/*", f"{shown}:model-import-job/*"),
            reason="Bedrock generates the ids of models and jobs, so they are not known before an import.",
            met_by="the account and Region in the statement, and names that only the function chooses",
        )

    def grant_invoke(self, grantee: iam.IGrantable, *, streaming: bool = False) -> iam.Grant:
        """Allow ``grantee`` to invoke this model, only through the guardrail.

        This includes decrypting with the model's key.
        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-import-model.html

        :param streaming: whether responses may be streamed as well. Default: no.
        """
        guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}}
        granted = grant(grantee, invoking(streaming=streaming), [self.model_arn], conditions=guarded)
        self.guardrail.grant_apply(grantee)
        self._key.grant_in_bedrock(grantee)
        return granted


def _read(role: WorkloadRole, files: ModelFiles) -> None:
    bucket, prefix = files.place()
    arn = f"arn:{PARTITION}:s3:::{bucket}"
    role.allow(("s3:GetObject",), [f"{arn}/{prefix}*"])
    role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}})
    if files.key_arn:
        role.allow(("kms:Decrypt",), [files.key_arn])
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=f"Resource::arn:<AWS::Partition>:s3:::{bucket}/{prefix}*",
        reason="The names of the files of a model are not known, so the statement is for their prefix.",
        met_by="the prefix of this one model in the statement, and read access only",
    )
