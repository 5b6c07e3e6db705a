"""The foundation models that Amazon Bedrock offers on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Literal

from ..errors import InvalidValueError, nearest
from . import load

#: The uses of models, by their names in the data.
USES = {
    "chat": "chat",
    "embedding": "embedding",
    "image_generation": "image",
    "image_edit": "image",
    "rerank": "rerank",
    "realtime": "speech",
}
Use = Literal["chat", "embedding", "image", "rerank", "speech"]


#: Maximum number of tokens of a synchronous response: the output of a model in 29 seconds, at 70 tokens a second. This
#: is the timeout of API Gateway: a later response is billed and lost.
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MOST_WAITED_TOKENS = 2_048


@dataclass(frozen=True)
class BedrockModel:
    """One foundation model of Amazon Bedrock; prices are in US dollars, those of tokens per million.

    ``regions`` are the Regions that support in-Region invocation with the model id, None if not known. ``routes`` has
    the source Regions and destination Regions of each inference profile. A profile without a route is in a price list,
    but not known in any Region.
    """

    model_id: str
    mode: str
    in_region: bool = False
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    end_of_life: str | None = None
    end_of_life_by_region: Mapping[str, str] = field(default_factory=dict)
    inference_profiles: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    supports_not: tuple[str, ...] = ()
    embedding_dimension: int | None = None
    regions: tuple[str, ...] | None = None
    routes: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None
    usd_per_million_batch_input_tokens: float | None = None
    usd_per_million_batch_output_tokens: float | None = None
    usd_per_million_cache_read_tokens: float | None = None
    usd_per_million_cache_write_tokens: float | None = None
    usd_per_image: float | None = None
    usd_per_query: float | None = None

    @property
    def token_prices(self) -> tuple[float, float] | None:
        """US dollars for a million input tokens and a million output tokens. None if one of them is not known."""
        given, taken = self.usd_per_million_input_tokens, self.usd_per_million_output_tokens
        return None if given is None or taken is None else (given, taken)

    @property
    def provider(self) -> str:
        """The provider of the model, which is the prefix of its id."""
        return self.model_id.partition(".")[0]

    @property
    def use(self) -> str:
        """The use of the model: chat, embedding, image, rerank or speech."""
        return USES[self.mode]

    def ends(self, region: str | None = None) -> str | None:
        """The end-of-life date, after which every invocation fails, in one Region if it differs there; None if not set.

        https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
        """
        return self.end_of_life_by_region.get(region or "", self.end_of_life)

    def ended(self, today: date, region: str | None = None) -> bool:
        """Whether the model has reached its end of life."""
        ends = self.ends(region)
        return ends is not None and date.fromisoformat(ends) <= today

    def callable_from(self, region: str | None = None, *, today: date | None = None) -> list[str]:
        """The ids with which a Region can invoke it, the most local first; without a Region, the ids of any Region.

        Global inference profiles are not included, because they route to any Region.
        """
        if self.ended(today or as_of(), region):
            return []
        own = bool(self.regions) if region is None else region in (self.regions or ())
        routed = [each for each, sources in self.routes.items() if region is None or region in sources]
        return [*([self.model_id] if own else []), *sorted(routed)]


def as_of() -> date:
    """The date of the catalog's data. Models past their end of life on this date are rejected, whatever the date is."""
    return date.fromisoformat(load("bedrock_models")["regions_retrieved"])


class BedrockCatalogue:
    """The catalog of known Bedrock foundation models.

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
        """The data of a foundation model, by its model id or the id of an inference profile.

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
            hint=nearest(model_id, _callable_somewhere()),
        )


@cache
def _callable_somewhere() -> tuple[str, ...]:
    every = [BedrockCatalogue.get(name) for name in load("bedrock_models")["models"]]
    return tuple(name for facts in every for name in facts.callable_from())


def _model(name: str, facts: dict[str, Any], own: dict[str, float]) -> BedrockModel:
    """The data, with the prices of an inference profile if it has its own."""
    apart = ("usd_per_million_tokens_by_profile", "routes", "regions")
    content = {key: value for key, value in facts.items() if key not in apart}
    prices = {f"usd_per_million_{kind}_tokens": price for kind, price in own.items()}
    lists = {key: tuple(facts.get(key, ())) for key in ("inference_profiles", "supports", "supports_not")}
    routes = {
        profile: {source: tuple(each["to"]) for each in ways for source in each["from"]}
        for profile, ways in facts.get("routes", {}).items()
    }
    regions = tuple(facts["regions"]) if "regions" in facts else None
    return BedrockModel(model_id=name, **{**content, **prices, **lists, "routes": routes, "regions": regions})


