"""Governed access to Amazon Bedrock: guardrails, model access, inference profiles, invocation logging."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .application_profiles import ApplicationProfiles as ApplicationProfiles
    from .enforced_guardrail import EnforcedGuardrail as EnforcedGuardrail
    from .guardrail import Guardrail as Guardrail
    from .invocation_logging import InvocationLogging as InvocationLogging
    from .model_access import ModelAccess as ModelAccess
    from .model_watch import ModelWatch as ModelWatch
    from .options import (
        DeniedTopic as DeniedTopic,
        EnforcementOptions as EnforcementOptions,
        GuardrailOptions as GuardrailOptions,
        Inference as Inference,
        InvocationLoggingOptions as InvocationLoggingOptions,
        ModelAccessOptions as ModelAccessOptions,
        ModelWatchOptions as ModelWatchOptions,
    )

__all__, __getattr__ = exports(__name__)
