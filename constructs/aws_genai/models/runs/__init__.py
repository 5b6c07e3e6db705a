"""Jobs that run to completion: batch inference and evaluations."""

from typing import TYPE_CHECKING

from ...lazily import exports

if TYPE_CHECKING:
    from .batch_inference import BatchInference as BatchInference
    from .evaluation import Evaluation as Evaluation
    from .job_machine import JobMachine as JobMachine
    from .options import (
        BatchInferenceOptions as BatchInferenceOptions,
        EvaluationOptions as EvaluationOptions,
        Judge as Judge,
    )

__all__, __getattr__ = exports(__name__)
