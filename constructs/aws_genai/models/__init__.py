"""Layer 2: models, hosted and by the token, that are called through a guardrail only."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.bedrock import BedrockCatalogue, BedrockModel
    from ..data.jumpstart import JumpStartCatalogue, JumpStartModel
    from .guardrail import DeniedTopic, Guardrail, GuardrailPolicy
    from .idle_sweeper import IdleSweeper
    from .jumpstart_endpoint import BesideModel, JumpStartEndpoint, ShadowModel
    from .model_access import ModelAccess
    from .model_endpoint import ModelEndpoint
    from .serving import AsyncInference, DataCapture, EndpointOptions
    from .traffic import TrafficShift
    from .weights import Weights
    from .working_hours import WarmHours, WorkingHours

__all__ = [
    "AsyncInference",
    "BedrockCatalogue",
    "BedrockModel",
    "BesideModel",
    "DataCapture",
    "DeniedTopic",
    "EndpointOptions",
    "Guardrail",
    "GuardrailPolicy",
    "IdleSweeper",
    "JumpStartCatalogue",
    "JumpStartEndpoint",
    "JumpStartModel",
    "ModelAccess",
    "ModelEndpoint",
    "ShadowModel",
    "TrafficShift",
    "WarmHours",
    "Weights",
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
            "BesideModel",
            "JumpStartEndpoint",
            "ShadowModel",
        ),
        ".model_access": ("ModelAccess",),
        ".model_endpoint": ("ModelEndpoint",),
        ".serving": (
            "AsyncInference",
            "DataCapture",
            "EndpointOptions",
        ),
        ".traffic": ("TrafficShift",),
        ".weights": ("Weights",),
        ".working_hours": (
            "WarmHours",
            "WorkingHours",
        ),
    },
)
