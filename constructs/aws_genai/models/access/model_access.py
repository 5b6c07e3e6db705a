"""Which models of Amazon Bedrock may be invoked, in which Regions, and through which guardrail."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack, Token, aws_cloudwatch as cloudwatch, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue, check_destinations, check_model
from ...errors import InvalidValueError
from ...foundation.organization import denials
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .guardrail import Guardrail
from .options import ModelAccessOptions

#: The action that authorizes Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
INVOKE = "bedrock:InvokeModel"
#: And ConverseStream: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
INVOKE_STREAM = "bedrock:InvokeModelWithResponseStream"
COUNT_TOKENS = "bedrock:CountTokens"


class ModelAccess(Construct):
    """The foundation models and inference profiles that an application may invoke, only through a guardrail.

    A grant names each model in each Region. Its grantee can invoke no other model, and none without the published
    version of the guardrail: the condition key ``bedrock:GuardrailIdentifier`` applies to Converse and InvokeModel.
    RetrieveAndGenerate and InvokeAgent cannot be used with it, because they invoke models without a guardrail.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html

    Example::

        import aws_cdk as cdk
        from aws_cdk import aws_iam as iam
        from aws_genai.foundation import CostTags, Foundation, WorkloadRole
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
            options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
        )
        access.grant_invoke(
            WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        )
        app.synth()

    :param guardrail: the guardrail of every model invocation.
    :param options: the models, and what restricts them.
    :raises InvalidValueError: if a model is available through a profile only or through a global profile, is not
        available in the stack's Region, routes to other Regions than those allowed, or had reached its end of life
        when the catalogue was updated.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        guardrail: Guardrail,
        options: ModelAccessOptions,
    ) -> None:
        super().__init__(scope, id)
        self.guardrail = guardrail
        self.models = options.models
        self._regions = options.regions
        here = Stack.of(self).region
        self._here = None if Token.is_unresolved(here) else here
        for model in self.models:
            check_model(model, self._here)
            if self._here:
                check_destinations(model, self._here, self._regions)

    def resources(self, models: Sequence[str] | None = None) -> list[str]:
        """The ARNs that an invocation of ``models`` needs. Default: all models of this access."""
        arns: list[str] = []
        for model in models if models is not None else self.models:
            if model != BedrockCatalogue.get(model).model_id:
                arns.append(profile_arn(model))
            arns += self.foundation(model)
        return list(dict.fromkeys(arns))

    def foundation(self, model: str) -> list[str]:
        """The ARNs of the foundation model of ``model``, one for each Region that may process requests.

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
            # The stack's Region is not known: every Region that the profile routes to from any.
            regions = self._regions or sorted({to for each in routes.values() for to in each})
        return [f"arn:{PARTITION}:bedrock:{region}::foundation-model/{facts.model_id}" for region in regions]

    def grant_invoke(
        self, grantee: iam.IGrantable, *, models: Sequence[str] | None = None, streaming: bool = False
    ) -> iam.Grant:
        """Allow ``grantee`` to invoke ``models``, only through the guardrail.

        :param models: some of the models of this access. Default: all.
        :param streaming: whether responses may be streamed as well. Default: no.
        """
        granted = grant(
            grantee,
            invoking(streaming=streaming),
            self.resources(models),
            sid="GuardedModels",
            conditions={"StringEquals": self.guarded},
        )
        self.guardrail.grant_apply(grantee)
        return granted

    @property
    def guarded(self) -> dict[str, str]:
        """The condition that a request uses the guardrail."""
        return {"bedrock:GuardrailIdentifier": self.guardrail.versioned_arn}

    def grant_count_tokens(self, grantee: iam.IGrantable, *, models: Sequence[str] | None = None) -> iam.Grant:
        """Allow ``grantee`` to count the tokens of a request, which costs nothing and invokes no model.

        https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html

        :param models: some of the models of this access. Default: all.
        """
        arns = [arn for model in (models if models is not None else self.models) for arn in self.foundation(model)]
        return grant(grantee, [COUNT_TOKENS], list(dict.fromkeys(arns)), sid="CountedTokens")

    def deny_others(self, grantee: iam.IGrantable) -> None:
        """Deny ``grantee`` every other model, and these models without the guardrail, whatever else allows them.

        :mod:`aws_genai.foundation.organization` has the same for whole accounts.
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
            grantee.grant_principal.add_to_principal_policy(iam.PolicyStatement.from_json(statement))

    def metric_invocations(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of successful invocations of a model by its own id, by anybody in the account and Region.

        https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html

        :param model: id of the foundation model or inference profile.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("Invocations", model, statistic, period)

    def metric_latency(
        self, model: str, *, statistic: str = "Average", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Latency of a model, in milliseconds.

        :param model: id of the foundation model or inference profile.
        :param statistic: CloudWatch statistic. Default: Average.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("InvocationLatency", model, statistic, period)

    def metric_input_tokens(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of input tokens.

        :param model: id of the foundation model or inference profile.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("InputTokenCount", model, statistic, period)

    def metric_output_tokens(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of output tokens.

        :param model: id of the foundation model or inference profile.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("OutputTokenCount", model, statistic, period)

    def metric_throttles(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of invocations that Bedrock throttled.

        :param model: id of the foundation model or inference profile.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("InvocationThrottles", model, statistic, period)


def model_metric(name: str, model: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
    """A runtime metric of Bedrock, by the id of a model or of an application inference profile."""
    return cloudwatch.Metric(
        namespace="AWS/Bedrock",
        metric_name=name,
        dimensions_map={"ModelId": model},
        statistic=statistic,
        period=period,
    )


def invoking(*, streaming: bool) -> list[str]:
    """The actions of invoking a model."""
    return [INVOKE, INVOKE_STREAM] if streaming else [INVOKE]


def profile_arn(name: str, *, kind: str = "inference-profile") -> str:
    """The ARN of an inference profile of this account and Region."""
    return f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:{kind}/{name}"


def called_arn(model: str) -> str:
    """The ARN that a model is invoked by: that of the foundation model, or of the inference profile."""
    foundation = BedrockCatalogue.get(model).model_id
    return profile_arn(model) if model != foundation else f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{model}"
