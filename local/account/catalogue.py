"""Foundation models and inference profiles as Bedrock lists them, from the project's catalog, and token counts.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock, bedrock_runtime as runtime

from .facts import bedrock as facts
from .resources.base import created, instances
from .resources.bedrock import ApplicationInferenceProfile, as_of, foundation_of, models_of_bedrock

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
#: Providers by the beginning of model ids, with the names that Bedrock returns.
_PROVIDERS = {
    "ai21": "AI21 Labs",
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Google",
    "meta": "Meta",
    "minimax": "MiniMax",
    "mistral": "Mistral AI",
    "moonshot": "Moonshot AI",
    "moonshotai": "Moonshot AI",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "qwen": "Qwen",
    "stability": "Stability AI",
    "twelvelabs": "TwelveLabs",
    "writer": "Writer",
    "xai": "xAI",
    "zai": "Z.AI",
}
#: Input and output modalities, by the purpose of a model.
_MODALITIES = {
    "chat": (["TEXT"], ["TEXT"]),
    "embedding": (["TEXT"], ["EMBEDDING"]),
    "image": (["TEXT"], ["IMAGE"]),
    "rerank": (["TEXT"], ["TEXT"]),
    "speech": (["TEXT"], ["TEXT"]),
}
_SEES = {"vision", "image_input", "embedding_image_input"}
#: Before its end of life a model is legacy for at least six months.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
_LEGACY = timedelta(days=183)
_FILTERS = {
    "byProvider": None,
    "byCustomizationType": ("FINE_TUNING", "CONTINUED_PRE_TRAINING", "DISTILLATION"),
    "byOutputModality": ("TEXT", "IMAGE", "EMBEDDING"),
    "byInferenceType": ("ON_DEMAND", "PROVISIONED"),
}
_COUNT = re.compile(r"^/model/(?P<model>.+?)/count-tokens$")


def install() -> None:
    """Use the catalog instead of the emulator's own short list."""
    bedrock._find_model = _entry
    bedrock._list_foundation_models = _list_models
    bedrock._get_foundation_model = _get_model
    bedrock._get_foundation_model_availability = _availability
    bedrock._list_inference_profiles = _list_profiles
    bedrock._get_inference_profile = _get_profile
    app.SERVICE_HANDLERS["bedrock-runtime"] = _counting(app.SERVICE_HANDLERS["bedrock-runtime"])


def _json(content: Json, status: int = 200) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _asked(query: Any, name: str) -> str:
    found = query.get(name) if isinstance(query, dict) else None
    return str((found[0] if isinstance(found, list) else found) or "")


# ---- Models ---------------------------------------------------------------------------------------------------------


def _offered(region: str) -> Iterator[facts.BedrockModel]:
    """The models that can be invoked from a Region, directly or through an inference profile."""
    for name in models_of_bedrock():
        model = facts.BedrockCatalogue.get(name)
        if model.callable_from(region, today=_today()):
            yield model


def _today() -> date:
    return as_of()


def _named(identifier: str) -> facts.BedrockModel | None:
    name = identifier.partition("foundation-model/")[2] if identifier.startswith("arn:") else identifier
    return next((each for each in _offered(get_region()) if each.model_id == name), None)


def described(model: facts.BedrockModel) -> Json:
    """A model as Bedrock returns it, in the calling Region."""
    region = get_region()
    into, out = (list(each) for each in _MODALITIES[model.use])
    if _SEES & set(model.supports) or model.mode == "image_edit":
        into.append("IMAGE")
    on_demand = ["ON_DEMAND"] if region in (model.regions or ()) else []
    routed = ["INFERENCE_PROFILE"] if any(region in sources for sources in model.routes.values()) else []
    ends = model.ends(region)
    lifecycle: Json = {"status": "ACTIVE"}
    if ends:
        end = date.fromisoformat(ends)
        lifecycle = {
            "status": "LEGACY" if end - _today() <= _LEGACY else "ACTIVE",
            "endOfLifeTime": f"{ends}T00:00:00Z",
        }
    names = {each[0]: each[1] for each in bedrock._CATALOG}
    return {
        "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model.model_id}",
        "modelId": model.model_id,
        "modelName": names.get(model.model_id, model.model_id.partition(".")[2]),
        "providerName": _provider(model),
        "inputModalities": into,
        "outputModalities": out,
        "responseStreamingSupported": model.use == "chat",
        "customizationsSupported": _customizations(model.model_id),
        "inferenceTypesSupported": [*on_demand, *routed],
        "modelLifecycle": lifecycle,
    }


