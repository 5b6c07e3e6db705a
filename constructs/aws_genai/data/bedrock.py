"""Which foundation models Amazon Bedrock offers by the token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import InvalidValueError, nearest
from . import load


@dataclass(frozen=True)
class BedrockModel:
    """One foundation model of Amazon Bedrock; prices in US dollars a million tokens."""

    model_id: str
    mode: str
    in_region: bool = False
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    end_of_life: str | None = None
    inference_profiles: tuple[str, ...] = ()
    supports_not: tuple[str, ...] = ()
    embedding_dimension: int | None = None
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None


class BedrockCatalogue:
    """The Bedrock foundation models whose facts are known.

    https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html
    """

    @staticmethod
    def names() -> list[str]:
        """Every foundation model id and inference profile id, sorted."""
        models = load("bedrock_models")["models"]
        profiles = {profile for facts in models.values() for profile in facts.get("inference_profiles", ())}
        return sorted({*models, *profiles})

    @staticmethod
    @cache
    def get(model_id: str) -> BedrockModel:
        """The facts about a foundation model, named by its own id or by that of an inference profile.

        :raises InvalidValueError: if no such model is known.
        """
        models = load("bedrock_models")["models"]
        for name in (model_id, model_id.partition(".")[2]):
            facts = models.get(name)
            if facts is not None and (name == model_id or model_id in facts.get("inference_profiles", ())):
                return _model(name, facts, facts.get("usd_per_million_tokens_by_profile", {}).get(model_id, {}))
        raise InvalidValueError(
            f"{model_id} is not a Bedrock model or inference profile that this catalogue knows",
            field="model_id",
            hint=nearest(model_id, BedrockCatalogue.names()),
        )


def _model(name: str, facts: dict[str, Any], own: dict[str, float]) -> BedrockModel:
    """The facts, with the prices of an inference profile where it has its own."""
    content = {key: value for key, value in facts.items() if key != "usd_per_million_tokens_by_profile"}
    prices = {f"usd_per_million_{kind}_tokens": price for kind, price in own.items()}
    lists = {key: tuple(facts.get(key, ())) for key in ("inference_profiles", "supports_not")}
    return BedrockModel(model_id=name, **{**content, **prices, **lists})


def check_model(model: str) -> None:
    """Refuse a model id that no call could succeed with.

    :raises InvalidValueError: if the id is not known, the model has no endpoint of its own, or it is global.
    """
    facts = BedrockCatalogue.get(model)
    local = [name for name in facts.inference_profiles if not name.startswith("global.")]
    choices = [*local, *([facts.model_id] if facts.in_region else [])]
    hint = f"Did you mean {' or '.join(choices[:3])}?" if choices else "Choose a model that stays in a geography"
    if model.startswith("global."):
        # https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
        reason = f"{model} sends calls to any commercial Region, so none could be kept out"
        raise InvalidValueError(reason, field="models", hint=hint)
    if model == facts.model_id and not facts.in_region and facts.inference_profiles:
        raise InvalidValueError(f"{model} can be called through an inference profile only", field="models", hint=hint)


def check_chat(models: Sequence[str], max_tokens: int) -> None:
    """Refuse models that cannot chat, or answers longer than they can give.

    :raises InvalidValueError: if there is no model, one is of another kind, or ``max_tokens`` is above its limit.
    """
    if not models:
        raise InvalidValueError(
            "A chat needs at least one chat model", field="models", hint="Try amazon.nova-lite-v1:0"
        )
    for model in models:
        facts = BedrockCatalogue.get(model)
        if facts.mode != "chat":
            raise InvalidValueError(
                f"{model} is a model for {facts.mode}, not for chat",
                field="models",
                hint="Try amazon.nova-lite-v1:0",
            )
        if facts.max_output_tokens and max_tokens > facts.max_output_tokens:
            raise InvalidValueError(
                f"{model} gives at most {facts.max_output_tokens} tokens, not {max_tokens}",
                field="max_tokens",
                hint=f"Set it to {facts.max_output_tokens} or less",
            )
