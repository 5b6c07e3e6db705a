"""Models under an application's own name, so that the bill says who asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from aws_cdk import CfnTag, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.pseudo import PARTITION, REGION
from ...foundation.role import grant
from .model_access import ModelAccess, invoking, profile_arn

#: Longest name: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateInferenceProfile.html
_LONGEST = 64


class ApplicationProfiles(Construct):
    """An application inference profile for each model of one application: its tags carry the cost of every call.

    Whoever :meth:`grant_invoke` was called for reaches the models through these profiles and the guardrail only, so
    that no call goes unattributed. A profile costs nothing itself; activate its tags for cost allocation once.
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import ApplicationProfiles, Guardrail, ModelAccess
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Policy")
        access = ModelAccess(
            stack,
            "Access",
            models=["us.amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"],
            guardrail=Guardrail(stack, "Guardrail", name="assistant", key=key),
        )
        ApplicationProfiles(stack, "Support", name="support", access=access)
        app.synth()

    :param name: name of the application; names of profiles begin with it, and it is the value of the tag
        ``application``.
    :param access: the models, the Regions and the guardrail.
    :param models: a part of the access's models. Default: all.
    :raises InvalidValueError: if a model is not among those of the access.
    """

    def __init__(
        self, scope: Construct, id: str, *, name: str, access: ModelAccess, models: Sequence[str] | None = None
    ) -> None:
        super().__init__(scope, id)
        self.access = access
        #: The ARN under which each model is called.
        self.arns: dict[str, str] = {}
        #: What CloudWatch keeps the calls of each model by.
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

    def grant_invoke(self, role: iam.IRole, *, streaming: bool = False) -> None:
        """Let ``role`` call the models through these profiles and the guardrail, and in no other way.

        :param streaming: whether answers may be streamed too. Default: no.
        """
        actions, guarded = invoking(streaming=streaming), self.access.guarded
        profiles = list(self.arns.values())
        grant(role, actions, profiles, sid="ProfiledModels", conditions={"StringEquals": guarded})
        through = {**guarded, "bedrock:InferenceProfileArn": profiles}
        behind = list(dict.fromkeys(arn for model in self.arns for arn in self.access.foundation(model)))
        grant(role, actions, behind, sid="BehindProfiles", conditions={"StringEquals": through})
        self.access.guardrail.grant_apply(role)


def _name(whole: str) -> str:
    """A name that AWS takes: one that is too long ends in a digest of itself."""
    if len(whole) <= _LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST - 9].rstrip('-')}-{digest}"
