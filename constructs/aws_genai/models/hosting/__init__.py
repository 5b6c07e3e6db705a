"""Open-weight models on Amazon SageMaker AI endpoints."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .approved_endpoint import ApprovedEndpoint as ApprovedEndpoint
    from .idle_sweeper import IdleSweeper as IdleSweeper
    from .jumpstart_endpoint import JumpStartEndpoint as JumpStartEndpoint
    from .model_endpoint import ModelEndpoint as ModelEndpoint
    from .model_monitoring import ModelMonitoring as ModelMonitoring
    from .options import (
        ApprovedEndpointOptions as ApprovedEndpointOptions,
        AsyncInference as AsyncInference,
        BesideModel as BesideModel,
        DriftLimits as DriftLimits,
        EndpointOptions as EndpointOptions,
        IdleOptions as IdleOptions,
        ServedWeights as ServedWeights,
        ShadowModel as ShadowModel,
        TrafficShift as TrafficShift,
        WarmHours as WarmHours,
        Weights as Weights,
        WorkingHours as WorkingHours,
    )

__all__, __getattr__ = exports(__name__)
