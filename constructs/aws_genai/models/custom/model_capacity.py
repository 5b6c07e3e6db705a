"""Deployments of custom models of Amazon Bedrock: on demand, or with provisioned throughput."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnCustomResource, Stack, aws_iam as iam
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.key import via
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ...packaging.python_function import PythonFunction
from ..access.guardrail import Guardrail
from ..access.model_access import invoking
from .options import CAPACITY_NAME, DeploymentOptions, ProvisionedThroughputOptions


class _Capacity(Construct):
    """What both have in common: a custom resource that waits by schedules, and grants that require the guardrail."""

    def __init__(self, scope: Construct, id: str, *, guardrail: Guardrail) -> None:
        super().__init__(scope, id)
        self.guardrail = guardrail
        self.arn = ""
        self._key_arn: str | None = None

    def _make(
        self,
        properties: Mapping[str, str],
        *,
        foundation: Foundation,
        model_key_arn: str | None,
    ) -> PythonFunction:
        function = provider(Stack.of(self), "ModelCapacity", "model_capacity", foundation=foundation, waits=True)
        if ":custom-model/" in properties["Model"]:
            self._key_arn = model_key_arn or foundation.key.key_arn
            if not model_key_arn:
                foundation.key.allow_in_bedrock()
            self._grant_decrypt(function.role)
        resource = CfnCustomResource(self, "Resource", service_token=function.function_arn)
        for name, value in properties.items():
            resource.add_property_override(name, value)
        resource.add_property_override("Tags", dict(foundation.tags))
        resource.add_property_override("ServiceTimeout", 3600)
        resource.node.add_dependency(function.role.permissions, function.resource)
        #: Callers use it as the id of the model.
        self.arn = resource.get_att("Arn").to_string()
        return function

    def grant_invoke(self, grantee: iam.IGrantable, *, streaming: bool = False) -> iam.Grant:
        """Allow ``grantee`` to invoke this model, only through the guardrail.

        :param streaming: whether responses may be streamed as well. Default: no.
        """
        guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}}
        granted = grant(grantee, invoking(streaming=streaming), [self.arn], conditions=guarded)
        self.guardrail.grant_apply(grantee)
        self._grant_decrypt(grantee)
        return granted

    def _grant_decrypt(self, grantee: iam.IGrantable) -> None:
        """Whoever uses a custom model needs to decrypt with the model's key.

        https://docs.aws.amazon.com/bedrock/latest/userguide/encryption-custom-job.html
        """
        if self._key_arn:
            grant(grantee, ["kms:Decrypt"], [self._key_arn], conditions=via("bedrock"))


class ModelDeployment(_Capacity):
    """An on-demand deployment of a custom model: billed by the token, and free while it is idle.

    Another model is deployed first; the previous deployment is deleted after the stack deployment has succeeded, and
    remains after a rollback.
    https://docs.aws.amazon.com/bedrock/latest/userguide/deploy-custom-model-on-demand.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import DeploymentOptions, Guardrail, ModelDeployment

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        ModelDeployment(
            stack,
            "Support",
            foundation=foundation,
            name="demo-support",
            guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
            options=DeploymentOptions(
                model="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl"
            ),
        )
        app.synth()

    :param foundation: the default key of a custom model.
    :param name: beginning of the deployment's name: 1 to 54 letters, digits and hyphens.
    :param guardrail: the guardrail of every invocation.
    :param options: the custom model.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        guardrail: Guardrail,
        options: DeploymentOptions,
    ) -> None:
        super().__init__(scope, id, guardrail=guardrail)
        CAPACITY_NAME.check(name)
        model = options.model
        function = self._make({"Name": name, "Model": model}, foundation=foundation, model_key_arn=options.key_arn)
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
        deployments = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:custom-model-deployment/*"
        function.role.allow(("bedrock:CreateCustomModelDeployment", "bedrock:TagResource"), [model, deployments])
        function.role.allow(("bedrock:DeleteCustomModelDeployment", "bedrock:GetCustomModelDeployment"), [deployments])
        _accept(function, "custom-model-deployment")


class ProvisionedThroughput(_Capacity):
    """Model units of Bedrock that are billed by the hour, whether they are used or not.

    AWS quotes the hourly price for the model and the commitment term; it is an option here, so that the summary of a
    synthesis shows the cost. https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ProvisionedThroughput, ProvisionedThroughputOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        ProvisionedThroughput(
            stack,
            "Peak",
            foundation=foundation,
            name="demo-peak",
            guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
            options=ProvisionedThroughputOptions(
                model="arn:aws:bedrock:us-east-1:111122223333:custom-model/amazon.nova-lite-v1:0:300k/abcdefghijkl",
                units=1,
                usd_per_hour=50,
            ),
        )
        app.synth()

    :param foundation: the default key of a custom model.
    :param name: beginning of the throughput's name: 1 to 54 letters, digits and hyphens.
    :param guardrail: the guardrail of every invocation.
    :param options: the model, its units and their price.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        guardrail: Guardrail,
        options: ProvisionedThroughputOptions,
    ) -> None:
        super().__init__(scope, id, guardrail=guardrail)
        CAPACITY_NAME.check(name)
        function = self._make(
            {
                "Name": name,
                "Model": options.model,
                "Units": str(options.units),
                **({"Commitment": options.commitment} if options.commitment else {}),
                "UsdPerUnitHour": f"{options.usd_per_hour:g}",
            },
            foundation=foundation,
            model_key_arn=options.key_arn,
        )
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
        provisioned = f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:provisioned-model/*"
        function.role.allow(
            ("bedrock:CreateProvisionedModelThroughput", "bedrock:TagResource"), [options.model, provisioned]
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
        reason="Bedrock generates the ids of deployments, so they are not known before.",
        met_by="the account and Region in the statement, and names that only the function chooses",
    )
