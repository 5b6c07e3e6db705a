"""Intelligent prompt routers of Amazon Bedrock."""

from __future__ import annotations

from aws_cdk import aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...foundation.naming import lasting
from ...foundation.role import grant
from ..access.model_access import ModelAccess, called_arn
from .options import ROUTER_NAME, RouterOptions


class PromptRouter(Construct):
    """A prompt router between two models of a family.

    Each request goes to the cheaper model if its response is expected to be good enough.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions, PromptRouter, RouterOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
        guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
        PromptRouter(
            stack,
            "Router",
            name="demo-router",
            access=ModelAccess(
                stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=models)
            ),
            options=RouterOptions(models=models),
        )
        app.synth()

    :param name: beginning of the router's name: 1 to 64 letters, digits, hyphens and underscores.
    :param access: the models that may be invoked; those of the router must be among them.
    :param options: the models, and how to choose between them.
    :raises InvalidValueError: if one of the models may not be invoked.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        access: ModelAccess,
        options: RouterOptions,
    ) -> None:
        super().__init__(scope, id)
        ROUTER_NAME.check(name)
        self.models, self.access = options.models, access
        arns = [called_arn(model) for model in self.models]
        for model in self.models:
            access.foundation(model)
        self.resource = bedrock.CfnIntelligentPromptRouter(
            self,
            "Resource",
            # A router cannot be updated, so a change creates another one.
            prompt_router_name=lasting(self, name, arns, options.quality_difference, longest=64),
            models=[{"modelArn": arn} for arn in arns],
            fallback_model={"modelArn": arns[0]},
            routing_criteria={"responseQualityDifference": options.quality_difference},
        )
        #: Callers use it as the id of the model.
        self.router_arn: str = self.resource.attr_prompt_router_arn

    def grant_invoke(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to invoke the router, and its models, only through the guardrail.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html
        """
        granted = grant(
            grantee, ["bedrock:InvokeModel"], [self.router_arn], conditions={"StringEquals": self.access.guarded}
        )
        self.access.grant_invoke(grantee, models=self.models)
        return granted
