"""Embedding and reranking models: the request and response bodies of InvokeModel for each family.

Vectors come from the ``/embeddings`` API of the user's model server if it has one, else from static embeddings
(:mod:`.words`), converted to the requested dimension. Images, audio and video are told apart
by their bytes, but their content is not understood.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-mm.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-marengo-3.html
https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import jsonschema
from ministack.services import bedrock_runtime as runtime

from . import vectors, words
from .resources.base import instances
from .resources.bedrock import called, foundation_of, models_of_bedrock

Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

#: Modes of the catalog that this module serves.
MODES = ("embedding", "rerank")
_UNREAD = "Media at an address of Amazon S3 is not read in the local account; pass it as {}"
_OPERATIONS = ("invoke", "invoke-with-response-stream", "converse", "converse-stream", "count-tokens")


class RefusedError(ValueError):
    """A request that Bedrock rejects, with its message."""


def model_of(identifier: str) -> str | None:
    """The foundation model that a call's identifier names, if there is one."""
    name = called(identifier)
    if name.startswith("arn:"):
        name = name.rpartition("/")[2]
    return foundation_of(name)


def mode_of(identifier: str) -> str:
    """The purpose of the model: chat, embedding, rerank and so on. Empty if it is not in the catalog."""
    model = model_of(identifier)
    return str(models_of_bedrock()[model].get("mode", "")) if model else ""


def serves(path: str) -> bool:
    """Whether a call is for an embedding or reranking model."""
    called_as = _call_of(path)
    return called_as is not None and mode_of(called_as[0]) in MODES


def _call_of(path: str) -> tuple[str, str] | None:
    parts = path.strip("/").split("/")
    if len(parts) < 3 or parts[0] != "model" or parts[-1] not in _OPERATIONS:
        return None
    return unquote("/".join(parts[1:-1])), parts[-1]


def answer(path: str, body: bytes) -> Response:
    """The response to a call that :func:`serves` accepts."""
    started = time.monotonic()
    identifier, operation = _call_of(path) or ("", "")
    model = model_of(identifier) or ""
    try:
        _check_route(identifier, model, operation)
        content, tokens = _FAMILIES[_family(model)](model, _parsed(body))
    except RefusedError as error:
        return runtime._error("ValidationException", str(error), 400)  # type: ignore[no-any-return]
    headers = {
        "Content-Type": "application/json",
        "x-amzn-bedrock-input-token-count": str(tokens),
        "x-amzn-bedrock-output-token-count": "0",
        "x-amzn-bedrock-invocation-latency": str(int((time.monotonic() - started) * 1000)),
    }
    return 200, headers, json.dumps(content).encode()


def _check_route(identifier: str, model: str, operation: str) -> None:
    if operation.startswith("converse"):
        raise RefusedError(
            "This action doesn't support the model that you provided. Try again with a supported text or chat model."
        )
    if operation == "invoke-with-response-stream":
        raise RefusedError("The model is unsupported for streaming.")
    if operation == "count-tokens":
        raise RefusedError("The provided model doesn't support counting tokens.")
    named = identifier.rpartition("/")[2]
    own = any(identifier in (each["InferenceProfileArn"], each["InferenceProfileId"]) for each in _profiles())
    if named == model and not own and not models_of_bedrock()[model].get("in_region", True):
        raise RefusedError(
            f"Invocation of model ID {model} with on-demand throughput isn’t supported. Retry your request with the ID "
            "or ARN of an inference profile that contains this model."
        )


def _profiles() -> list[Body]:
    return instances("AWS::Bedrock::ApplicationInferenceProfile")


def _family(model: str) -> str:
    return next(name for name in _FAMILIES if model.startswith(name))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        raise RefusedError("Malformed input request, please reformat your input and try again.") from None


def check(schema: Mapping[str, Any], content: Any) -> None:
    """Reject a body that its schema does not allow, with Bedrock's message.

    :raises RefusedError: with the key and what is wrong with it.
    """
    found = jsonschema.Draft7Validator(schema).iter_errors(content)
    error = min(found, key=lambda each: (len(each.absolute_path), str(each.message)), default=None)
    if error is not None:
        raise _malformed(f"{'/'.join(('#', *map(str, error.absolute_path)))}: {_told(error)}")


