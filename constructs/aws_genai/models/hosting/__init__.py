"""Open-weight models on Amazon SageMaker AI endpoints."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .approved_endpoint import ApprovedEndpoint as ApprovedEndpoint
    from .idle_sweeper import IdleSweeper as IdleSweeper
    from .jumpstart_endpoint import (
        BesideModel as BesideModel,
        JumpStartEndpoint as JumpStartEndpoint,
        ShadowModel as ShadowModel,
    )
    from .model_endpoint import ModelEndpoint as ModelEndpoint
    from .model_monitoring import DriftLimits as DriftLimits, ModelMonitoring as ModelMonitoring
    from .serving import (
        AsyncInference as AsyncInference,
        DataCapture as DataCapture,
        EndpointOptions as EndpointOptions,
    )
    from .traffic import TrafficShift as TrafficShift
    from .weights import Weights as Weights
    from .working_hours import WarmHours as WarmHours, WorkingHours as WorkingHours

__all__, __getattr__ = exports(__name__)
