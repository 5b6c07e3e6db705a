"""Application inference profiles, which attribute the cost of models to an application."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from aws_cdk import CfnTag, Duration, aws_bedrock as bedrock, aws_cloudwatch as cloudwatch, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.pseudo import PARTITION, REGION
from ...foundation.role import grant
from .model_access import ModelAccess, invoking, model_metric, profile_arn

#: Maximum length of a name: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html
_LONGEST = 64


class ApplicationProfiles(Construct):
    """An application inference profile for each model of an application: its tags attribute the cost of invocations.

    A grantee of :meth:`grant_invoke` can invoke the models only through these profiles and the guardrail, so that every
    invocation is attributed. Profiles are free of charge; activate their tags as cost allocation tags once.
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import ApplicationProfiles, Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
            options=ModelAccessOptions(models=["us.amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"]),
        )
        ApplicationProfiles(stack, "Support", name="support", access=access)
        app.synth()

    :param name: name of the application. Names of profiles begin with it, and the tag ``application`` has it as value.
    :param access: the models, the Regions and the guardrail.
    :param models: some of the models of the access. Default: all.
    :raises InvalidValueError: if a model is not among those of the access.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, access: ModelAccess, models: Sequence[str] | None = None
    ) -> None:
        super().__init__(scope, id)
        self.access = access
        #: The ARN that each model is invoked by.
        self.arns: dict[str, str] = {}
        #: The profile id of each model, which is its dimension in CloudWatch.
        self.ids: dict[str, str] = {}
        for model in models if models is not None else access.models:
            self._profile(name, model)

    def _profile(self, name: str, model: str) -> None:
        foundation = BedrockCatalogue.get(model).model_id
        self.access.foundation(model)
        own = model.replace(".", "-").replace(":", "-")
        here = f"arn:{PARTITION}:bedrock:{REGION}::foundation-model/{foundation}"
        made = bedrock.CfnApplicationInferenceProfile(
            self,
            own,
            inference_profile_name=_name(f"{name}-{own}"),
            description=f"Calls of {name}",
            model_source=bedrock.CfnApplicationInferenceProfile.InferenceProfileModelSourceProperty(
                copy_from=here if model == foundation else profile_arn(model)
            ),
            tags=[CfnTag(key="application", value=name)],
        )
        self.arns[model] = made.attr_inference_profile_arn
        self.ids[model] = made.attr_inference_profile_id

    def grant_invoke(self, grantee: iam.IGrantable, *, streaming: bool = False) -> iam.Grant:
        """Allow ``grantee`` to invoke the models, only through these profiles and the guardrail.

        :param streaming: whether responses may be streamed as well. Default: no.
        """
        actions, guarded = invoking(streaming=streaming), self.access.guarded
        profiles = list(self.arns.values())
        granted = grant(grantee, actions, profiles, sid="ProfiledModels", conditions={"StringEquals": guarded})
        through = {**guarded, "bedrock:InferenceProfileArn": profiles}
        behind = list(dict.fromkeys(arn for model in self.arns for arn in self.access.foundation(model)))
        grant(grantee, actions, behind, sid="BehindProfiles", conditions={"StringEquals": through})
        self.access.guardrail.grant_apply(grantee)
        return granted

    def metric_invocations(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of successful invocations of a model through its profile.

        https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html

        :param model: id of the model.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("Invocations", self.ids[model], statistic, period)

    def metric_latency(
        self, model: str, *, statistic: str = "Average", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Latency of a model through its profile, in milliseconds.

        :param model: id of the model.
        :param statistic: CloudWatch statistic. Default: Average.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("InvocationLatency", self.ids[model], statistic, period)

    def metric_input_tokens(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of input tokens of a model through its profile.

        :param model: id of the model.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("InputTokenCount", self.ids[model], statistic, period)

    def metric_output_tokens(
        self, model: str, *, statistic: str = "Sum", period: Duration | None = None
    ) -> cloudwatch.Metric:
        """Number of output tokens of a model through its profile.

        :param model: id of the model.
        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return model_metric("OutputTokenCount", self.ids[model], statistic, period)


def _name(whole: str) -> str:
    """The name; one that is too long for AWS ends in a digest of the whole."""
    if len(whole) <= _LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST - 9].rstrip('-')}-{digest}"