def _provider(model: facts.BedrockModel) -> str:
    return _PROVIDERS.get(model.provider, model.provider.capitalize())


def _customizations(model: str) -> list[str]:
    from aws_genai.data import customization

    if model not in customization.BASES or get_region() not in customization.CUSTOMIZED_IN:
        return []
    pupils = {pupil for taught in customization.TEACHERS.values() for pupil in taught}
    return ["FINE_TUNING", *(["DISTILLATION"] if model in pupils else [])]


def _list_models(query: Any) -> Response:
    for name, allowed in _FILTERS.items():
        value = _asked(query, name)
        if value and allowed and value not in allowed:
            reason = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            return bedrock._validation(  # type: ignore[no-any-return]
                f"{reason}Member must satisfy enum value set: [{', '.join(allowed)}]"
            )
    found = [described(each) for each in _offered(get_region())]
    provider = _asked(query, "byProvider").lower()
    by_member = (
        ("byCustomizationType", "customizationsSupported"),
        ("byOutputModality", "outputModalities"),
        ("byInferenceType", "inferenceTypesSupported"),
    )
    for name, member in by_member:
        if value := _asked(query, name):
            found = [each for each in found if value in each[member]]
    if provider:
        found = [
            each for each in found if provider in (each["providerName"].lower(), each["modelId"].partition(".")[0])
        ]
    return _json({"modelSummaries": found})


def _get_model(identifier: str) -> Response:
    model = _named(identifier)
    if model is None:
        return bedrock._not_found(  # type: ignore[no-any-return]
            f"Could not resolve the foundation model from the provided model identifier {identifier}."
        )
    return _json({"modelDetails": described(model)})


def _entry(identifier: str) -> tuple[str, str, str, list[str], list[str], bool] | None:
    """A model as an entry of the emulator's own list."""
    name = foundation_of(str(identifier).partition("foundation-model/")[2] or str(identifier))
    if name is None:
        return None
    told = described(facts.BedrockCatalogue.get(name))
    return (
        name,
        told["modelName"],
        told["providerName"],
        told["inputModalities"],
        told["outputModalities"],
        told["responseStreamingSupported"],
    )


