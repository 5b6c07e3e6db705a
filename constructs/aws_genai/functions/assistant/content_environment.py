"""The environment variables of an assistant of kind content."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract import Contract


@dataclass(frozen=True, kw_only=True)
class ContentEnvironment(Contract):
    """The image models, and where images are stored."""

    #: US dollars for an image of each model. The first model is the default.
    IMAGE_MODELS: dict[str, float]
    IMAGE_BUCKET: str
    GUARDRAIL_ID: str
    GUARDRAIL_VERSION: str
    IMAGES_PER_ANSWER: int
    #: Key of the image in the bucket whose style new images follow. Default: none in particular.
    IMAGE_STYLE: str | None = None
