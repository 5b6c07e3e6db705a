"""Layer 2: models, hosted and by the token, that are called through a guardrail only."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.bedrock import BedrockCatalogue, BedrockModel
    from ..data.jumpstart import JumpStartCatalogue, JumpStartModel
    from .guardrail import DeniedTopic, Guardrail, GuardrailPolicy
    from .idle_sweeper import IdleSweeper
    from .jumpstart_endpoint import DataCapture, JumpStartEndpoint
    from .model_access import ModelAccess
    from .working_hours import WarmHours, WorkingHours

__all__ = [
    "BedrockCatalogue",
    "BedrockModel",
    "DataCapture",
    "DeniedTopic",
    "Guardrail",
    "GuardrailPolicy",
    "IdleSweeper",
    "JumpStartCatalogue",
    "JumpStartEndpoint",
    "JumpStartModel",
    "ModelAccess",
    "WarmHours",
    "WorkingHours",
]

__getattr__ = exports(
    __name__,
    {
        "..data.bedrock": (
            "BedrockCatalogue",
            "BedrockModel",
        ),
        "..data.jumpstart": (
            "JumpStartCatalogue",
            "JumpStartModel",
        ),
        ".guardrail": (
            "DeniedTopic",
            "Guardrail",
            "GuardrailPolicy",
        ),
        ".idle_sweeper": ("IdleSweeper",),
        ".jumpstart_endpoint": (
            "DataCapture",
            "JumpStartEndpoint",
        ),
        ".model_access": ("ModelAccess",),
        ".working_hours": (
            "WarmHours",
            "WorkingHours",
        ),
    },
)
