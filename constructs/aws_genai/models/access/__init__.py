"""Governed access to Amazon Bedrock: guardrails, model access, inference profiles, invocation logging."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .application_profiles import ApplicationProfiles as ApplicationProfiles
    from .enforced_guardrail import EnforcedGuardrail as EnforcedGuardrail
    from .guardrail import Guardrail as Guardrail
    from .guardrail_policy import DeniedTopic as DeniedTopic, GuardrailPolicy as GuardrailPolicy
    from .inference import Inference as Inference
    from .invocation_logging import InvocationLogging as InvocationLogging
    from .model_access import ModelAccess as ModelAccess
    from .model_watch import ModelWatch as ModelWatch

__all__, __getattr__ = exports(__name__)