def _malformed(reason: str) -> RefusedError:
    return RefusedError(f"Malformed input request: {reason}, please reformat your input and try again.")


_TYPES = {"string": "String", "integer": "Integer", "number": "Number", "boolean": "Boolean", "array": "JSONArray"}


def _told(error: Any) -> str:
    value, limit, rule = error.instance, error.validator_value, error.validator
    if rule == "required":
        return f"required key [{next(name for name in limit if name not in value)}] not found"
    if rule == "additionalProperties":
        extra = next(name for name in value if name not in error.schema["properties"])
        return f"extraneous key [{extra}] is not permitted"
    if rule in ("enum", "const"):
        return f"{value} is not a valid enum value"
    if rule in ("minLength", "maxLength"):
        return f"expected {rule}: {limit}, actual: {len(value)}"
    if rule in ("minItems", "maxItems"):
        return f"expected {rule[:3]}imum item count: {limit}, found: {len(value)}"
    if rule in ("minimum", "maximum"):
        return f"{value} is not {'greater' if rule == 'minimum' else 'less'} or equal to {limit}"
    if rule == "type":
        kind = next((name for name, made in _PYTHON if isinstance(value, made)), "Null")
        return f"expected type: {_TYPES.get(str(limit), 'JSONObject')}, found: {kind}"
    return str(error.message)


_PYTHON: tuple[tuple[str, Any], ...] = (
    ("Boolean", bool),
    ("Integer", int),
    ("Double", float),
    ("String", str),
    ("JSONArray", list),
    ("JSONObject", dict),
)
_TEXT = {"type": "string", "minLength": 1}


