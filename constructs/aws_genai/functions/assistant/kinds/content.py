"""Images that an image model draws: assessed before and after, stored for a while, and shown by a presigned address."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from ...chat.request import client
from ..content_environment import ContentEnvironment
from ..images import RATIOS, ImageError, image_of, marked, request, size
from ..reading import parts
from ..tools import Call, ToolError
from . import Asker

#: Seconds for one image, and for a request to Amazon S3.
DRAWN_SECONDS, STORED_SECONDS = 120, 10
#: Seconds that the address of an image is valid; less if the credentials of the function expire earlier.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
SHOWN_SECONDS = 900
_PROMPT = 4_000
_BUSY = ("ThrottlingException", "ServiceUnavailableException", "ModelNotReadyException")


def tools(asker: Asker) -> list[CreateImage]:
    """The tools of the kind."""
    own = ContentEnvironment.read()
    return [CreateImage(client("bedrock-runtime", DRAWN_SECONDS), storage(), own, str(asker.claims["sub"]))]


@cache
def storage() -> Any:  # noqa: ANN401 - boto3 has no types
    """A client of Amazon S3 whose addresses hold a signature of version 4, which objects under a KMS key require."""
    config = Config(
        signature_version="s3v4", connect_timeout=2, read_timeout=STORED_SECONDS, retries={"total_max_attempts": 2}
    )
    return boto3.client("s3", config=config)


class CreateImage:
    """The tool that draws an image.

    :param runtime: a ``bedrock-runtime`` client of boto3.
    :param storage: an ``s3`` client of boto3.
    :param user: ID of the user, under which images are stored.
    """

    name, confirm = "create_image", False

    def __init__(self, runtime: Any, storage: Any, own: ContentEnvironment, user: str) -> None:  # noqa: ANN401
        self._runtime, self._storage, self._own, self._user = runtime, storage, own, user
        self._drawn = 0
        models = list(own.IMAGE_MODELS)
        self.description = (
            "Draws one image from a description and shows it to the user. Describe subject, setting, composition, "
            f"light and style in English. An answer has at most {own.IMAGES_PER_ANSWER} images."
        )
        properties: dict[str, Any] = {
            "prompt": {"type": "string", "minLength": 1, "maxLength": _PROMPT},
            "negative_prompt": {
                "type": "string",
                "description": "What the image is not to show.",
                "maxLength": _PROMPT,
            },
            "aspect_ratio": {"type": "string", "enum": list(RATIOS), "description": "Default: 1:1."},
        }
        if len(models) > 1:
            properties["model"] = {"type": "string", "enum": models, "description": f"Default: {models[0]}."}
        self.schema: Mapping[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": ["prompt"],
            "additionalProperties": False,
        }

    def run(self, call: Call) -> str:
        """Draw an image and show it. The guardrail has assessed the arguments."""
        own, asked = self._own, call.arguments
        if self._drawn >= own.IMAGES_PER_ANSWER:
            raise ToolError(f"An answer has at most {own.IMAGES_PER_ANSWER} images.", refused=True)
        model = str(asked.get("model") or next(iter(own.IMAGE_MODELS)))
        body = request(
            model,
            str(asked["prompt"]),
            str(asked.get("aspect_ratio", RATIOS[0])),
            str(asked.get("negative_prompt", "")),
            self._style(),
        )
        micros = round(own.IMAGE_MODELS[model] * 1e6)
        call.spend(micros)
        self._drawn += 1
        answer = self._asked(call, model, body, micros)
        try:
            image = image_of(answer)
            width, height = size(image)
        except ImageError as error:
            raise ToolError(str(error), refused=error.withheld) from error
        call.assess_image(image)
        id = f"{uuid.uuid4().hex}.png"
        key = f"images/{quote(self._user, safe='')}/{id}"
        self._storage.put_object(Bucket=own.IMAGE_BUCKET, Key=key, Body=marked(image, model), ContentType="image/png")
        call.send(
            "image",
            id=id,
            type="image/png",
            url=self._address(key, id),
            expires_seconds=SHOWN_SECONDS,
            width=width,
            height=height,
            model=model,
            watermark="metadata",
            usd=own.IMAGE_MODELS[model],
        )
        return f"The image {id} was drawn, {width} by {height} pixels, and the user sees it. Do not repeat its address."

    def _asked(self, call: Call, model: str, body: Mapping[str, Any], micros: int) -> dict[str, Any]:
        """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""

        def ask() -> Mapping[str, Any]:
            response = self._runtime.invoke_model(
                modelId=model,
                body=json.dumps(body),
                contentType="application/json",
                accept="application/json",
                guardrailIdentifier=self._own.GUARDRAIL_ID,
                guardrailVersion=self._own.GUARDRAIL_VERSION,
            )
            return {"stream": iter([json.loads(response["body"].read())])}

        try:
            (found,) = parts(ask, call.go_on)
        except ReadTimeoutError as error:
            # What came too late may be billed.
            raise ToolError("The image model took too long.") from error
        except ClientError as error:
            call.spend(-micros)
            self._drawn -= 1
            if error.response.get("Error", {}).get("Code") in _BUSY:
                raise ToolError("The image model is busy. Try again later.") from error
            raise
        return dict(found)

    def _style(self) -> bytes | None:
        key = self._own.IMAGE_STYLE
        if key is None:
            return None
        content: bytes = self._storage.get_object(Bucket=self._own.IMAGE_BUCKET, Key=key)["Body"].read()
        return content

    def _address(self, key: str, id: str) -> str:
        """An address that shows the image to whoever has it, for a short time, and never as a page."""
        params = {
            "Bucket": self._own.IMAGE_BUCKET,
            "Key": key,
            "ResponseContentType": "image/png",
            "ResponseContentDisposition": f'attachment; filename="{id}"',
        }
        found: str = self._storage.generate_presigned_url("get_object", Params=params, ExpiresIn=SHOWN_SECONDS)
        return found
