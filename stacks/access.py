"""Access to models of Amazon Bedrock through a guardrail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_genai.foundation import DataKey, Foundation, SecureBucket
from aws_genai.models import EnforcedGuardrail, Guardrail, InvocationLogging, ModelAccess
from settings.bedrock import Bedrock

from .base import LayerStack

if TYPE_CHECKING:
    from aws_genai.models import ApplicationProfiles


def model_access(stack: LayerStack, foundation: Foundation, bedrock: Bedrock) -> ModelAccess:
    """The models that may be invoked, and the guardrail of every invocation."""
    prefix, own = stack.settings.prefix, foundation
    if bedrock.enforce:
        # Every principal of the account may use this key through Bedrock, so it encrypts only the guardrail.
        own = foundation.but(
            key=DataKey(
                stack,
                "GuardrailKey",
                description=f"{prefix}: enforced guardrail",
                removal_policy=stack.removal_policy,
            )
        )
    guardrail = Guardrail(stack, "Guardrail", foundation=own, name=prefix, options=bedrock.guardrail)
    if bedrock.enforce:
        EnforcedGuardrail(stack, "Everywhere", guardrail=guardrail, options=bedrock.enforce)
    if log := bedrock.invocation_log:
        bodies = None
        if not log.mask:
            days = stack.settings.security.record_days
            bodies = SecureBucket(stack, "CallBodies", foundation=foundation, retention_days=days)
        InvocationLogging(stack, "Calls", foundation=foundation, bucket=bodies, options=log)
    return ModelAccess(stack, "Access", guardrail=guardrail, options=bedrock)


def application_profiles(
    stack: LayerStack, id: str, name: str, access: ModelAccess, models: Sequence[str]
) -> ApplicationProfiles | None:
    """Application inference profiles that attribute the costs of one application, if the settings turn them on."""
    from aws_genai.models import ApplicationProfiles

    bedrock = stack.settings.models.bedrock if stack.settings.models else None
    if bedrock is None or not bedrock.application_profiles:
        return None
    return ApplicationProfiles(stack, id, name=name, access=access, models=models)