def check_model(model: str, region: str | None = None, *, today: date | None = None) -> None:
    """Reject a model id that cannot be invoked.

    :param region: The source Region of the invocation. Default: any.
    :param today: The date of the check. Default: the date of the catalog's data, so that results do not change over
        time.
    :raises InvalidValueError: if the id is not known, the model has no endpoint of its own, it is global, it is absent
        in the Region or not known to be there, or its end of life has come.
    """
    facts = BedrockCatalogue.get(model)
    today = today or as_of()
    if model.startswith("global."):
        # https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
        reason = f"{model} sends calls to any commercial Region, so none could be kept out"
        raise _uncallable(reason, model, facts, region, today)
    if facts.ended(today, region):
        where = f" in {region}" if region in facts.end_of_life_by_region else ""
        reason = f"{model} reached its end of life{where} on {facts.ends(region)}, and every call of it fails"
        raise _uncallable(reason, model, facts, region, today)
    if model == facts.model_id:
        if facts.regions is None:
            reason = f"Which Regions have {model} is not known"
        elif not facts.regions and facts.routes:
            reason = f"{model} can be called through an inference profile only"
        elif not facts.regions:
            reason = f"No Region is known to have {model}"
        elif region is not None and region not in facts.regions:
            through = any(region in sources for sources in facts.routes.values())
            reason = f"{model} is not available in {region}{' itself, only through a profile' if through else ''}"
        else:
            return
    elif model not in facts.routes:
        reason = f"Between which Regions {model} routes calls is not known"
    elif region is not None and region not in facts.routes[model]:
        reason = f"{model} cannot be called from {region}"
    else:
        return
    raise _uncallable(reason, model, facts, region, today)


def destinations(model: str, region: str) -> tuple[str, ...]:
    """The destination Regions of an invocation of ``model`` from ``region``: those of a profile, or the Region itself.

    :raises InvalidValueError: if the profile cannot be called from there, or nobody knows where it routes to.
    """
    facts = BedrockCatalogue.get(model)
    if model == facts.model_id:
        return (region,)
    if region not in facts.routes.get(model, {}):
        check_model(model, region)
    return facts.routes[model][region]


def check_destinations(model: str, region: str, allowed: Sequence[str]) -> None:
    """Reject an inference profile that routes to Regions that are not allowed.

    https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html

    :param allowed: The allowed destination Regions. Default, if empty: all Regions that the profile routes to.
    :raises InvalidValueError: naming the Regions that are missing, for a call that is routed there would be denied.
    """
    missing = [each for each in destinations(model, region) if allowed and each not in allowed]
    if missing:
        raise InvalidValueError(
            f"{model} routes calls from {region} to {', '.join(missing)} too, where they would be denied",
            field="regions",
            hint="Add what is missing, or choose a model that stays",
        )


def proposed(model: str, region: str | None = None, *, today: date | None = None) -> str:
    """The alternatives to ``model``, as a sentence: only ids that the Region can invoke today."""
    try:
        facts: BedrockModel | None = BedrockCatalogue.get(model)
    except InvalidValueError:
        facts = None
    if facts and (same := facts.callable_from(region, today=today)):
        ends = facts.ends(region)
        return f"Did you mean {' or '.join(same[:3])}{f', until {ends}' if ends else ''}?"
    known = {BedrockCatalogue.get(name).model_id for name in load("bedrock_models")["models"]}
    others = [each for each in map(BedrockCatalogue.get, known) if facts is None or each.use == facts.use]
    lasting = [each for each in others if each.ends(region) is None]
    for some in (lasting, others):
        if names := [name for each in some for name in each.callable_from(region, today=today)]:
            return nearest(model, names)
    return "Choose another Region"


def _uncallable(reason: str, model: str, facts: BedrockModel, region: str | None, today: date) -> InvalidValueError:
    hint = proposed(model, region, today=today)
    if region and not facts.callable_from(region, today=today) and facts.regions:
        hint = f"It is in {', '.join(facts.regions[:6])}. {hint}"
    return InvalidValueError(reason, field="models", hint=hint)


def check_allowed(model: str, providers: Sequence[str], uses: Sequence[str]) -> None:
    """Reject a model of a provider or for a use that is not allowed. If none are given, all are allowed.

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


def check_waited(max_tokens: int) -> None:
    """Reject a maximum number of tokens whose response takes longer than the timeout of API Gateway.

    :raises InvalidValueError: if ``max_tokens`` is above :data:`MOST_WAITED_TOKENS`.
    """
    if max_tokens > MOST_WAITED_TOKENS:
        raise InvalidValueError(
            f"An answer of {max_tokens} tokens takes longer than the 29 seconds that API Gateway waits",
            field="max_tokens",
            hint=f"Set it to {MOST_WAITED_TOKENS} or less",
        )


def check_chat(models: Sequence[str], max_tokens: int) -> None:
    """Reject models that do not support chat, or a maximum number of tokens above their limit.

    :raises InvalidValueError: if there is no model, one is of another kind, or ``max_tokens`` is above its limit.
    """
    if not models:
        raise InvalidValueError(
            "A chat needs at least one chat model", field="models", hint="Name one of models.bedrock.models"
        )
    for model in models:
        facts = BedrockCatalogue.get(model)
        if facts.mode != "chat":
            raise InvalidValueError(
                f"{model} is a model for {facts.use}, not for chat",
                field="models",
                hint="Name a chat model",
            )
        if facts.max_output_tokens and max_tokens > facts.max_output_tokens:
            raise InvalidValueError(
                f"{model} gives at most {facts.max_output_tokens} tokens, not {max_tokens}",
                field="max_tokens",
                hint=f"Set it to {facts.max_output_tokens} or less",
            )
