"""One id for a large model and a small one."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...foundation.naming import lasting
from ...foundation.role import grant
from ..access.model_access import ModelAccess, called_arn
from .prompt_rules import check_router


class PromptRouter(Construct):
    """One id for two models of a family: each question goes to the cheaper one that is expected to be good enough.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ModelAccess, PromptRouter
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
        guardrail = Guardrail(
            stack, "Guardrail", name="one", key=DataKey(stack, "Key", description="Policy")
        )
        PromptRouter(
            stack,
            "Router",
            name="demo-router",
            models=models,
            access=ModelAccess(stack, "Access", models=models, guardrail=guardrail),
        )
        app.synth()

    :param name: what the router's name begins with, 1 to 64 letters, digits, hyphens and underscores.
    :param models: ids of two models of one family; the first is the one to fall back to.
    :param access: lets them be called.
    :param quality_difference: the difference of the expected qualities, in percent, that decides. Default: 10.
    :raises InvalidValueError: if they are not two models of one family that Bedrock routes between, or the percentage
        is out of range.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        models: Sequence[str],
        access: ModelAccess,
        quality_difference: int = 10,
    ) -> None:
        super().__init__(scope, id)
        check_router(models, quality_difference)
        self.models, self.access = list(models), access
        arns = [called_arn(model) for model in models]
        for model in models:
            access.foundation(model)
        self.resource = bedrock.CfnIntelligentPromptRouter(
            self,
            "Resource",
            # Nothing of a router can be changed.
            prompt_router_name=lasting(self, name, arns, quality_difference, longest=64),
            models=[{"modelArn": arn} for arn in arns],
            fallback_model={"modelArn": arns[0]},
            routing_criteria={"responseQualityDifference": quality_difference},
        )
        #: What callers name as the model's id.
        self.router_arn: str = self.resource.attr_prompt_router_arn

    def grant_invoke(self, role: iam.IRole) -> None:
        """Let ``role`` ask the router, through the guardrail.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-routing.html
        """
        grant(role, ["bedrock:InvokeModel"], [self.router_arn], conditions={"StringEquals": self.access.guarded})
        self.access.grant_invoke(role, models=self.models)
