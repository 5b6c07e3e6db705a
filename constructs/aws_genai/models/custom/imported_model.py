"""A model of one's own, paid for while it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack, aws_iam as iam
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import WorkloadRole, grant
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ..access.guardrail import Guardrail
from ..access.model_access import invoking
from ..hosting.weights import Weights

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

_SERVICE = "bedrock.amazonaws.com"


class ImportedModel(Construct):
    """A model whose weights lie in S3, imported into Amazon Bedrock: no instance, paid by the minute of use.

    Before the import a function of the deployment looks at the files: safetensors and no pickle, an architecture that
    Bedrock imports, files beside the weights, and the size. The deployment then waits for up to 55 minutes, without a
    function that sleeps. Other weights, or another ``version``, are imported beside the model that serves; it goes when
    the deployment has succeeded, and stays when it is rolled back.
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ImportedModel, Weights
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ImportedModel(
            stack,
            "Assistant",
            name="demo-assistant",
            weights=Weights(uri="s3://models-of-mine/assistant/3"),
            guardrail=Guardrail(stack, "Guardrail", name="assistant", key=key),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: what the model's name begins with, 1 to 40 letters, digits and hyphens.
    :param weights: where the files of the model lie, in the format of Hugging Face.
    :param guardrail: what every call goes through.
    :param key: encrypts the imported model and the function's logs.
    :param topic: receives calls of the function that failed.
    :param version: changed to import the same files anew. Default: empty.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if the name is too long, or pickles are named: Bedrock imports none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        weights: Weights,
        guardrail: Guardrail,
        key: DataKey,
        topic: AlarmTopic,
        version: str = "",
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        if not 1 <= len(name) <= _LONGEST:
            raise InvalidValueError(f"{name} has {len(name)} characters; {_LONGEST} are the most", field="name")
        if weights.pickled:
            raise InvalidValueError("Bedrock imports safetensors only", field="pickled", hint="Convert the weights")
        self.guardrail, self._key = guardrail, key
        reader = self._reader(weights, key)
        function = provider(
            Stack.of(self),
            "ModelImport",
            "model_import",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
            include=("weights_check",),
            waits=True,
        )
        self._allow(function.role, reader, weights, key)
        self.resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        bucket, prefix = weights.place()
        for property, value in (
            ("Name", name),
            ("Bucket", bucket),
            ("Prefix", prefix),
            ("RoleArn", reader.role_arn),
            ("KeyArn", key.key_arn),
            ("Version", version),
        ):
            self.resource.add_property_override(property, value)
        self.resource.add_property_override("ServiceTimeout", 3600)
        self.resource.node.add_dependency(function.role.permissions, function.resource, reader.permissions)
        #: The model's ARN, by which it is called.
        self.model_arn: str = self.resource.get_att("Arn").to_string()

    def _reader(self, weights: Weights, key: DataKey) -> WorkloadRole:
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
        _read(role, weights)
        key.grant_encrypt_decrypt(role)
        return role

    def _allow(self, role: WorkloadRole, reader: WorkloadRole, weights: Weights, key: DataKey) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
        _read(role, weights)
        # Creating a job and listing models take no resource.
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
            reason="Bedrock chooses the ids of models and jobs, so no statement can hold them before an import.",
            met_by="the account and Region in the statement, and names that the function alone chooses",
        )

    def grant_invoke(self, role: iam.IRole, *, streaming: bool = False) -> None:
        """Let ``role`` call this model through the guardrail, and in no other way.

        It decrypts with the model's key, whatever the key of the guardrail.
        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-import-model.html

        :param streaming: whether answers may be streamed too. Default: no.
        """
        guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}}
        grant(role, invoking(streaming=streaming), [self.model_arn], conditions=guarded)
        self.guardrail.grant_apply(role)
        self._key.grant_in_bedrock(role)


#: Longest beginning of a name, for which names are made that end in 18 further characters.
_LONGEST = 40


def _read(role: WorkloadRole, weights: Weights) -> None:
    bucket, prefix = weights.place()
    arn = f"arn:{PARTITION}:s3:::{bucket}"
    role.allow(("s3:GetObject",), [f"{arn}/{prefix}*"])
    role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": [f"{prefix}*"]}})
    if weights.key_arn:
        role.allow(("kms:Decrypt",), [weights.key_arn])
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=f"Resource::arn:<AWS::Partition>:s3:::{bucket}/{prefix}*",
        reason="Names of the files of a model are chosen by who made it, so the statement ends at the prefix.",
        met_by="the prefix of this one model in the statement, and reading only",
    )
