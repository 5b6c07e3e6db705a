"""What image models of Amazon Bedrock are asked, and what they answer.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html
https://docs.aws.amazon.com/bedrock/latest/userguide/stable-image-services.html
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Literal

Form = Literal["text", "style"]

#: Models by the beginning of their id: those that draw from a text alone, and those that take a style from an image.
FAMILIES: Mapping[str, Form] = {
    "stability.sd3-5-large": "text",
    "stability.stable-image-core": "text",
    "stability.stable-image-ultra": "text",
    "stability.stable-image-style-guide": "style",
}
RATIOS = ("1:1", "16:9", "9:16", "21:9", "9:21", "3:2", "2:3", "5:4", "4:5")
#: How much an image of no particular style weighs, from 0, not at all, to 1.
NEUTRAL_FIDELITY = 0.05
STYLE_FIDELITY = 0.5
#: What a guardrail assesses: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-mmfilter.html
MOST_BYTES, MOST_PIXELS = 4 * 1024 * 1024, 8_000
#: Says, for programs, that a model made the image: https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_PNG = b"\x89PNG\r\n\x1a\n"


class ImageError(ValueError):
    """There is no image that could be shown.

    :param withheld: whether the provider or the guardrail withheld it.
    """

    def __init__(self, message: str, *, withheld: bool = False) -> None:
        super().__init__(message)
        self.withheld = withheld


def form_of(model: str) -> Form | None:
    """What a model draws from; None for models that do not draw new images.

    :param model: a model id, or the id of an inference profile.
    """
    for beginning, form in FAMILIES.items():
        if model.startswith(beginning) or model.partition(".")[2].startswith(beginning):
            return form
    return None


def request(model: str, prompt: str, ratio: str, negative: str = "", style: bytes | None = None) -> dict[str, Any]:
    """The body of InvokeModel for one image.

    :param negative: what the image is not to show.
    :param style: an image whose style is followed, for models that take one. Default: none in particular.
    """
    body = {"prompt": prompt, "aspect_ratio": ratio, "output_format": "png"}
    if negative:
        body["negative_prompt"] = negative
    if form_of(model) != "style":
        return body
    image = base64.b64encode(style or neutral()).decode()
    return {**body, "image": image, "fidelity": STYLE_FIDELITY if style else NEUTRAL_FIDELITY}


def image_of(answer: Mapping[str, Any]) -> bytes:
    """The PNG image of a response of InvokeModel.

    :raises ImageError: if there is none, or none that a guardrail can assess.
    """
    if answer.get("amazon-bedrock-guardrailAction") == "INTERVENED":
        raise ImageError("The guardrail blocked the image.", withheld=True)
    reasons = [each for each in answer.get("finish_reasons") or () if each]
    if any(str(each).startswith("Filter") for each in reasons):
        raise ImageError("The model's provider withheld the image.", withheld=True)
    images = answer.get("images") or ()
    if reasons or not images:
        raise ImageError("The model made no image.")
    image = base64.b64decode(str(images[0]))
    width, height = size(image)
    if len(image) > MOST_BYTES or max(width, height) > MOST_PIXELS:
        raise ImageError("The image is larger than a guardrail assesses.")
    return image


def size(image: bytes) -> tuple[int, int]:
    """Width and height of a PNG image, in pixels.

    https://www.w3.org/TR/png-3/#11IHDR

    :raises ImageError: if it is none.
    """
    if image[:8] != _PNG or image[12:16] != b"IHDR" or len(image) < 33:
        raise ImageError("The model made no PNG image.")
    width, height = struct.unpack(">II", image[16:24])
    return int(width), int(height)


def marked(image: bytes, model: str) -> bytes:
    """A PNG image whose metadata (XMP) say that a model made it, and which.

    https://www.iptc.org/std/photometadata/documentation/userguide/#_guidance_for_using_digital_source_type
    """
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" xmp:CreatorTool="{model}"/></rdf:RDF></x:xmpmeta>'
    )
    # Keyword, no compression, no language, no translated keyword.
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet.encode()
    # Signature and header have 33 bytes.
    return image[:33] + _chunk(b"iTXt", text) + image[33:]


def neutral() -> bytes:
    """A gray square of 512 pixels, for models that ask for an image where none is meant."""
    side = 512
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x80" * side * 3) * side
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
