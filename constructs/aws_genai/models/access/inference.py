"""The inference parameters of a request to each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...data.bedrock import BedrockCatalogue
from ...data.bedrock_parameters import ModelParameters
from ...errors import InvalidValueError, nearest
from .options import Inference as Inference, InferenceParameters


def requests_of(
    models: Sequence[str], defaults: InferenceParameters, parameters: Mapping[str, ModelParameters]
) -> dict[str, dict[str, Any]]:
    """The parameters of a Converse request to each model, apart from its messages.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html

    :param defaults: parameters of every model.
    :param parameters: parameters of single models, which take precedence.
    :raises InvalidValueError: if there are parameters for a model that is not offered, or that it does not support.
    """
    for model in parameters:
        if model not in models:
            raise InvalidValueError(
                f"{model} is not offered, so it cannot have parameters",
                field=f"parameters.{model}",
                hint=nearest(model, models),
            )
    requests = {}
    for model in models:
        own = parameters.get(model, ModelParameters())
        own.check(model)
        config: dict[str, Any] = {"maxTokens": defaults.max_tokens}
        # A model that reasons chooses its own temperature, and temperature and top-p should not be combined.
        free = own.temperature is None and own.top_p is None and own.reasoning_effort is None
        if free and "sampling_params" not in BedrockCatalogue.get(model).supports_not:
            config["temperature"] = defaults.temperature
        request = own.request(model)
        requests[model] = {**request, "inferenceConfig": {**config, **request["inferenceConfig"]}}
    return requests
