"""Settings of fine-tuning: what is trained, on which of the signed data sets."""

from __future__ import annotations

from aws_genai.models.training.options import DataSetOptions, FineTuningOptions
from aws_genai.options import Name

from .customized import Customized


class FineTuningSettings(DataSetOptions):
    """Models that are fine-tuned on signed data sets."""

    pipelines: dict[Name, FineTuningOptions] = {}
    """JumpStart models that a pipeline fine-tunes, by the name of their data set."""

    customized: dict[Name, Customized] = {}
    """Models of Amazon Bedrock that are customized with the same data sets, by name."""
