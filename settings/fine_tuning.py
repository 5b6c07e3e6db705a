"""Settings of fine-tuning: the models, and the signed data sets that they are trained on."""

from __future__ import annotations

from aws_genai.models.training.options import DataSetOptions, FineTuningOptions
from aws_genai.options import Name

from .customized import Customized


class FineTuningSettings(DataSetOptions):
    """Models that are fine-tuned on signed data sets."""

    pipelines: dict[Name, FineTuningOptions] = {}
    """Pipelines that fine-tune JumpStart models, by the name of their data set."""

    customized: dict[Name, Customized] = {}
    """Models of Amazon Bedrock that are customized with the same data sets, by name."""
