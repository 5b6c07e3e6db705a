"""Settings of evaluations in addition to the options of their construct: their knowledge base."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from aws_genai.models.runs.options import EvaluationOptions
from aws_genai.options import Name


class EvaluationSettings(EvaluationOptions):
    """An evaluation, which sends the same prompts to several models and compares their responses."""

    knowledge: Name | None = None
    """Name of the knowledge base in models.knowledge that responses are based on. Default: none."""

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        self.check_documents(documents=self.knowledge is not None)
        return self
