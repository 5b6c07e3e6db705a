"""What a question to a model holds beside its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...data.bedrock import BedrockCatalogue
from ...data.bedrock_parameters import ModelParameters
from ...errors import InvalidValueError, nearest


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Bounds of what a caller may ask of a model.

    :param max_tokens: most tokens of an answer. Default: 1,024.
    :param temperature: highest temperature, 0 to 1; it is also the default. Default: 0.5.
    :param system_prompt: instructions that come before every conversation.
    """

    max_tokens: int = 1024
    temperature: float = 0.5
    system_prompt: str = "You are a helpful assistant. Say so when you do not know."


def requests_of(
    models: Sequence[str], bounds: Inference, parameters: Mapping[str, ModelParameters]
) -> dict[str, dict[str, Any]]:
    """What a question to each model holds beside its text: the model's own parameters, then the bounds of all.

    :raises InvalidValueError: if parameters are those of a model that is not offered, or that it does not have.
    """
    for model in parameters:
        if model not in models:
            raise InvalidValueError(
                f"{model} is not offered, so its parameters mean nothing",
                field=f"parameters.{model}",
                hint=nearest(model, models),
            )
    made = {}
    for model in models:
        own = parameters.get(model, ModelParameters())
        own.check(model)
        own = own.model_copy(update={"max_tokens": own.max_tokens or bounds.max_tokens})
        # A model that reasons chooses its own temperature, and one parameter of chance is enough.
        free = own.temperature is None and own.top_p is None and own.reasoning_effort is None
        if free and "sampling_params" not in BedrockCatalogue.get(model).supports_not:
            own = own.model_copy(update={"temperature": bounds.temperature})
        made[model] = own.request(model)
    return made
