"""Which Bedrock models may be called, where, and through which guardrail."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, Token, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue, check_allowed, check_destinations, check_model
from ...errors import InvalidValueError
from ...foundation.organization import denials
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .guardrail import Guardrail

#: What authorizes Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
INVOKE = "bedrock:InvokeModel"
#: And ConverseStream: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
INVOKE_STREAM = "bedrock:InvokeModelWithResponseStream"
COUNT_TOKENS = "bedrock:CountTokens"


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
        from aws_genai.foundation import CostTags, DataKey, WorkloadRole
        from aws_genai.gate import attach_gate

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
    :param regions: Regions in which calls may be answered; an inference profile needs all that it routes to from the
        stack's own, for a call that it routes to another is denied. Default: those that each profile routes to. A model
        without a profile answers in the stack's own only.
    :param providers: whose models may be among them. Default: any.
    :param uses: what they may be for: chat, embedding, image, rerank, speech. Default: anything.
    :raises InvalidValueError: if a model is not known, is reached through a profile only or through a global profile,
        is absent in the stack's Region, routes to others than ``regions``, had reached its end of life when the
        catalogue was read, or is of a provider or for a use that is not allowed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        models: Sequence[str],
        guardrail: Guardrail,
        regions: Sequence[str] = (),
        providers: Sequence[str] = (),
        uses: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self.guardrail = guardrail
        self.models = list(models)
        self._regions = list(regions)
        here = Stack.of(self).region
        self._here = None if Token.is_unresolved(here) else here
        for model in models:
            check_model(model, self._here)
            check_allowed(model, providers, uses)
            if self._here:
                check_destinations(model, self._here, regions)

    def resources(self, models: Sequence[str] | None = None) -> list[str]:
        """The ARNs that a call to ``models`` touches. Default: all models of this access."""
        arns: list[str] = []
        for model in models if models is not None else self.models:
            if model != BedrockCatalogue.get(model).model_id:
                arns.append(profile_arn(model))
            arns += self.foundation(model)
        return list(dict.fromkeys(arns))

    def foundation(self, model: str) -> list[str]:
        """The ARNs of the foundation model behind ``model``, one for each Region that may answer.

        :raises InvalidValueError: if the model is not among those of this access.
        """
        if model not in self.models:
            raise InvalidValueError(f"{model} is not among the models of {self.node.path}", field="models")
        facts = BedrockCatalogue.get(model)
        routes = facts.routes.get(model, {})
        if model == facts.model_id:
            regions: Sequence[str] = (REGION,)
        elif self._here:
            regions = routes[self._here]
        else:
            # A stack for any Region: wherever the profile routes to from any.
            regions = self._regions or sorted({to for each in routes.values() for to in each})
        return [f"arn:{PARTITION}:bedrock:{region}::foundation-model/{facts.model_id}" for region in regions]

    def grant_invoke(self, role: iam.IRole, *, models: Sequence[str] | None = None, streaming: bool = False) -> None:
        """Let ``role`` call ``models`` through the guardrail, and in no other way.

        :param models: a part of this access's models. Default: all.
        :param streaming: whether answers may be streamed too. Default: no.
        """
        grant(
            role,
            invoking(streaming=streaming),
            self.resources(models),
            sid="GuardedModels",
            conditions={"StringEquals": self.guarded},
        )
        self.guardrail.grant_apply(role)

    @property
    def guarded(self) -> dict[str, str]:
        """The condition that a call goes through the guardrail."""
        return {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}

    def grant_count_tokens(self, role: iam.IRole, *, models: Sequence[str] | None = None) -> None:
        """Let ``role`` count the tokens of a question, which nothing is paid for and nothing is answered to.

        https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html

        :param models: a part of this access's models. Default: all.
        """
        arns = [arn for model in (models if models is not None else self.models) for arn in self.foundation(model)]
        grant(role, [COUNT_TOKENS], list(dict.fromkeys(arns)), sid="CountedTokens")

    def deny_others(self, role: iam.IRole) -> None:
        """Deny ``role`` every other model, and these without the guardrail, whatever else it is given.

        :mod:`aws_genai.foundation.organization` says the same for whole accounts.
        """
        for statement in denials(
            [*self.resources(), profile_arn("*", kind="application-inference-profile")],
            [
                arn
                for model in self.models
                if BedrockCatalogue.get(model).use == "chat"
                for arn in self.foundation(model)
            ],
            self.guardrail.versioned_arn,
        ):
            role.add_to_principal_policy(iam.PolicyStatement.from_json(statement))


def invoking(*, streaming: bool) -> list[str]:
    """The actions of asking a model."""
    return [INVOKE, INVOKE_STREAM] if streaming else [INVOKE]


def profile_arn(name: str, *, kind: str = "inference-profile") -> str:
    """The ARN of an inference profile of this account and Region."""
    return f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:{kind}/{name}"


def called_arn(model: str) -> str:
    """The ARN that a model is called by: its own, or that of the inference profile that names it."""
    foundation = BedrockCatalogue.get(model).model_id
    return profile_arn(model) if model != foundation else f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{model}"
