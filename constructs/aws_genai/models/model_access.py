"""Which Bedrock models may be called, where, and through which guardrail."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from ..data.bedrock import BedrockCatalogue, check_model
from ..errors import InvalidValueError
from ..pseudo import ACCOUNT_ID, PARTITION, REGION
from ..security.role import grant
from .guardrail import Guardrail

#: What authorizes Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
INVOKE = "bedrock:InvokeModel"
#: And ConverseStream: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
INVOKE_STREAM = "bedrock:InvokeModelWithResponseStream"


class ModelAccess(Construct):
    """The foundation models and inference profiles that an application may call, only through a guardrail.

    A grant names each model in each Region. Whoever holds it can call nothing else, and nothing without the
    published version of the guardrail: the condition key ``bedrock:GuardrailIdentifier`` binds Converse and
    InvokeModel. RetrieveAndGenerate and InvokeAgent cannot be used under it, for their inner calls carry no
    guardrail. https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_iam as iam
        from aws_genai.models import Guardrail, ModelAccess
        from aws_genai.security import CostTags, DataKey, WorkloadRole, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        guardrail = Guardrail(
            stack, "Guardrail", name="assistant", key=DataKey(stack, "Key", description="Policy")
        )
        access = ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail)
        access.grant_invoke(
            WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        )
        app.synth()

    :param models: ids of foundation models or inference profiles.
    :param guardrail: what every call goes through.
    :param regions: Regions in which a model may be called; an inference profile needs all of its Regions,
        for a call that it routes to another is denied. Default: the stack's own Region.
    :raises InvalidValueError: if a model is not known, is reached through a profile only, or through a global profile.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        models: Sequence[str],
        guardrail: Guardrail,
        regions: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.guardrail = guardrail
        self.models = list(models)
        self.regions = list(regions) or [REGION]
        for model in models:
            check_model(model)

    def resources(self, models: Sequence[str] | None = None) -> list[str]:
        """The ARNs that a call to ``models`` touches. Default: all models of this access."""
        arns: list[str] = []
        for model in models if models is not None else self.models:
            if model not in self.models:
                raise InvalidValueError(f"{model} is not among the models of {self.node.path}", field="models")
            foundation = BedrockCatalogue.get(model).model_id
            if model != foundation:
                arns.append(f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:inference-profile/{model}")
            arns += [f"arn:{PARTITION}:bedrock:{region}::foundation-model/{foundation}" for region in self.regions]
        return list(dict.fromkeys(arns))

    def grant_invoke(self, role: iam.IRole, *, models: Sequence[str] | None = None, streaming: bool = False) -> None:
        """Let ``role`` call ``models`` through the guardrail, and in no other way.

        :param models: a part of this access's models. Default: all.
        :param streaming: whether answers may be streamed too. Default: no.
        """
        grant(
            role,
            [INVOKE, INVOKE_STREAM] if streaming else [INVOKE],
            self.resources(models),
            sid="GuardedModels",
            conditions={"StringEquals": {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}},
        )
        self.guardrail.grant_apply(role)
