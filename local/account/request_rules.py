"""What Bedrock rejects in a well-formed request: conversations, content, parameters, tools, bodies of each family.

Error messages are worded as Bedrock words them, so that programs can handle them alike. What a model accepts is from
the project's catalog and from
https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .validation import InvalidRequestError

Facts = Mapping[str, Any]

#: Limits of Converse: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
MOST_IMAGES = 20
MOST_IMAGE_BYTES = int(3.75 * 1024 * 1024)
MOST_IMAGE_PIXELS = 8_000
MOST_DOCUMENTS = 5
MOST_DOCUMENT_BYTES = int(4.5 * 1024 * 1024)
#: Characters per token, more than the average of any model: the estimate rejects nothing that AWS accepts.
CHARACTERS_A_TOKEN = 5

_ENDED = "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
_INVALID_MODEL = "The provided model identifier is invalid."
_NO_CHAT = "This action doesn't support the model that you provided. Try again with a supported text or chat model."
_ROLES = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between "
    "user and assistant roles and try again."
)
_START = "A conversation must start with a user message. Try again with a conversation that starts with a user message."
_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
_TOO_LONG = "Input is too long for requested model."
_NO_TOOLS = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
_DOCUMENT_NAME = re.compile(r"[A-Za-z0-9\s\-()\[\]]+")
_DOCUMENT_NAME_TOLD = (
    "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and "
    "square brackets. The name can't contain more than one consecutive whitespace character."
)

#: Models that lack a feature of Converse, by the beginning of their ids. The catalog lists the others.
_WITHOUT = {
    "converse": ("amazon.nova-canvas", "amazon.nova-reel", "amazon.nova-sonic", "amazon.nova-2-sonic"),
    "chat": ("ai21.j2-", "cohere.command-text", "cohere.command-light"),
    "system": (
        *("amazon.titan-text", "cohere.command-text", "cohere.command-light", "ai21.j2-"),
        *("mistral.mistral-7b", "mistral.mixtral-8x7b"),
    ),
    "document": ("amazon.nova-micro", "amazon.titan-text-premier", "ai21.j2-", "ai21.jamba-instruct"),
    "tools": (
        *("amazon.titan-text", "ai21.j2-", "ai21.jamba-instruct", "anthropic.claude-v", "anthropic.claude-instant"),
        *("cohere.command-text", "cohere.command-light", "meta.llama2-", "meta.llama3-8b", "meta.llama3-70b"),
        *("mistral.mistral-7b", "mistral.mixtral-8x7b", "deepseek.r1"),
    ),
    "stopSequences": ("meta.",),
}
#: Models with video or audio input, for which the catalog has no list of input types.
_VIDEO = ("amazon.nova-lite", "amazon.nova-pro", "amazon.nova-premier", "amazon.nova-2-", "twelvelabs.")
_AUDIO = ("mistral.voxtral", "amazon.nova-2-5", "google.gemma-3n")
#: Maximum number of stop sequences, from each model's page of inference parameters under
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
_MOST_STOPS = {"amazon.nova": 4, "cohere.": 4, "mistral.": 10, "anthropic.": 8191}
#: Models that accept one of the two: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
_ONE_SAMPLING = ("anthropic.claude-opus-4-1", "anthropic.claude-sonnet-4-5", "anthropic.claude-haiku-4-5")
_PROFILE = (
    "Invocation of model ID {model} with on-demand throughput isn\u2019t supported. Retry your request with the ID or "
    "ARN of an inference profile that contains this model."
)


def check_callable(
    identifier: str, model: str, facts: Facts, region: str, today: date, *, counting: bool = False
) -> None:
    """Reject a model that has reached its end of life, is not in the Region, or requires an inference profile.

    :param identifier: the model's own id or that of an inference profile.
    :param today: the date of the catalog's facts, so that a response does not depend on the clock.
    :param counting: tokens are counted by the id of the model itself, whatever id the call uses.
        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
    """
    ends = facts.get("end_of_life_by_region", {}).get(region, facts.get("end_of_life"))
    if ends and date.fromisoformat(ends) <= today:
        raise InvalidRequestError(_ENDED, "ResourceNotFoundException", 404)
    if "regions" not in facts:
        return  # the Regions of the model are unknown
    routes = {
        profile: {source for each in rows for source in each["from"]}
        for profile, rows in facts.get("routes", {}).items()
    }
    if identifier != model:
        if identifier in routes and region not in routes[identifier]:
            raise InvalidRequestError(_INVALID_MODEL)
        return
    if region not in facts["regions"]:
        if any(region in sources for sources in routes.values()):
            if counting:
                return
            raise InvalidRequestError(_PROFILE.format(model=model))
        raise InvalidRequestError(_INVALID_MODEL)


# Converse


def check_converse(model: str, facts: Facts | None, request: Mapping[str, Any], *, streaming: bool = False) -> None:
    """Reject a conversation that Bedrock, or the model, does not accept.

    :param model: the foundation model's id, or that of a custom model without facts: only Bedrock's rules apply to it.
    :raises InvalidRequestError: with Bedrock's message.
    """
    facts = facts or {}
    if facts.get("mode", "chat") != "chat" or _lacks(model, "converse"):
        raise InvalidRequestError(_NO_CHAT)
    messages = request.get("messages") or []
    _check_turns(model, facts, messages)
    for number, system in enumerate(request.get("system") or []):
        if "text" in system and not system["text"].strip():
            raise InvalidRequestError(_blank("SystemContentBlock", f"system.{number}"))
        _check_support(model, facts, system, f"system.{number}")
    if request.get("system") and _lacks(model, "system"):
        raise InvalidRequestError(
            "This model doesn't support system messages. Try again without a system message or use a model that "
            "supports system messages."
        )
    for place, message, block in _blocks(messages):
        _check_block(model, facts, place, message, block)
    _check_amounts(messages)
    _check_tools(model, facts, request, streaming=streaming)
    _check_inference(model, facts, request.get("inferenceConfig") or {})
    _check_extra(model, request.get("additionalModelRequestFields"))
    _check_length(facts, _texts(messages) + _texts([{"content": request.get("system") or []}]))


def _lacks(model: str, what: str) -> bool:
    return model.startswith(_WITHOUT[what])


def _takes(facts: Facts, what: str) -> bool:
    """Whether a model accepts something: as its facts say, and true if they do not list its input."""
    return what in facts["supports"] if "supports" in facts else what not in facts.get("supports_not", ())


def _blank(block: str, place: str) -> str:
    return f"The text field in the {block} object at {place} is blank. Add text to the text field, and try again."


def _check_turns(model: str, facts: Facts, messages: Sequence[Mapping[str, Any]]) -> None:
    if not messages or messages[0]["role"] != "user":
        raise InvalidRequestError(_START)
    for number, message in enumerate(messages):
        if message["role"] == "system" and "mid_conversation_system" not in facts.get("supports", ()):
            raise InvalidRequestError(
                f"This model doesn't support the system role at messages.{number}. Use the system field instead."
            )
    roles = [each["role"] for each in messages if each["role"] != "system"]
    if any(first == second for first, second in itertools.pairwise(roles)):
        raise InvalidRequestError(_ROLES)
    if _lacks(model, "chat") and len(messages) > 1:
        raise InvalidRequestError("This model doesn't support conversation history. Try again with one user message.")
    for number, message in enumerate(messages):
        if not message.get("content"):
            raise InvalidRequestError(
                f"The content field in the Message object at messages.{number} is empty. Add a ContentBlock object to "
                "the content field and try again."
            )
    if roles[-1] == "assistant":
        if not _prefills(model, facts):
            raise InvalidRequestError(_PREFILL)
        last = messages[-1]["content"][-1]
        if last.get("text", "").rstrip() != last.get("text", ""):
            raise InvalidRequestError(
                "The model returned the following errors: messages: final assistant content cannot end with trailing "
                "whitespace"
            )


def _prefills(model: str, facts: Facts) -> bool:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html"""
    if not facts:
        return True  # a custom model, of which no facts are known
    return "assistant_prefill" in facts.get("supports", ()) or model.startswith(
        ("amazon.nova-lite", "amazon.nova-micro", "amazon.nova-pro", "amazon.nova-premier")
    )


