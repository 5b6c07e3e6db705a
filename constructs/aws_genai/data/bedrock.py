"""Which foundation models Amazon Bedrock offers by the token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Literal

from ..errors import InvalidValueError, nearest
from . import load

#: What models are for, by what their facts call it.
USES = {
    "chat": "chat",
    "embedding": "embedding",
    "image_generation": "image",
    "image_edit": "image",
    "rerank": "rerank",
    "realtime": "speech",
}
Use = Literal["chat", "embedding", "image", "rerank", "speech"]
#: What ids of inference profiles begin with, and what the Regions they belong to begin with.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html
GEOGRAPHIES = {
    "us": ("us-", "ca-"),
    "eu": ("eu-",),
    "apac": ("ap-",),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "in": ("ap-south-",),
    "us-gov": ("us-gov-",),
}


@dataclass(frozen=True)
class BedrockModel:
    """One foundation model of Amazon Bedrock; prices in US dollars, of tokens for a million.

    ``regions`` and ``routes`` are empty where they are not known: which Regions have the model itself, and between
    which Regions each inference profile routes.
    """

    model_id: str
    mode: str
    in_region: bool = False
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    end_of_life: str | None = None
    inference_profiles: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    supports_not: tuple[str, ...] = ()
    embedding_dimension: int | None = None
    regions: tuple[str, ...] = ()
    routes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None
    usd_per_million_batch_input_tokens: float | None = None
    usd_per_million_batch_output_tokens: float | None = None
    usd_per_million_cache_read_tokens: float | None = None
    usd_per_million_cache_write_tokens: float | None = None
    usd_per_image: float | None = None
    usd_per_query: float | None = None

    @property
    def provider(self) -> str:
        """Who made the model, as ids begin."""
        return self.model_id.partition(".")[0]

    @property
    def use(self) -> str:
        """What it is for: chat, embedding, image, rerank or speech."""
        return USES[self.mode]

    def ended(self, today: date) -> bool:
        """Whether its end of life has come: from that day on every call fails.

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
        """
        return self.end_of_life is not None and date.fromisoformat(self.end_of_life) <= today


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
    def providers() -> list[str]:
        """Every provider, sorted."""
        return sorted({name.partition(".")[0] for name in load("bedrock_models")["models"]})

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
    content = {key: value for key, value in facts.items() if key not in ("usd_per_million_tokens_by_profile", "routes")}
    prices = {f"usd_per_million_{kind}_tokens": price for kind, price in own.items()}
    lists = {key: tuple(facts.get(key, ())) for key in ("inference_profiles", "supports", "supports_not", "regions")}
    routes = tuple((profile, tuple(to)) for profile, to in facts.get("routes", {}).items())
    return BedrockModel(model_id=name, **{**content, **prices, **lists, "routes": routes})


def check_model(model: str, region: str | None = None, *, today: date | None = None) -> None:
    """Refuse a model id that no call could succeed with.

    :param region: the Region that calls it. Default: any.
    :param today: the day of the check. Default: the present one.
    :raises InvalidValueError: if the id is not known, the model has no endpoint of its own, it is global, it is absent
        in the Region, or its end of life has come.
    """
    facts = BedrockCatalogue.get(model)
    hint = _hint(facts)
    if model.startswith("global."):
        # https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
        reason = f"{model} sends calls to any commercial Region, so none could be kept out"
        raise InvalidValueError(reason, field="models", hint=hint)
    if model == facts.model_id and not facts.in_region and facts.inference_profiles:
        raise InvalidValueError(f"{model} can be called through an inference profile only", field="models", hint=hint)
    if facts.ended(today or datetime.now(UTC).date()):
        others = [name for name in BedrockCatalogue.names() if not name.startswith("global.")]
        current = [
            name for name in others if (each := BedrockCatalogue.get(name)).use == facts.use and not each.end_of_life
        ]
        raise InvalidValueError(
            f"{model} reached its end of life on {facts.end_of_life}, and every call of it fails",
            field="models",
            hint=nearest(model, current),
        )
    if region is not None:
        _check_region(model, facts, region)


def _check_region(model: str, facts: BedrockModel, region: str) -> None:
    if model == facts.model_id:
        if facts.regions and region not in facts.regions:
            raise InvalidValueError(
                f"{model} is not available in {region}",
                field="models",
                hint=f"It is in {', '.join(facts.regions[:6])}",
            )
        return
    geography = model.partition(".")[0]
    known = [each for each, begins in GEOGRAPHIES.items() if region.startswith(begins)]
    # The longest match: us-gov- is not us-.
    if region.startswith("us-gov-"):
        known = ["us-gov"]
    if known and geography not in known:
        same = [each for each in facts.inference_profiles if each.partition(".")[0] in known]
        raise InvalidValueError(
            f"{model} is a profile of another geography than {region}",
            field="models",
            hint=f"Did you mean {same[0]}?" if same else "Choose a model that has one, or one of the Region itself",
        )
    routes = dict(facts.routes)
    if model in routes and region not in routes[model]:
        raise InvalidValueError(
            f"{model} is not available in {region}", field="models", hint=f"It is in {', '.join(routes[model][:6])}"
        )


def _hint(facts: BedrockModel) -> str:
    local = [name for name in facts.inference_profiles if not name.startswith("global.")]
    choices = [*local, *([facts.model_id] if facts.in_region else [])]
    return f"Did you mean {' or '.join(choices[:3])}?" if choices else "Choose a model that stays in a geography"


def check_allowed(model: str, providers: Sequence[str], uses: Sequence[str]) -> None:
    """Refuse a model of a provider or for a use that is not allowed; without any, all are.

    :raises InvalidValueError: if the model's provider or its use is not among them.
    """
    facts = BedrockCatalogue.get(model)
    for what, value, allowed in (("provider", facts.provider, providers), ("use", facts.use, uses)):
        if allowed and value not in allowed:
            raise InvalidValueError(
                f"{model} has the {what} {value}, and only {', '.join(sorted(allowed))} may be used",
                field="models",
                hint=f"Add {value} to models.bedrock.{what}s, or leave the model out",
            )


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
                f"{model} is a model for {facts.use}, not for chat",
                field="models",
                hint="Try amazon.nova-lite-v1:0",
            )
        if facts.max_output_tokens and max_tokens > facts.max_output_tokens:
            raise InvalidValueError(
                f"{model} gives at most {facts.max_output_tokens} tokens, not {max_tokens}",
                field="max_tokens",
                hint=f"Set it to {facts.max_output_tokens} or less",
            )
