"""The models that the users of a Studio may choose from."""

from __future__ import annotations

from aws_cdk import CfnCustomResource, Stack, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.jumpstart import JumpStartCatalogue
from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole, grant
from ...foundation.statements import deny
from ...functions.hub_models.names import PUBLIC_HUB
from ...gate.acknowledgement import acknowledge
from ...packaging.provider import provider
from ..hosting.hosted_endpoint import region_of
from .options import HUB_NAME, HubOptions


class ModelHub(Construct):
    """A private JumpStart hub that refers to allowed models, and a denial of the public hub.

    References cost nothing, follow the versions that AWS publishes, starting with the one of the catalogue, and are
    what Studio shows. A role that was passed to :meth:`grant_use` reads this hub and cannot read the public one, even
    if other policies allow it.
    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-admin-guide.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import HubOptions, ModelHub

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        ModelHub(
            stack,
            "Hub",
            foundation=Foundation(stack),
            name="allowed",
            options=HubOptions(
                models=["huggingface-llm-mistral-7b-instruct-v3", "huggingface-sentencesimilarity-bge-m3"]
            ),
        )
        app.synth()

    :param foundation: key, topic and network of the function that writes the references.
    :param name: name of the hub, 1 to 63 letters, digits and hyphens.
    :param options: the allowed models, 1 or more.
    :raises InvalidValueError: if there is no model, or one is not available in the Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: HubOptions,
    ) -> None:
        super().__init__(scope, id)
        HUB_NAME.check(name)
        region, models = region_of(self), options.models
        if not models:
            raise InvalidValueError(
                "A hub without models lets its users use none", field="models", hint="Name at least one model"
            )
        options.check_region(region)
        self.name = name
        self.hub = sagemaker.CfnHub(
            self, "Resource", hub_name=name, hub_display_name=name, hub_description="Models that may be used here"
        )
        self.hub_arn: str = self.hub.attr_hub_arn
        function = provider(Stack.of(self), "HubModels", "hub_models", foundation=foundation)
        place = f"arn:{PARTITION}:sagemaker:{region}"
        references = f"{place}:{ACCOUNT_ID}:hub-content/{name}/ModelReference/*"
        contents = [f"{place}:aws:hub-content/{PUBLIC_HUB}/Model/{model}" for model in models]
        # The function passes the ARN of a model without its version, which is the form of IAM's reference:
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

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` read this hub, and deny it the public one.

        https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-admin-guide-restrict-access.html
        """
        region = region_of(self)
        place = f"arn:{PARTITION}:sagemaker:{region}"
        content = f"{ACCOUNT_ID}:hub-content/{self.name}/*"
        granted = grant(
            grantee,
            ["sagemaker:DescribeHub", "sagemaker:DescribeHubContent", "sagemaker:ListHubContents"],
            [self.hub_arn, f"{place}:{content}"],
        )
        denied = deny(
            ["sagemaker:DescribeHub", "sagemaker:DescribeHubContent", "sagemaker:ListHubContents"],
            [f"{place}:aws:hub/{PUBLIC_HUB}", f"{place}:aws:hub-content/{PUBLIC_HUB}/*"],
            principal=None,
            sid="NoPublicHub",
        )
        grantee.grant_principal.add_to_principal_policy(iam.PolicyStatement.from_json(denied))
        if isinstance(grantee, WorkloadRole):
            acknowledge(
                grantee.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::arn:<AWS::Partition>:sagemaker:{region}:<AWS::AccountId>:hub-content/{self.name}/*",
                reason="The hub holds the allowed models only, and AWS publishes new versions of them.",
                met_by="the one hub in the statement, and reading only",
            )
        return granted
