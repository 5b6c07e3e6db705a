"""Capacity for models of Amazon Bedrock: by the token, or by the hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack, aws_iam as iam
from constructs import Construct

from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey, via
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ...packaging.python_function import PythonFunction
from ..access.guardrail import Guardrail
from ..access.model_access import invoking

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork

Commitment = Literal["OneMonth", "SixMonths"]


class _Capacity(Construct):
    """What both kinds share: a custom resource, waited for by schedules, and calls through a guardrail only."""

    def __init__(self, scope: Construct, id: str, *, guardrail: Guardrail) -> None:
        super().__init__(scope, id)
        self.guardrail = guardrail
        self.arn = ""
        self._key_arn: str | None = None

    def _make(
        self,
        properties: Mapping[str, str],
        tags: Mapping[str, str],
        *,
        key: DataKey,
        model_key_arn: str | None,
        topic: AlarmTopic,
        network: PrivateNetwork | None,
        log_days: int,
        removal_policy: RemovalPolicy,
    ) -> PythonFunction:
        function = provider(
            Stack.of(self),
            "ModelCapacity",
            "model_capacity",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
            waits=True,
        )
        if ":custom-model/" in properties["Model"]:
            self._key_arn = model_key_arn or key.key_arn
            if not model_key_arn:
                key.allow_in_bedrock()
            self._grant_decrypt(function.role)
        resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        for name, value in properties.items():
            resource.add_property_override(name, value)
        resource.add_property_override("Tags", dict(tags))
        resource.add_property_override("ServiceTimeout", 3600)
        resource.node.add_dependency(function.role.permissions, function.resource)
        #: What callers name as the model's id.
        self.arn = resource.get_att("Arn").to_string()
        return function

    def grant_invoke(self, role: iam.IRole, *, streaming: bool = False) -> None:
        """Let ``role`` call this model through the guardrail, and in no other way.

        :param streaming: whether answers may be streamed too. Default: no.
        """
        guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}}
        grant(role, invoking(streaming=streaming), [self.arn], conditions=guarded)
        self.guardrail.grant_apply(role)
        self._grant_decrypt(role)

    def _grant_decrypt(self, role: iam.IRole) -> None:
        """Whoever uses a custom model decrypts with its key, whatever the key of the guardrail.

        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-custom-job.html
        """
        if self._key_arn:
            grant(role, ["kms:Decrypt"], [self._key_arn], conditions=via("bedrock"))


class ModelDeployment(_Capacity):
    """A custom model of Bedrock that is deployed on demand: paid by the token, nothing while nobody asks.

    Another model is deployed beside the one that serves; that goes once the deployment has succeeded, and serves on
    when it is rolled back. https://docs.aws.amazon.com/bedrock/latest/userguide/deploy-custom-model-on-demand.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ModelDeployment
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ModelDeployment(
            stack,
            "Support",
            name="demo-support",
            model_arn="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
            guardrail=Guardrail(stack, "Guardrail", name="one", key=key),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: what the deployment's name begins with, 1 to 54 letters, digits and hyphens.
    :param model_arn: ARN of the custom model.
    :param guardrail: what every call goes through.
    :param key: encrypts the function's logs.
    :param topic: receives calls of the function that failed.
    :param model_key_arn: ARN of the key that encrypts a custom model; its policy must let callers decrypt through
        Bedrock. Default: that of ``key``.
    :param tags: tags of the deployment, such as those that costs are kept by. Default: none.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        model_arn: str,
        guardrail: Guardrail,
        key: DataKey,
        topic: AlarmTopic,
        model_key_arn: str | None = None,
        tags: Mapping[str, str] | None = None,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id, guardrail=guardrail)
        function = self._make(
            {"Name": name, "Model": model_arn},
            tags or {},
            key=key,
            model_key_arn=model_key_arn,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
        deployments = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:custom-model-deployment/*"
        function.role.allow(("bedrock:CreateCustomModelDeployment", "bedrock:TagResource"), [model_arn, deployments])
        function.role.allow(("bedrock:DeleteCustomModelDeployment", "bedrock:GetCustomModelDeployment"), [deployments])
        _accept(function, "custom-model-deployment")


class ProvisionedThroughput(_Capacity):
    """Model units of Bedrock that are paid by the hour, asked or not, and for a month or six if so committed.

    Its hourly price differs by model and term and is asked of AWS; it is named here, so that the summary of a
    synthesis shows what it costs. https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ProvisionedThroughput
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ProvisionedThroughput(
            stack,
            "Peak",
            name="demo-peak",
            model_arn="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
            units=1,
            usd_per_hour=50,
            guardrail=Guardrail(stack, "Guardrail", name="one", key=key),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: what the throughput's name begins with, 1 to 54 letters, digits and hyphens.
    :param model_arn: ARN of the foundation model or custom model.
    :param units: model units, 1 or more.
    :param usd_per_hour: dollars of one unit in an hour, as AWS quotes them for the model and the term.
    :param guardrail: what every call goes through.
    :param key: encrypts the function's logs.
    :param topic: receives calls of the function that failed.
    :param model_key_arn: ARN of the key that encrypts a custom model; its policy must let callers decrypt through
        Bedrock. Default: that of ``key``.
    :param commitment: OneMonth or SixMonths, within which it cannot be given back. Default: none, given back any time.
    :param tags: tags of the throughput, such as those that costs are kept by. Default: none.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is no unit, or no price.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        model_arn: str,
        units: int,
        usd_per_hour: float,
        guardrail: Guardrail,
        key: DataKey,
        topic: AlarmTopic,
        model_key_arn: str | None = None,
        commitment: Commitment | None = None,
        tags: Mapping[str, str] | None = None,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id, guardrail=guardrail)
        if units < 1:
            raise InvalidValueError(f"{units} units give no throughput", field="units")
        if usd_per_hour <= 0:
            raise InvalidValueError("Throughput is not free", field="usd_per_hour", hint="Ask AWS for the price")
        function = self._make(
            {
                "Name": name,
                "Model": model_arn,
                "Units": str(units),
                **({"Commitment": commitment} if commitment else {}),
                "UsdPerUnitHour": f"{usd_per_hour:g}",
            },
            tags or {},
            key=key,
            model_key_arn=model_key_arn,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
        provisioned = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:provisioned-model/*"
        function.role.allow(
            ("bedrock:CreateProvisionedModelThroughput", "bedrock:TagResource"), [model_arn, provisioned]
        )
        function.role.allow(
            ("bedrock:DeleteProvisionedModelThroughput", "bedrock:GetProvisionedModelThroughput"), [provisioned]
        )
        _accept(function, "provisioned-model")


def _accept(function: PythonFunction, kind: str) -> None:
    acknowledge(
        function.role.permissions,
        "AwsSolutions-IAM5",
        finding=f"Resource::arn:<AWS::Partition>:bedrock:<AWS::Region>:<AWS::AccountId>:{kind}/*",
        reason="Bedrock chooses the ids of capacity, so no statement can hold them before it is made.",
        met_by="the account and Region in the statement, and names that the function alone chooses",
    )