def _availability(identifier: str) -> Response:
    entry = _entry(identifier)
    if entry is None:
        return bedrock._not_found(f"Could not find model {identifier}.")  # type: ignore[no-any-return]
    agreed = entry[2] == "Amazon" or entry[0] in bedrock._model_agreements
    return _json(
        {
            "modelId": entry[0],
            "agreementAvailability": {"status": "AVAILABLE" if agreed else "NOT_AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE" if _named(entry[0]) else "NOT_AVAILABLE",
        }
    )


# ---- Profiles -------------------------------------------------------------------------------------------------------


def _system_profiles() -> Iterator[Json]:
    region, account = get_region(), get_account_id()
    for name in models_of_bedrock():
        model = facts.BedrockCatalogue.get(name)
        if model.ended(_today(), region):
            continue
        for profile, sources in model.routes.items():
            if region not in sources:
                continue
            geography = profile.partition(".")[0].upper()
            name = re.sub(r"[^0-9A-Za-z]+", " ", f"{geography} {_provider(model)} {described(model)['modelName']}")
            yield {
                "inferenceProfileName": name[:64],
                **_described_routes(model.model_id, sources[region]),
                "inferenceProfileArn": f"arn:aws:bedrock:{region}:{account}:inference-profile/{profile}",
                "models": [
                    {"modelArn": f"arn:aws:bedrock:{to}::foundation-model/{model.model_id}"} for to in sources[region]
                ],
                "inferenceProfileId": profile,
                "status": "ACTIVE",
                "type": "SYSTEM_DEFINED",
            }


def _described_routes(model: str, regions: tuple[str, ...]) -> Json:
    text = f"Routes requests to {model} in {' and '.join(regions)}."
    return {"description": text} if len(text) <= 200 else {}


def _own_profiles() -> Iterator[Json]:
    """Profiles from templates, which are records, and those that were created by the API."""
    for each in instances(ApplicationInferenceProfile.type):
        yield {
            "inferenceProfileName": each["InferenceProfileName"],
            **({"description": each["Description"]} if each.get("Description") else {}),
            "createdAt": each.get("CreatedAt")
            or created(ApplicationInferenceProfile.type, each["InferenceProfileArn"]),
            "updatedAt": each.get("UpdatedAt")
            or created(ApplicationInferenceProfile.type, each["InferenceProfileArn"]),
            "inferenceProfileArn": each["InferenceProfileArn"],
            "models": [{"modelArn": model["ModelArn"]} for model in each["Models"]],
            "inferenceProfileId": each["InferenceProfileId"],
            "status": "ACTIVE",
            "type": "APPLICATION",
        }
    for record in bedrock._inference_profiles_apps.values():
        told: Json = bedrock._camelize(record)
        yield {key: value for key, value in told.items() if value != ""}


def _list_profiles(query: Any) -> Response:
    # The member typeEquals is called type on the wire.
    kind = _asked(query, "type") or _asked(query, "typeEquals")
    if kind not in ("", "SYSTEM_DEFINED", "APPLICATION"):
        reason = f"1 validation error detected: Value '{kind}' at 'typeEquals' failed to satisfy constraint: "
        return bedrock._validation(  # type: ignore[no-any-return]
            f"{reason}Member must satisfy enum value set: [SYSTEM_DEFINED, APPLICATION]"
        )
    every = [
        *(_system_profiles() if kind != "APPLICATION" else ()),
        *(_own_profiles() if kind != "SYSTEM_DEFINED" else ()),
    ]
    begin, most = int(_asked(query, "nextToken") or 0), int(_asked(query, "maxResults") or 1000)
    told: Json = {"inferenceProfileSummaries": every[begin : begin + most]}
    return _json({**told, **({"nextToken": str(begin + most)} if begin + most < len(every) else {})})


def _get_profile(identifier: str) -> Response:
    for each in [*_own_profiles(), *_system_profiles()]:
        if identifier in (each["inferenceProfileId"], each["inferenceProfileArn"]):
            return _json(each)
    return bedrock._not_found(f"Could not find inference profile {identifier}.")  # type: ignore[no-any-return]


# ---- Tokens ---------------------------------------------------------------------------------------------------------


def _counting(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def with_counts(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        response: Response = await handle(method, path, headers, body, query)
        found = _COUNT.match(path)
        # Denied calls have been rejected already. The emulator has no route for this operation.
        if method != "POST" or found is None or response[0] != 400 or b"No route" not in response[2]:
            return response
        return count(unquote(found["model"]), body)

    return with_counts


def count(model: str, body: bytes) -> Response:
    """The number of tokens that a request would be billed for, as this account's Converse counts them without a server.

    https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html
    """
    name = foundation_of(model.rpartition("/")[2])
    known = models_of_bedrock().get(name or "", {})
    if name is None:
        return _refused("The provided model identifier is invalid.")
    if not name.startswith("anthropic.") or known.get("mode") != "chat":
        return _refused("The provided model doesn't support counting tokens.")
    try:
        given = json.loads(body or b"{}").get("input") or {}
        if set(given) == {"converse"}:
            asked = given["converse"]
            tools = asked.get("toolConfig")
            told = runtime._system_text(asked.get("system")) + runtime._messages_text(
                _shown(asked.get("messages") or [])
            )
            text = told + (json.dumps(tools) if tools else "")
        elif set(given) == {"invokeModel"}:
            text = runtime._extract_prompt_from_invoke_body(
                runtime._family(name), json.loads(base64.b64decode(given["invokeModel"]["body"], validate=True))
            )
        else:
            return _refused("input must have exactly one of converse and invokeModel")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return _refused(f"The input is malformed: {error}")
    return _json({"inputTokens": runtime._estimate_tokens(text)})


def _shown(messages: list[Json]) -> list[Json]:
    """Messages in which every part that contains text is a text part."""

    def part(each: Json) -> Json:
        if "guardContent" in each:
            return {"text": str(each["guardContent"].get("text", {}).get("text", ""))}
        return (
            each if "text" in each else {"text": json.dumps(each)} if "toolUse" in each or "toolResult" in each else {}
        )

    return [{**message, "content": [part(each) for each in message.get("content") or []]} for message in messages]


def _refused(reason: str) -> Response:
    return runtime._error("ValidationException", reason, 400)  # type: ignore[no-any-return]
