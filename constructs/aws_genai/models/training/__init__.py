"""Fine-tuning on Amazon SageMaker AI: signed data sets, pipelines, experiments, Studio and the model hub."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .data_sets import SignedDataSets as SignedDataSets
    from .experiments import Experiments as Experiments
    from .fine_tuning import FineTuning as FineTuning
    from .model_hub import ModelHub as ModelHub
    from .options import (
        DataSetOptions as DataSetOptions,
        FineTuningOptions as FineTuningOptions,
        HubOptions as HubOptions,
        StudioOptions as StudioOptions,
    )
    from .studio import Studio as Studio

__all__, __getattr__ = exports(__name__)