def _object(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _counted(model: str, text: str) -> int:
    """The number of tokens of a text.

    :raises RefusedError: if it is more than the model accepts.
    """
    most, found = models_of_bedrock()[model]["max_input_tokens"], words.count(text)
    if found > most:
        told = f"Max input tokens: {most}, request input token count: {found}"
        raise RefusedError(f"400 Bad Request: Too many input tokens. {told}")
    return found


def _cut(model: str, text: str, how: str) -> tuple[str, int]:
    """A text, truncated as the model may do, and its number of tokens."""
    most = models_of_bedrock()[model]["max_input_tokens"]
    found = words.count(text)
    if found <= most:
        return text, found
    if how == "NONE":
        _counted(model, text)
    kept = max(1, len(text) * most // found)
    return (text[-kept:] if how in ("START", "LEFT") else text[:kept]), most


def _vectors(texts: Sequence[str], dimension: int) -> Any:
    return words.brought_to(vectors.of_texts(texts).rows, dimension)


def _of_bytes(content: bytes, dimension: int) -> Any:
    """The vector of an input that is not text: always the same for the same bytes, and unique to them."""
    np = words.numpy()
    return words.unit(np.random.default_rng(zlib.crc32(content)).standard_normal(dimension))


def _decoded(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except binascii.Error:
        raise _malformed(f"{path}: is no base64") from None


def _numbers(vector: Any) -> list[float]:
    return [round(float(each), 8) for each in vector]


def _by_type(rows: Any, kind: str) -> list[list[Any]]:
    """Vectors in the requested precision: https://docs.cohere.com/docs/embeddings#compression-levels."""
    np = words.numpy()
    if kind == "float":
        return [_numbers(row) for row in rows]
    if kind in ("int8", "uint8"):
        most = np.abs(rows).max(axis=1, keepdims=True)
        scaled = np.rint(rows / np.where(most > 0, most, 1.0) * 127)
        return (scaled + (128 if kind == "uint8" else 0)).astype(int).tolist()  # type: ignore[no-any-return]
    packed = np.packbits(rows > 0, axis=1).astype(int)
    return (packed - (128 if kind == "binary" else 0)).tolist()  # type: ignore[no-any-return]


def _titan(model: str, request: Any) -> tuple[Body, int]:
    check(_object({"inputText": _TEXT}, "inputText"), request)
    tokens = _counted(model, request["inputText"])
    (row,) = _vectors([request["inputText"]], 1536)
    return {"embedding": _numbers(row), "inputTextTokenCount": tokens}, tokens


def _titan_v2(model: str, request: Any) -> tuple[Body, int]:
    np = words.numpy()
    kinds = {"type": "array", "minItems": 1, "items": {"enum": ["float", "binary"]}}
    wanted = {"dimensions": {"enum": [1024, 512, 256]}, "normalize": {"type": "boolean"}, "embeddingTypes": kinds}
    check(_object({"inputText": _TEXT, **wanted}, "inputText"), request)
    tokens = _counted(model, request["inputText"])
    rows = _vectors([request["inputText"]], request.get("dimensions", 1024))
    if not request.get("normalize", True):
        rows = rows * float(np.linalg.norm(words.of_text(request["inputText"])))
    asked = request.get("embeddingTypes", ["float"])
    shown: Body = {"float": _numbers(rows[0])} if "float" in asked else {}
    if "binary" in asked:
        shown["binary"] = [int(each > 0) for each in rows[0]]
    return {"embedding": _numbers(rows[0]), "inputTextTokenCount": tokens, "embeddingsByType": shown}, tokens


def _titan_image(model: str, request: Any) -> tuple[Body, int]:
    length = _object({"outputEmbeddingLength": {"enum": [256, 384, 1024]}})
    check(_object({"inputText": _TEXT, "inputImage": _TEXT, "embeddingConfig": length}), request)
    dimension = request.get("embeddingConfig", {}).get("outputEmbeddingLength", 1024)
    text, image = request.get("inputText"), request.get("inputImage")
    if text is None and image is None:
        raise _malformed("#: required key [inputText] not found")
    tokens, rows = 0, []
    if text is not None:
        tokens = _counted(model, text)
        rows += list(_vectors([text], dimension))
    if image is not None:
        rows.append(_of_bytes(_decoded(image, "#/inputImage"), dimension))
    both = words.unit(sum(rows[1:], rows[0]))
    return {"embedding": _numbers(both), "inputTextTokenCount": tokens, "message": None}, tokens


_COHERE_TYPES = {"type": "array", "minItems": 1, "items": {"enum": ["float", "int8", "uint8", "binary", "ubinary"]}}
_URIS = {"type": "array", "minItems": 1, "items": _TEXT}


def _cohere(model: str, request: Any) -> tuple[Body, int]:
    kinds = ["search_document", "search_query", "classification", "clustering", "image"]
    wanted = {
        "texts": {"type": "array", "maxItems": 96, "items": {"type": "string", "maxLength": 2048}},
        "images": {**_URIS, "maxItems": 1},
        "input_type": {"enum": kinds},
        "truncate": {"enum": ["NONE", "START", "END"]},
        "embedding_types": _COHERE_TYPES,
    }
    check(_object(wanted, "input_type"), request)
    return _cohere_answer(model, request, 1024, request.get("truncate", "NONE"))


def _cohere_v4(model: str, request: Any) -> tuple[Body, int]:
    part = {
        "oneOf": [
            _object({"type": {"const": "text"}, "text": {"type": "string"}}, "type", "text"),
            _object({"type": {"const": "image_url"}, "image_url": {"type": ["string", "object"]}}, "type", "image_url"),
        ]
    }
    mixed = _object({"content": {"type": "array", "minItems": 1, "items": part}}, "content")
    wanted = {
        "texts": {"type": "array", "maxItems": 96, "items": {"type": "string"}},
        "images": {**_URIS, "maxItems": 96},
        "inputs": {"type": "array", "minItems": 1, "maxItems": 96, "items": mixed},
        "input_type": {"enum": ["search_document", "search_query", "classification", "clustering"]},
        "truncate": {"enum": ["NONE", "LEFT", "RIGHT"]},
        "embedding_types": _COHERE_TYPES,
        "output_dimension": {"enum": [256, 512, 1024, 1536]},
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": 128_000},
    }
    check(_object(wanted, "input_type"), request)
    return _cohere_answer(model, request, request.get("output_dimension", 1536), request.get("truncate", "RIGHT"))


def _cohere_answer(model: str, request: Body, dimension: int, truncate: str) -> tuple[Body, int]:
    np = words.numpy()
    given = [name for name in ("texts", "images", "inputs") if request.get(name)]
    if len(given) != 1:
        choices = "texts or images" if "embed-v4" not in model else "texts, images or inputs"
        raise RefusedError(f"Malformed input request: exactly one of {choices} must be provided.")
    echoed: Body = {given[0]: request[given[0]]} if given[0] != "images" else {}
    tokens = 0
    if given[0] == "texts":
        read = [_cut(model, text, truncate) for text in request["texts"]]
        tokens = sum(number for _, number in read)
        rows = _vectors([text for text, _ in read], dimension)
    else:
        pictures = [{"content": [{"type": "image_url", "image_url": each}]} for each in request.get("images", [])]
        items = request.get("inputs") or pictures
        made = []
        for item in items:
            vectors = []
            for part in item["content"]:
                if part["type"] == "text":
                    text, number = _cut(model, part["text"], truncate)
                    tokens += number
                    vectors += list(_vectors([text], dimension))
                else:
                    address = part["image_url"]
                    uri = address["url"] if isinstance(address, dict) else address
                    vectors.append(_of_bytes(_decoded(str(uri), "#/images"), dimension))
            made.append(words.unit(sum(vectors[1:], vectors[0])))
        rows = np.array(made)
    kinds = request.get("embedding_types")
    shown: Any = {kind: _by_type(rows, kind) for kind in kinds} if kinds else _by_type(rows, "float")
    how = "embeddings_by_type" if kinds else "embeddings_floats"
    return {"id": str(uuid.uuid4()), "response_type": how, "embeddings": shown, **echoed}, tokens


_PURPOSES = (
    *("GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL", "VIDEO_RETRIEVAL"),
    *("DOCUMENT_RETRIEVAL", "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"),
)
#: Maximum number of characters of a text in the request itself.
_NOVA_CHARACTERS = 8192


def _nova(model: str, request: Any) -> tuple[Body, int]:
    source = {"type": "object"}
    text = {"truncationMode": {"enum": ["START", "END", "NONE"]}, "value": _TEXT, "source": source}
    media = {"type": "object", "required": ["format", "source"]}
    single = _object(
        {
            "embeddingPurpose": {"enum": list(_PURPOSES)},
            "embeddingDimension": {"enum": [256, 384, 1024, 3072]},
            "text": _object(text, "truncationMode"),
            **dict.fromkeys(("image", "audio", "video"), media),
        },
        "embeddingPurpose",
    )
    versions = {"schemaVersion": {"enum": ["nova-multimodal-embed-v1"]}, "taskType": {"enum": ["SINGLE_EMBEDDING"]}}
    check(_object({**versions, "singleEmbeddingParams": single}, "taskType", "singleEmbeddingParams"), request)
    asked = request["singleEmbeddingParams"]
    given = [name for name in ("text", "image", "audio", "video") if name in asked]
    if len(given) != 1:
        raise _malformed("#/singleEmbeddingParams: exactly one of text, image, audio or video must be provided")
    dimension = asked.get("embeddingDimension", 3072)
    if given[0] != "text":
        return _nova_media(asked[given[0]], given[0], dimension), 0
    value, how = str(asked["text"].get("value") or ""), asked["text"]["truncationMode"]
    if not value:
        raise _malformed("#/singleEmbeddingParams/text: required key [value] not found")
    told: Body = {}
    if len(value) > _NOVA_CHARACTERS:
        if how == "NONE":
            limit = f"expected maxLength: {_NOVA_CHARACTERS}, actual: {len(value)}"
            raise _malformed(f"#/singleEmbeddingParams/text/value: {limit}")
        value = value[-_NOVA_CHARACTERS:] if how == "START" else value[:_NOVA_CHARACTERS]
        told = {"truncatedCharLength": _NOVA_CHARACTERS}
    (row,) = _vectors([value], dimension)
    made = {"embeddingType": "TEXT", "embedding": _numbers(row), **told}
    return {"embeddings": [made]}, words.count(value)


def _nova_media(given: Body, kind: str, dimension: int) -> Body:
    content = str(given["source"].get("bytes") or "")
    if not content:
        raise RefusedError(_UNREAD.format("bytes"))
    separate = given.get("embeddingMode") == "AUDIO_VIDEO_SEPARATE"
    names = {"video": ["VIDEO", "AUDIO"] if separate else ["AUDIO_VIDEO_COMBINED"]}.get(kind, [kind.upper()])
    row = _numbers(_of_bytes(_decoded(content, f"#/singleEmbeddingParams/{kind}/source/bytes"), dimension))
    return {"embeddings": [{"embeddingType": name, "embedding": row} for name in names]}


_MEDIA = _object({"base64String": _TEXT, "s3Location": {"type": "object"}})


def _marengo_2(model: str, request: Any) -> tuple[Body, int]:
    wanted = {
        "inputType": {"enum": ["text", "image"]},
        "inputText": _TEXT,
        "textTruncate": {"enum": ["end", "none"]},
        "mediaSource": _MEDIA,
    }
    check(_object(wanted, "inputType"), request)
    cut = {"end": "END", "none": "NONE"}[request.get("textTruncate", "end")]
    media = [request["mediaSource"]] if request["inputType"] == "image" and "mediaSource" in request else []
    text = request.get("inputText") if request["inputType"] == "text" else None
    return _marengo(model, text, media, 1024, cut)


def _marengo_3(model: str, request: Any) -> tuple[Body, int]:
    text, image = _object({"inputText": _TEXT}, "inputText"), _object({"mediaSource": _MEDIA}, "mediaSource")
    both = _object({"inputText": _TEXT, "mediaSource": _MEDIA}, "inputText", "mediaSource")
    wanted = {"inputType": {"enum": ["text", "image", "text_image"]}, "text": text, "image": image, "text_image": both}
    check(_object(wanted, "inputType"), request)
    asked = request.get(request["inputType"])
    if asked is None:
        raise _malformed(f"#: required key [{request['inputType']}] not found")
    return _marengo(
        model, asked.get("inputText"), [asked["mediaSource"]] if "mediaSource" in asked else [], 512, "NONE"
    )


def _marengo(model: str, text: str | None, media: Sequence[Body], dimension: int, truncate: str) -> tuple[Body, int]:
    rows, tokens = [], 0
    if text is not None:
        read, tokens = _cut(model, text, truncate)
        rows += list(_vectors([read], dimension))
    for each in media:
        if "base64String" not in each:
            raise RefusedError(_UNREAD.format("base64String"))
        rows.append(_of_bytes(_decoded(each["base64String"], "#/mediaSource/base64String"), dimension))
    if not rows:
        raise _malformed("#: required key [inputText] not found")
    return {"data": [{"embedding": _numbers(words.unit(sum(rows[1:], rows[0])))}]}, tokens


#: Maximum number of documents that a model reranks at once: https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-api.html
_RERANKED = {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": ["string", "object"]}}
_TOP = {"type": "integer", "minimum": 1}


def _amazon_rerank(_model: str, request: Any) -> tuple[Body, int]:
    check(_object({"query": _TEXT, "documents": _RERANKED, "top_n": _TOP}, "query", "documents"), request)
    return _reranked(request)


def _cohere_rerank(_model: str, request: Any) -> tuple[Body, int]:
    wanted = {
        "query": _TEXT,
        "documents": _RERANKED,
        "top_n": _TOP,
        "api_version": {"type": "integer", "minimum": 2},
        "max_tokens_per_doc": _TOP,
        "return_documents": {"type": "boolean"},
    }
    check(_object(wanted, "query", "documents", "api_version"), request)
    return _reranked(request)


def _reranked(request: Body) -> tuple[Body, int]:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in request["documents"]]
    order = ranked(request["query"], texts)[: request.get("top_n")]
    results = [{"index": place, "relevance_score": score} for place, score in order]
    return {"results": results}, sum(words.count(text) for text in (request["query"], *texts))


def ranked(query: str, texts: Sequence[str]) -> list[tuple[int, float]]:
    """The indexes of texts with their relevance, from 0 to 1, most relevant first."""
    scores = vectors.relevance(query, texts)
    return sorted(enumerate(scores), key=lambda each: (-each[1], each[0]))


#: By the beginning of a family's model names. Of two that match, the longer one comes first.
_FAMILIES: dict[str, Callable[[str, Any], tuple[Body, int]]] = {
    "amazon.titan-embed-text-v2": _titan_v2,
    "amazon.titan-embed-image": _titan_image,
    "amazon.titan-embed": _titan,
    "amazon.nova-2-multimodal-embeddings": _nova,
    "cohere.embed-v4": _cohere_v4,
    "cohere.embed": _cohere,
    "twelvelabs.marengo-embed-2-7": _marengo_2,
    "twelvelabs.marengo-embed": _marengo_3,
    "amazon.rerank": _amazon_rerank,
    "cohere.rerank": _cohere_rerank,
}