def _blocks(messages: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    for number, message in enumerate(messages):
        for position, block in enumerate(message["content"]):
            yield f"messages.{number}.content.{position}", message, block


def _check_block(model: str, facts: Facts, place: str, message: Mapping[str, Any], block: Mapping[str, Any]) -> None:
    if "text" in block and not block["text"].strip():
        raise InvalidRequestError(_blank("ContentBlock", place))
    _check_support(model, facts, block, place)
    only_user = {"image", "document", "video", "audio", "toolResult", "guardContent"} & block.keys()
    if only_user and message["role"] != "user":
        (kind, *_) = only_user
        raise InvalidRequestError(f"The {kind} field at {place} is for messages of the user role only.")
    if {"toolUse", "reasoningContent"} & block.keys() and message["role"] != "assistant":
        raise InvalidRequestError(
            f"The {next(iter(block))} field at {place} is for messages of the assistant role only."
        )
    if "image" in block:
        _check_image(block["image"], place)
    if "document" in block:
        _check_document(message, block["document"], place)
    if "toolResult" in block:
        for position, part in enumerate(block["toolResult"].get("content") or []):
            where = f"{place}.toolResult.content.{position}"
            if "text" in part and not part["text"].strip():
                raise InvalidRequestError(_blank("ToolResultContentBlock", where))
            _check_support(model, facts, part, where)
            if "image" in part:
                _check_image(part["image"], where)
    if "guardContent" in block:
        text = block["guardContent"].get("text", {}).get("text")
        if text is not None and not text.strip():
            raise InvalidRequestError(_blank("GuardrailConverseContentBlock", place))


def _check_support(model: str, facts: Facts, block: Mapping[str, Any], place: str) -> None:
    for kind in block:
        lacking = {
            "image": not (_takes(facts, "vision") or _takes(facts, "image_input")),
            "document": _lacks(model, "document"),
            "video": bool(facts) and not (model.startswith(_VIDEO) or "video_input" in facts.get("supports", ())),
            "audio": bool(facts) and not (model.startswith(_AUDIO) or "audio_input" in facts.get("supports", ())),
            "toolUse": _without_tools(model, facts),
            "toolResult": _without_tools(model, facts),
            "cachePoint": not _takes(facts, "prompt_caching"),
            "reasoningContent": not _takes(facts, "reasoning"),
        }.get(kind, False)
        if not lacking:
            continue
        if kind in ("toolUse", "toolResult"):
            raise InvalidRequestError("This model doesn't support tool use.")
        if kind == "document":
            raise InvalidRequestError(
                "This model doesn't support documents. Try again without documents or use a model that "
                "supports documents."
            )
        raise InvalidRequestError(
            f"This model doesn't support the {place}.{kind} field. Remove {place}.{kind} and try again."
        )


def _without_tools(model: str, facts: Facts) -> bool:
    return _lacks(model, "tools") or not _takes(facts, "function_calling")


def _decoded(source: Mapping[str, Any], place: str) -> bytes:
    """The bytes of a file in a request. None if the file is in S3."""
    try:
        return base64.b64decode(source.get("bytes") or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError(f"{place}.source.bytes is no base64", "SerializationException") from error


def _check_image(image: Mapping[str, Any], place: str) -> None:
    content = _decoded(image["source"], f"{place}.image")
    if "bytes" in image["source"] and not content:
        raise InvalidRequestError(f"The image at {place} is empty.")
    if not content:
        return
    if len(content) > MOST_IMAGE_BYTES:
        raise InvalidRequestError(f"The image at {place} has {len(content)} bytes, and may have {MOST_IMAGE_BYTES}.")
    found = _kind_and_pixels(content)
    if found is None or found[0] != image["format"]:
        raise InvalidRequestError("Could not process image")
    if max(found[1:]) > MOST_IMAGE_PIXELS:
        raise InvalidRequestError(
            f"At least one of the image dimensions exceed max allowed size: {MOST_IMAGE_PIXELS} pixels"
        )


def _kind_and_pixels(content: bytes) -> tuple[str, int, int] | None:
    """The format of an image, its width and its height. None for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        return ("png", *struct.unpack(">II", content[16:24]))
    if content[:6] in (b"GIF87a", b"GIF89a") and len(content) >= 10:
        return ("gif", *struct.unpack("<HH", content[6:10]))
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return ("webp", *_webp(content))
    return _jpeg(content) if content.startswith(b"\xff\xd8") else None


def _webp(content: bytes) -> tuple[int, int]:
    """https://developers.google.com/speed/webp/docs/riff_container"""
    form, body = content[12:16], content[20:]
    if form == b"VP8X" and len(body) >= 10:
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if form == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _jpeg(content: bytes) -> tuple[str, int, int] | None:
    """https://www.w3.org/Graphics/JPEG/itu-t81.pdf, B.1 and B.2"""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return "jpeg", width, height
        at += 2 if marker == 0xFF else 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _check_document(message: Mapping[str, Any], document: Mapping[str, Any], place: str) -> None:
    name = document["name"]
    if not _DOCUMENT_NAME.fullmatch(name) or re.search(r"\s\s", name):
        raise InvalidRequestError(_DOCUMENT_NAME_TOLD)
    content = _decoded(document["source"], f"{place}.document")
    if "bytes" in document["source"] and not content:
        raise InvalidRequestError(f"The document at {place} is empty.")
    if len(content) > MOST_DOCUMENT_BYTES:
        raise InvalidRequestError(
            f"The document at {place} has {len(content)} bytes, and may have {MOST_DOCUMENT_BYTES}."
        )
    if not any("text" in block for block in message["content"]):
        raise InvalidRequestError(
            f"The message of the document at {place} has no text block. Add a text block to the message and try again."
        )


def _check_amounts(messages: Sequence[Mapping[str, Any]]) -> None:
    for number, message in enumerate(messages):
        parts = list(message["content"])
        for block in message["content"]:
            parts += block.get("toolResult", {}).get("content") or []
        images, documents = (sum(kind in part for part in parts) for kind in ("image", "document"))
        if images > MOST_IMAGES:
            raise InvalidRequestError(
                f"The message at messages.{number} has {images} images, and may have {MOST_IMAGES}."
            )
        if documents > MOST_DOCUMENTS:
            raise InvalidRequestError(
                f"The message at messages.{number} has {documents} documents, and may have {MOST_DOCUMENTS}."
            )
        names = [block["document"]["name"] for block in message["content"] if "document" in block]
        if len(names) != len(set(names)):
            raise InvalidRequestError(f"The documents of messages.{number} need names of their own.")


def _check_tools(model: str, facts: Facts, request: Mapping[str, Any], *, streaming: bool) -> None:
    config, messages = request.get("toolConfig"), request.get("messages") or []
    if config is None:
        if any({"toolUse", "toolResult"} & block.keys() for _, _, block in _blocks(messages)):
            raise InvalidRequestError(_NO_TOOLS)
        return
    if _without_tools(model, facts):
        raise InvalidRequestError(
            "This model doesn't support tool use in streaming mode."
            if streaming
            else "This model doesn't support tool use."
        )
    tools = [each["toolSpec"] for each in config["tools"] if "toolSpec" in each]
    for number, each in enumerate(config["tools"]):
        if "cachePoint" in each:
            _check_support(model, facts, each, f"toolConfig.tools.{number}")
        if "toolSpec" in each:
            _check_schema(each["toolSpec"].get("inputSchema", {}).get("json"), number)
    names = [each["name"] for each in tools]
    if len(names) != len(set(names)):
        raise InvalidRequestError("The toolConfig field has two tools of one name. Give each tool a name of its own.")
    _check_choice(facts, config.get("toolChoice") or {}, names)
    _check_results(messages)


def _check_schema(schema: Any, number: int) -> None:
    place = f"toolConfig.tools.{number}.toolSpec.inputSchema.json"
    if not isinstance(schema, dict):
        raise InvalidRequestError(f"The value at {place} must be a JSON schema.")
    if schema.get("type") != "object":
        raise InvalidRequestError(f"The value at {place}.type must be one of the following: object.")


def _check_choice(facts: Facts, choice: Mapping[str, Any], names: Sequence[str]) -> None:
    for kind in choice:
        forced = kind in ("any", "tool")
        if forced and (
            "tool_choice" in facts.get("supports_not", ()) or "forced_tool_use" in facts.get("supports_not", ())
        ):
            raise InvalidRequestError(
                f"This model doesn't support the toolConfig.toolChoice.{kind} field. Remove "
                f"toolConfig.toolChoice.{kind} and try again."
            )
    wanted = choice.get("tool", {}).get("name")
    if wanted is not None and wanted not in names:
        raise InvalidRequestError(f"The tool {wanted} of toolConfig.toolChoice is none of toolConfig.tools.")


def _check_results(messages: Sequence[Mapping[str, Any]]) -> None:
    """Every use of a tool must have a result in the next turn, and every result a use.

    https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use-inference-call.html
    """
    asked: list[str] = []
    for number, message in enumerate(messages):
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        place = f"messages.{number}.content"
        if len(results) > len(asked):
            raise InvalidRequestError(
                f"The number of toolResult blocks at {place} exceeds the number of toolUse blocks of previous turn."
            )
        missing = [each for each in asked if each not in results]
        if missing:
            raise InvalidRequestError(
                f"Expected toolResult blocks at {place} for the following Ids: {', '.join(missing)}"
            )
        asked = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if len(asked) != len(set(asked)):
            raise InvalidRequestError(f"The toolUse blocks at {place} contain duplicate Ids.")


def _check_inference(model: str, facts: Facts, config: Mapping[str, Any]) -> None:
    most = facts.get("max_output_tokens")
    tokens = config.get("maxTokens")
    if most and tokens is not None and tokens > most:
        raise InvalidRequestError(
            f"The maximum tokens you requested exceeds the model limit of {most}. Try again with a maximum tokens "
            f"value that is lower than {most}."
        )
    given = [name for name in ("temperature", "topP") if config.get(name) is not None]
    if "sampling_params" in facts.get("supports_not", ()) and given:
        raise InvalidRequestError(f"This model doesn't support the {given[0]} field. Remove {given[0]} and try again.")
    if len(given) == 2 and model.startswith(_ONE_SAMPLING):
        raise InvalidRequestError(
            "The model returned the following errors: `temperature` and `top_p` cannot both be specified for this "
            "model. Please use only one."
        )
    _check_stops(model, config.get("stopSequences"))


def _check_stops(model: str, stops: Sequence[str] | None) -> None:
    if not stops:
        return
    if _lacks(model, "stopSequences"):
        raise InvalidRequestError(
            "This model doesn't support the stopSequences field. Remove stopSequences and try again."
        )
    most = next((number for start, number in _MOST_STOPS.items() if model.startswith(start)), None)
    if most is not None and len(stops) > most:
        raise InvalidRequestError(
            f"The model returned the following errors: stop_sequences: {len(stops)} are more than the {most} it takes"
        )
    if any(not each.strip() for each in stops) and model.startswith("anthropic."):
        raise InvalidRequestError(
            "The model returned the following errors: stop_sequences: each stop sequence must contain non-whitespace"
        )


#: What a family accepts beside Converse's own fields, each on its page under
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
_EXTRA = {
    "anthropic.": frozenset(
        (
            *(
                "anthropic_version",
                "anthropic_beta",
                "top_k",
                "thinking",
                "output_config",
                "metadata",
                "reasoning_config",
            ),
            *("tools", "tool_choice", "context_management", "output_format", "system", "stop_sequences", "effort"),
        )
    ),
    "amazon.nova": frozenset(("inferenceConfig", "reasoningConfig", "additionalModelRequestFields", "toolConfig")),
    "meta.": frozenset(("prompt", "max_gen_len", "temperature", "top_p", "images")),
    "amazon.titan-text": frozenset(("textGenerationConfig", "inputText")),
}


def _check_extra(model: str, fields: Any) -> None:
    if fields is None:
        return
    if not isinstance(fields, dict):
        raise InvalidRequestError("The value at additionalModelRequestFields must be a JSON object.")
    known = next((names for start, names in _EXTRA.items() if model.startswith(start)), None)
    foreign = sorted(set(fields) - known) if known is not None else []
    if foreign and model.startswith("anthropic."):
        raise InvalidRequestError(
            f"The model returned the following errors: {foreign[0]}: Extra inputs are not permitted"
        )
    if foreign:
        raise InvalidRequestError(malformed(f"#: extraneous key [{foreign[0]}] is not permitted"))
    top_k = fields.get("top_k")
    if (
        model.startswith("anthropic.")
        and top_k is not None
        and not (_is_number(top_k, whole=True) and 0 <= top_k <= 500)
    ):
        raise InvalidRequestError("The model returned the following errors: top_k: Input should be from 0 to 500")


def _texts(messages: Sequence[Mapping[str, Any]]) -> int:
    """The number of characters in the text of a conversation."""
    count = 0
    for message in messages:
        for block in message["content"]:
            count += len(block.get("text") or "")
            count += len(block.get("guardContent", {}).get("text", {}).get("text") or "")
            for part in block.get("toolResult", {}).get("content") or []:
                count += len(part.get("text") or "")
    return count


def _check_length(facts: Facts, characters: int) -> None:
    most = facts.get("max_input_tokens")
    if most and characters / CHARACTERS_A_TOKEN > most:
        raise InvalidRequestError(_TOO_LONG)


# InvokeModel


@dataclass(frozen=True)
class Field:
    """A key of a request body.

    :param kind: ``integer``, ``number``, ``string``, ``array``, ``object``, ``boolean`` or ``any``.
    :param least: minimum of a number, or minimum number of items of an array.
    """

    kind: str
    least: float | None = None
    most: float | None = None
    required: bool = False
    fields: Mapping[str, Field] | None = None


_SHARE = Field("number", 0, 1)
_MESSAGES = Field("array", 1, required=True)
_STRINGS = Field("array")
_OBJECT = Field("object")
_TOKENS = Field("integer", 1)


def _family(model: str) -> Mapping[str, Field] | None:
    """The keys of a model's body. None if the project has no documentation page for them."""
    return next((fields for starts, fields in _BODIES if model.startswith(starts)), None)


_BODIES: tuple[tuple[tuple[str, ...], Mapping[str, Field]], ...] = (
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-text-completion.html
    (
        ("anthropic.claude-v", "anthropic.claude-instant"),
        {
            "prompt": Field("string", 1, required=True),
            "max_tokens_to_sample": Field("integer", 0, required=True),
            "temperature": _SHARE,
            "top_p": _SHARE,
            "top_k": Field("integer", 0, 500),
            "stop_sequences": _STRINGS,
            "anthropic_version": Field("string"),
        },
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
    (
        ("anthropic.",),
        {
            "anthropic_version": Field("string", required=True),
            "anthropic_beta": _STRINGS,
            "max_tokens": Field("integer", 1, required=True),
            "messages": _MESSAGES,
            "system": Field("any"),
            "temperature": _SHARE,
            "top_p": _SHARE,
            "top_k": Field("integer", 0, 500),
            "stop_sequences": _STRINGS,
            "tools": Field("array"),
            **dict.fromkeys(("tool_choice", "thinking", "metadata"), _OBJECT),
            **dict.fromkeys(("output_config", "output_format", "context_management"), _OBJECT),
        },
    ),
    # https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
    (
        ("amazon.nova-micro", "amazon.nova-lite", "amazon.nova-pro", "amazon.nova-premier", "amazon.nova-2-lite"),
        {
            "schemaVersion": Field("string"),
            "messages": _MESSAGES,
            "system": Field("array"),
            "inferenceConfig": Field(
                "object",
                fields={
                    **dict.fromkeys(("maxTokens", "max_new_tokens"), _TOKENS),
                    "temperature": _SHARE,
                    **dict.fromkeys(("topP", "top_p"), _SHARE),
                    **dict.fromkeys(("topK", "top_k"), Field("integer", 0, 128)),
                    **dict.fromkeys(("stopSequences", "stop_sequences"), Field("array", 0, 4)),
                    "reasoningConfig": _OBJECT,
                },
            ),
            **dict.fromkeys(("toolConfig", "reasoningConfig", "additionalModelRequestFields"), _OBJECT),
        },
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html
    (
        ("amazon.titan-text",),
        {
            "inputText": Field("string", required=True),
            "textGenerationConfig": Field(
                "object",
                fields={
                    "temperature": _SHARE,
                    "topP": _SHARE,
                    "maxTokenCount": Field("integer", 0),
                    "stopSequences": _STRINGS,
                },
            ),
        },
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
    (
        ("meta.",),
        {
            "prompt": Field("string", 1, required=True),
            "max_gen_len": Field("integer", 1, 8_192),
            "temperature": _SHARE,
            "top_p": _SHARE,
            "images": _STRINGS,
        },
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-text-completion.html
    (
        ("mistral.mistral-7b", "mistral.mixtral-8x7b", "mistral.mistral-large-2402", "mistral.mistral-small-2402"),
        {
            "prompt": Field("string", 1, required=True),
            "max_tokens": _TOKENS,
            "stop": Field("array", 0, 10),
            "temperature": _SHARE,
            "top_p": _SHARE,
            "top_k": Field("integer", 0),
        },
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command.html
    (
        ("cohere.command-text", "cohere.command-light"),
        {
            "prompt": Field("string", 1, required=True),
            "temperature": Field("number", 0, 5),
            "p": _SHARE,
            "k": Field("number", 0, 500),
            "max_tokens": _TOKENS,
            "stop_sequences": Field("array", 0, 4),
            "return_likelihoods": Field("string"),
            "stream": Field("boolean"),
            "num_generations": Field("integer", 1, 5),
            "logit_bias": _OBJECT,
            "truncate": Field("string"),
        },
    ),
)
#: The key by which a family sets the maximum number of tokens of a response.
_MOST_TOKENS = ("max_tokens", "max_tokens_to_sample", "max_gen_len", "maxTokenCount", "maxTokens", "max_new_tokens")


def malformed(reason: str) -> str:
    """Bedrock's message for a body that does not match its model."""
    return f"Malformed input request: {reason}, please reformat your input and try again."


def check_body(model: str, facts: Facts | None, body: Mapping[str, Any]) -> None:
    """Reject a body of InvokeModel that the model's family does not accept.

    Bodies of embedding, reranking and image models are checked by their own modules.

    :raises InvalidRequestError: with Bedrock's message.
    """
    facts = facts or {}
    family = _family(model)
    if facts.get("mode", "chat") != "chat" or family is None:
        return
    problems = list(_problems(family, body, "#"))
    if problems:
        told = problems[0] if len(problems) == 1 else f"{len(problems)} schema violations found: {'; '.join(problems)}"
        raise InvalidRequestError(malformed(told))
    given = {**body, **body.get("textGenerationConfig", {}), **body.get("inferenceConfig", {})}
    most = facts.get("max_output_tokens")
    for name in _MOST_TOKENS:
        if most and given.get(name, 0) > most:
            raise InvalidRequestError(malformed(f"#/{name}: {given[name]} is not less or equal to {most}"))
    if "sampling_params" in facts.get("supports_not", ()):
        for name in ("temperature", "top_p", "top_k"):
            if name in body:
                raise InvalidRequestError(f"`{name}` is deprecated for this model.")
    if "temperature" in body and "top_p" in body and model.startswith(_ONE_SAMPLING):
        raise InvalidRequestError(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        )
    if "messages" in family:
        _check_native(model, facts, body["messages"])
    _check_length(facts, _native_characters(body))


def _problems(fields: Mapping[str, Field], given: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, each in fields.items():
        if each.required and name not in given:
            yield f"{path}: required key [{name}] not found"
    for name, value in given.items():
        known = fields.get(name)
        if known is None:
            yield f"{path}: extraneous key [{name}] is not permitted"
        else:
            yield from _problem(known, value, f"{path}/{name}")


_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "boolean": (bool,),
    "any": (object,),
}


def _is_number(value: Any, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


def _problem(known: Field, value: Any, path: str) -> Iterator[str]:
    number = known.kind in ("integer", "number")
    fits = _is_number(value, whole=known.kind == "integer") if number else isinstance(value, _KINDS[known.kind])
    if not fits:
        kinds = {str: "String", list: "JSONArray", dict: "JSONObject", bool: "Boolean", int: "Integer", float: "Double"}
        wanted = {"array": "JSONArray", "object": "JSONObject"}.get(known.kind, known.kind.capitalize())
        yield f"{path}: expected type: {wanted}, found: {kinds.get(type(value), 'Null')}"
        return
    if number:
        if known.least is not None and value < known.least:
            yield f"{path}: {value} is not greater or equal to {known.least}"
        if known.most is not None and value > known.most:
            yield f"{path}: {value} is not less or equal to {known.most}"
    elif known.kind in ("array", "string"):
        what = "item count" if known.kind == "array" else "length"
        if known.least is not None and len(value) < known.least:
            yield f"{path}: expected minimum {what}: {int(known.least)}, found: {len(value)}"
        if known.most is not None and len(value) > known.most:
            yield f"{path}: expected maximum {what}: {int(known.most)}, found: {len(value)}"
    if known.fields is not None:
        yield from _problems(known.fields, value, path)


def _check_native(model: str, facts: Facts, messages: Sequence[Any]) -> None:
    """Turns of a body with messages. For Claude, also a prefilled response if the model accepts one."""
    for number, each in enumerate(messages):
        if not isinstance(each, dict) or each.get("role") not in ("user", "assistant"):
            raise InvalidRequestError(malformed(f"#/messages/{number}/role: it must be user or assistant"))
        content = each.get("content")
        if not isinstance(content, str | list) or not content:
            raise InvalidRequestError(f"messages.{number}: all messages must have non-empty content")
        parts = content if isinstance(content, list) else [{"text": content}]
        for part in parts:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str) and not text.strip():
                raise InvalidRequestError("messages: text content blocks must contain non-whitespace text")
    if messages[0]["role"] != "user":
        raise InvalidRequestError('messages: first message must use the "user" role')
    roles = [each["role"] for each in messages]
    if any(first == second for first, second in itertools.pairwise(roles)):
        raise InvalidRequestError(
            'messages: roles must alternate between "user" and "assistant", but found multiple of one in a row'
        )
    if roles[-1] == "assistant" and not _prefills(model, facts):
        raise InvalidRequestError(_PREFILL)


def _native_characters(value: Any) -> int:
    """The number of characters in the texts of a body."""
    if isinstance(value, dict):
        skipped = ("source", "bytes", "data", "images")
        return sum(_native_characters(item) for key, item in value.items() if key not in skipped)
    if isinstance(value, list):
        return sum(_native_characters(item) for item in value)
    return len(value) if isinstance(value, str) else 0
