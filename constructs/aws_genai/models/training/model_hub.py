"""The models that people of an organization may choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import CfnCustomResource, RemovalPolicy, Stack, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.jumpstart import JumpStartCatalogue
from ...errors import InvalidValueError
from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole, grant
from ...foundation.statements import deny
from ...functions.hub_models.names import PUBLIC_HUB
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ..hosting.hosted_endpoint import region_of

if TYPE_CHECKING:
    from ...foundation.network import PrivateNetwork


class ModelHub(Construct):
    """A private JumpStart hub that refers to allowed models, beside a denial of the public one.

    References cost nothing, follow the versions that AWS publishes from the least one on, and are what Studio shows. A
    role that :meth:`grant_use` was called for reads this hub and cannot read the public one, whatever else it is given.
    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-admin-guide.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import ModelHub
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        ModelHub(
            stack,
            "Hub",
            name="allowed",
            models=["huggingface-llm-mistral-7b-instruct-v3", "huggingface-sentencesimilarity-bge-m3"],
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: name of the hub, 1 to 63 letters, digits and hyphens.
    :param models: models of :class:`JumpStartCatalogue`, 1 or more.
    :param key: encrypts the function's logs.
    :param topic: receives calls of the function that failed.
    :param network: a VPC that the function runs in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the function's logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if there is no model, one stands twice, or one is not in the catalogue or the Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        models: Sequence[str],
        key: DataKey,
        topic: AlarmTopic,
        network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        region = region_of(self)
        check_models(models, region)
        self.name = name
        self.hub = sagemaker.CfnHub(
            self, "Resource", hub_name=name, hub_display_name=name, hub_description="Models that may be used here"
        )
        self.hub_arn: str = self.hub.attr_hub_arn
        function = provider(
            Stack.of(self),
            "HubModels",
            "hub_models",
            key=key,
            topic=topic,
            network=network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        place = f"arn:{PARTITION}:sagemaker:{region}"
        references = f"{place}:{ACCOUNT_ID}:hub-content/{name}/ModelReference/*"
        contents = [f"{place}:aws:hub-content/{PUBLIC_HUB}/Model/{model}" for model in models]
        # The function names a model without its version, as IAM's reference does:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
        public = [*contents, *(f"{each}/*" for each in contents)]
        function.role.allow(
            (
                "sagemaker:CreateHubContentReference",
                "sagemaker:DeleteHubContentReference",
                "sagemaker:ListHubContents",
                "sagemaker:UpdateHubContentReference",
            ),
            [self.hub_arn, references],
        )
        function.role.allow(("sagemaker:CreateHubContentReference",), public)
        function.role.allow(("sagemaker:DescribeHubContent",), [f"{place}:aws:hub/{PUBLIC_HUB}", *public])
        shown = f"Resource::arn:<AWS::Partition>:sagemaker:{region}"
        acknowledge(
            function.role.permissions,
            "AwsSolutions-IAM5",
            finding=(
                f"{shown}:<AWS::AccountId>:hub-content/{name}/ModelReference/*",
                *(f"{shown}:aws:hub-content/{PUBLIC_HUB}/Model/{model}/*" for model in models),
            ),
            reason="A reference follows the versions that AWS publishes, so each statement ends before the version.",
            met_by="the one hub, and each allowed model by its name",
        )
        resource = CfnCustomResource(self, "Models", service_token=function.function_arn)
        versions = {model: JumpStartCatalogue.get(model).version for model in sorted(models)}
        for property, value in (("Hub", name), ("Place", f"{place}:aws"), ("Models", versions)):
            resource.add_property_override(property, value)
        resource.node.add_dependency(function.role.permissions, function.resource, self.hub)

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` read this hub, and deny it the public one.

        https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-admin-guide-restrict-access.html
        """
        region = region_of(self)
        place = f"arn:{PARTITION}:sagemaker:{region}"
        content = f"{ACCOUNT_ID}:hub-content/{self.name}/*"
        grant(
            role,
            ["sagemaker:DescribeHub", "sagemaker:DescribeHubContent", "sagemaker:ListHubContents"],
            [self.hub_arn, f"{place}:{content}"],
        )
        denied = deny(
            ["sagemaker:DescribeHub", "sagemaker:DescribeHubContent", "sagemaker:ListHubContents"],
            [f"{place}:aws:hub/{PUBLIC_HUB}", f"{place}:aws:hub-content/{PUBLIC_HUB}/*"],
            principal=None,
            sid="NoPublicHub",
        )
        role.add_to_principal_policy(iam.PolicyStatement.from_json(denied))
        if isinstance(role, WorkloadRole):
            acknowledge(
                role.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>:hub-content/{self.name}/*",
                reason="The hub holds what the settings allow, and AWS publishes versions of it.",
                met_by="the one hub in the statement, and reading only",
            )


def check_models(models: Sequence[str], region: str) -> None:
    """Refuse models that a hub cannot refer to.

    :raises InvalidValueError: if there is none, one stands twice, or one is not in the catalogue or the Region.
    """
    if not models:
        raise InvalidValueError("A hub without a model lets nobody use any", field="models", hint="Name one")
    if len(set(models)) != len(models):
        raise InvalidValueError("A model is named twice", field="models", hint="Name each once")
    for model in models:
        facts = JumpStartCatalogue.get(model)
        if region not in facts.regions:
            raise InvalidValueError(f"{model} is not available in {region}", field="models")
