"""Settings of batches: many questions to one model, at half the price and by tomorrow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from aws_genai.data.bedrock import check_chat
from aws_genai.options import Instructions, ModelId, Options


class Batch(Options):
    """Questions that are put into a bucket and asked in jobs."""

    model: ModelId
    """Id of the model that is asked, one of models.bedrock.models."""

    max_tokens: Annotated[int, Field(ge=1, le=128_000)] = 1024
    """Most tokens of an answer."""

    temperature: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How varied answers are."""

    system_prompt: Instructions = "You are a helpful assistant. Say so when you do not know."
    """Instructions that come before every question."""

    most_failed_percent: Annotated[float, Field(ge=0, le=100)] = 0
    """How many questions may stay without an answer before a run fails."""

    @model_validator(mode="after")
    def _chats(self) -> Batch:
        check_chat([self.model], self.max_tokens)
        return self
