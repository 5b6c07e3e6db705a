"""Image models: the bodies of InvokeModel for models that draw new images, and a drawing for each prompt.

The drawing is a field of colors that the prompt determines, with the prompt in a text chunk: the same prompt gives the
same image, and a guardrail of this account, which sees no images, reads the text in its place.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import bedrock_runtime as runtime

from . import embeddings
from .assessment import Assessment, Part, assess as assess_texts
from .request_rules import malformed

Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

#: Models by the beginning of their id, and the members of their bodies.
_TEXT = frozenset({"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "mode"})
_MEMBERS = {
    "stability.sd3-5-large": _TEXT | {"image", "strength"},
    "stability.stable-image-core": _TEXT,
    "stability.stable-image-ultra": _TEXT | {"image", "strength"},
    "stability.stable-image-style-guide": (_TEXT - {"mode"}) | {"image", "fidelity", "style_preset"},
}
_NEEDS_IMAGE = "stability.stable-image-style-guide"
_RATIOS = {"16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"}
#: Pixels of a drawing, about: fewer than a real model's, to be drawn fast.
_PIXELS = 64 * 1024
#: Keyword of the text chunk that holds the prompt.
KEYWORD = b"Description"
_MARK = re.compile(r"\[image:([A-Z]+)\]")
_PNG = b"\x89PNG\r\n\x1a\n"


def serves(path: str) -> bool:
    """Whether a call is for a model that draws new images."""
    found = embeddings._call_of(path)
    return found is not None and found[1] == "invoke" and _members(embeddings.model_of(found[0]) or "") is not None


def answer(path: str, headers: dict[str, str], body: bytes) -> Response:
    """The response to a call that :func:`serves` accepts, whose guardrail assesses the prompt and the image."""
    model = embeddings.model_of((embeddings._call_of(path) or ("", ""))[0]) or ""
    wrong, request = _checked(model, body)
    if wrong:
        return runtime._error("ValidationException", malformed(wrong), 400)  # type: ignore[no-any-return]
    guardrail = headers.get("x-amzn-bedrock-guardrailidentifier", "")
    version = headers.get("x-amzn-bedrock-guardrailversion", "DRAFT")
    record = runtime._resolve_guardrail(guardrail, version) if guardrail else {}
    if record and assess_texts(record, "INPUT", [Part(request["prompt"])]).blocked:
        return _json({"amazon-bedrock-guardrailAction": "INTERVENED", "images": [], "finish_reasons": [None]})
    image = drawing(request["prompt"], request.get("aspect_ratio", "1:1"))
    acted = {"amazon-bedrock-guardrailAction": "NONE"} if record else {}
    seed = int(request.get("seed", 0))
    return _json({"seeds": [seed], "finish_reasons": [None], "images": [base64.b64encode(image).decode()], **acted})


def _members(model: str) -> frozenset[str] | None:
    return next((found for name, found in _MEMBERS.items() if model.startswith(name)), None)


def _checked(model: str, body: bytes) -> tuple[str, Body]:
    """What is wrong with a body, and the body."""
    try:
        request = json.loads(body)
    except ValueError:
        return "the body is no valid JSON", {}
    members = _members(model) or frozenset()
    if not isinstance(request, dict):
        return "#: expected type: JSONObject", {}
    if not isinstance(request.get("prompt"), str) or not 0 < len(request["prompt"]) <= 10_000:
        return "#/prompt: expected minLength: 1, maxLength: 10000", {}
    for name in request:
        if name not in members:
            return f"#: extraneous key [{name}] is not permitted", {}
    if request.get("aspect_ratio", "1:1") not in _RATIOS:
        return "#/aspect_ratio: not a valid enum value", {}
    if str(request.get("output_format", "png")).lower() != "png":
        return "the local account draws png only", {}
    if model.startswith(_NEEDS_IMAGE):
        try:
            image = base64.b64decode(request.get("image", ""), validate=True)
        except (binascii.Error, TypeError, ValueError):
            image = b""
        if not image.startswith((_PNG, b"\xff\xd8\xff", b"RIFF")):
            return "#: required key [image] not found, or no image", {}
    return "", request


def drawing(prompt: str, ratio: str) -> bytes:
    """A PNG image for a prompt."""
    across, down = (int(each) for each in ratio.split(":"))
    width = round((_PIXELS * across / down) ** 0.5)
    height = _PIXELS // width
    seed = hashlib.sha256(prompt.encode()).digest()
    row = bytes((seed[c] + x * (seed[3 + c] % 3)) % 256 for x in range(width) for c in range(3))
    rows = b"".join(b"\0" + bytes((each + y) % 256 for each in row) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    text = KEYWORD + b"\0\0\0\0\0" + prompt.encode()
    chunks = ((b"IHDR", header), (b"iTXt", text), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return _PNG + b"".join(_chunk(*each) for each in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def seen(image: bytes) -> str:
    """What a guardrail of this account sees in an image: the text of its description. Empty for any other image."""
    place = len(_PNG)
    while image.startswith(_PNG) and place + 8 <= len(image):
        (length,) = struct.unpack(">I", image[place : place + 4])
        data = image[place + 8 : place + 8 + length]
        if image[place + 4 : place + 8] == b"iTXt" and data.startswith(KEYWORD + b"\0"):
            return data[len(KEYWORD) + 5 :].decode(errors="replace")
        place += length + 12
    return ""


def assess(record: Mapping[str, Any], source: str, images: Sequence[bytes], made: Assessment) -> int:
    """Evaluate images, add what is found to the findings of a request, and return how many were evaluated.

    Nothing here sees what an image shows. An image whose description holds a mark such as ``[image:VIOLENCE]`` counts
    as one that shows it.
    """
    side = source.lower()
    filters = {
        each["type"]: each
        for each in (record.get("ContentPolicy") or {}).get("filtersConfig") or []
        if "IMAGE" in (each.get(f"{side}Modalities") or []) and each.get(f"{side}Strength") != "NONE"
    }
    if not filters:
        return 0
    for image in images:
        for kind in _MARK.findall(seen(image)):
            if kind in filters:
                told = {"type": kind, "confidence": "HIGH", "filterStrength": filters[kind][f"{side}Strength"]}
                entries = made.policies.setdefault("contentPolicy", {"filters": []})["filters"]
                entries.append({**told, "action": "BLOCKED", "detected": True})
                made.blocked = True
    made.usage["contentPolicyImageUnits"] = len(images)
    return len(images)


def _json(content: Body) -> Response:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()
