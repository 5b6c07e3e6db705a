"""What evaluations have in a settings file beside the options of their construct: their knowledge base."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from aws_genai.models.runs.options import EvaluationOptions
from aws_genai.options import Name


class EvaluationSettings(EvaluationOptions):
    """An evaluation: models get the same prompts, and their responses are compared."""

    knowledge: Name | None = None
    """Name in models.knowledge of the documents that the models answer from. Default: none."""

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        self.check_documents(documents=self.knowledge is not None)
        return self
