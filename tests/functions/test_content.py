"""Images that a model draws: what is asked, assessed, stored and shown, and what they may cost."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from aws_genai.functions.assistant import images
from aws_genai.functions.assistant.content_environment import ContentEnvironment
from aws_genai.functions.assistant.kinds import Asker, content
from aws_genai.functions.assistant.tools import Call, ToolError
from tests.functions.events_support import check

STYLE, CORE = "us.stability.stable-image-style-guide-v1:0", "stability.stable-image-core-v1:1"
OWN = ContentEnvironment(
    IMAGE_MODELS={CORE: 0.04},
    IMAGE_BUCKET="pictures",
    GUARDRAIL_ID="guard",
    GUARDRAIL_VERSION="3",
    IMAGES_PER_ANSWER=2,
)
PNG = images.neutral()


def drawn(image: bytes = PNG, **more: Any) -> dict[str, Any]:
    return {"seeds": [1], "finish_reasons": [None], "images": [base64.b64encode(image).decode()], **more}


class Runtime:
    def __init__(self, *answers: Any) -> None:
        self.answers, self.requests = list(answers), list[dict[str, Any]]()

    def invoke_model(self, **request: Any) -> dict[str, Any]:
        self.requests.append({**request, "body": json.loads(request["body"])})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"body": io.BytesIO(json.dumps(answer).encode())}


class Use:
    def __init__(
        self,
        runtime: Runtime,
        own: ContentEnvironment = OWN,
        *,
        assess_image: Callable[[bytes], None] = lambda _image: None,
        user: str = "u-1",
    ) -> None:
        self.storage = boto3.client("s3", region_name="us-east-1")
        self.storage.create_bucket(Bucket="pictures")
        self.tool = content.CreateImage(runtime, content.storage(), own, user)
        self.events, self.spent = list[tuple[str, dict[str, Any]]](), list[int]()
        self.assess_image = assess_image

    def run(self, prompt: str = "A fox", **arguments: Any) -> str:
        call = Call(
            "t1",
            {"prompt": prompt, **arguments},
            self.send,
            lambda: 500.0,
            lambda: None,
            assess_image=self.assess_image,
            spend=self.spent.append,
        )
        return self.tool.run(call)

    def send(self, event: str, **data: Any) -> None:
        check(event, data)
        self.events.append((event, data))

    def stored(self) -> dict[str, bytes]:
        keys = [each["Key"] for each in self.storage.list_objects_v2(Bucket="pictures").get("Contents", [])]
        return {key: self.storage.get_object(Bucket="pictures", Key=key)["Body"].read() for key in keys}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    content.storage.cache_clear()
    with mock_aws():
        yield
    content.storage.cache_clear()


def test_an_image_is_stored_under_its_user_and_shown_by_an_address() -> None:
    runtime = Runtime(drawn())
    use = Use(runtime)
    told = use.run("A red fox", aspect_ratio="16:9", negative_prompt="snow")
    ((key, image),) = use.stored().items()
    assert re.fullmatch(r"images/u-1/[0-9a-f]{32}\.png", key)
    ((name, event),) = use.events
    assert (name, event["id"]) == ("image", key.rpartition("/")[2])
    assert (event["width"], event["height"], event["type"], event["usd"]) == (512, 512, "image/png", 0.04)
    address = urlsplit(event["url"])
    query = parse_qs(address.query)
    assert unquote(address.path).endswith(key)
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["response-content-disposition"][0].startswith("attachment;")
    assert query["response-content-type"] == ["image/png"]
    # The model is told that there is an image, and not where.
    assert event["id"] in told
    assert "http" not in told
    assert images.size(image) == (512, 512)


def test_every_call_of_the_model_names_the_guardrail() -> None:
    runtime = Runtime(drawn())
    Use(runtime).run("A red fox", aspect_ratio="16:9", negative_prompt="snow")
    (asked,) = runtime.requests
    assert (asked["modelId"], asked["guardrailIdentifier"], asked["guardrailVersion"]) == (CORE, "guard", "3")
    assert asked["body"] == {
        "prompt": "A red fox",
        "aspect_ratio": "16:9",
        "output_format": "png",
        "negative_prompt": "snow",
    }


def test_an_image_says_that_a_model_drew_it() -> None:
    use = Use(Runtime(drawn()))
    use.run()
    (image,) = use.stored().values()
    assert images.SOURCE_TYPE.encode() in image
    assert CORE.encode() in image
    assert use.events[0][1]["watermark"] == "metadata"


def test_metadata_leave_a_valid_png() -> None:
    image, place, kinds = images.marked(PNG, CORE), 8, []
    while place < len(image):
        (length,) = struct.unpack(">I", image[place : place + 4])
        content, (checksum,) = (
            image[place + 4 : place + 8 + length],
            struct.unpack(">I", image[place + 8 + length :][:4]),
        )
        assert zlib.crc32(content) == checksum
        kinds.append(content[:4])
        place += length + 12
    assert kinds == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    assert image[8:33] == PNG[8:33]


def test_an_image_that_the_guardrail_blocks_is_neither_stored_nor_shown() -> None:
    def refusing(_image: bytes) -> None:
        raise ToolError("The guardrail blocked the image.", refused=True)

    use = Use(Runtime(drawn()), assess_image=refusing)
    with pytest.raises(ToolError, match="blocked the image"):
        use.run()
    assert use.stored() == {}
    assert use.events == []
    # It was drawn, and so it is paid for.
    assert use.spent == [40_000]


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ({"amazon-bedrock-guardrailAction": "INTERVENED", "images": []}, True),
        ({"finish_reasons": ["Filter reason: prompt"]}, True),
        ({"finish_reasons": ["Inference error"], "images": []}, False),
        ({"finish_reasons": [None], "images": []}, False),
        (drawn(b"<svg/>"), False),
        (drawn(PNG + b"\0" * images.MOST_BYTES), False),
        (drawn(PNG[:16] + b"\0\0\x1f\x41" + PNG[20:]), False),
    ],
)
def test_a_response_without_an_image_that_can_be_assessed(answer: dict[str, Any], refused: bool) -> None:
    use = Use(Runtime(answer))
    with pytest.raises(ToolError) as error:
        use.run()
    assert error.value.refused is refused
    assert use.stored() == {}


def test_an_answer_has_no_more_images_than_the_settings_say() -> None:
    runtime = Runtime(drawn(), drawn(), drawn())
    use = Use(runtime)
    use.run()
    use.run()
    with pytest.raises(ToolError, match="at most 2 images") as error:
        use.run()
    assert error.value.refused
    assert len(runtime.requests) == 2


def test_an_image_that_was_not_drawn_costs_nothing_and_does_not_count() -> None:
    busy = ClientError({"Error": {"Code": "ThrottlingException"}}, "InvokeModel")
    use = Use(Runtime(busy, drawn(), drawn()))
    with pytest.raises(ToolError, match="busy"):
        use.run()
    assert sum(use.spent) == 0
    use.run()
    use.run()
    assert sum(use.spent) == 80_000


def test_an_image_that_comes_too_late_stays_counted() -> None:
    use = Use(Runtime(ReadTimeoutError(endpoint_url="https://example.com")))
    with pytest.raises(ToolError, match="too long"):
        use.run()
    assert sum(use.spent) == 40_000


def test_what_may_not_be_paid_is_not_drawn() -> None:
    runtime = Runtime(drawn())
    use = Use(runtime)

    def refusing(_micros: int) -> None:
        raise ToolError("This would cost more than one answer may.", refused=True)

    call = Call("t1", {"prompt": "x"}, use.send, lambda: 1.0, lambda: None, spend=refusing)
    with pytest.raises(ToolError, match="cost more"):
        use.tool.run(call)
    assert runtime.requests == []


def test_a_model_that_follows_a_style_gets_the_one_of_the_settings() -> None:
    own = ContentEnvironment(**{**vars(OWN), "IMAGE_MODELS": {STYLE: 0.07}, "IMAGE_STYLE": "styles/house.png"})
    runtime = Runtime(drawn())
    use = Use(runtime, own)
    use.storage.put_object(Bucket="pictures", Key="styles/house.png", Body=b"house")
    use.run()
    body = runtime.requests[0]["body"]
    assert base64.b64decode(body["image"]) == b"house"
    assert body["fidelity"] == images.STYLE_FIDELITY


def test_without_a_style_a_gray_square_weighs_next_to_nothing() -> None:
    body = images.request(STYLE, "A fox", "1:1")
    assert images.size(base64.b64decode(body["image"])) == (512, 512)
    assert body["fidelity"] == images.NEUTRAL_FIDELITY


def test_a_model_is_chosen_where_there_are_several() -> None:
    own = ContentEnvironment(**{**vars(OWN), "IMAGE_MODELS": {CORE: 0.04, STYLE: 0.07}})
    runtime = Runtime(drawn(), drawn())
    use = Use(runtime, own)
    assert use.tool.schema["properties"]["model"]["enum"] == [CORE, STYLE]
    use.run()
    use.run(model=STYLE)
    assert [each["modelId"] for each in runtime.requests] == [CORE, STYLE]
    assert "model" not in Use(runtime).tool.schema["properties"]


def test_the_id_of_a_user_is_one_folder() -> None:
    use = Use(Runtime(drawn()), user="../other/images")
    use.run()
    ((key, _),) = use.stored().items()
    assert key.startswith("images/..%2Fother%2Fimages/")


def test_the_tool_belongs_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OWN.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(content, "client", lambda _service, _seconds: Runtime(drawn()))
    Use(Runtime())
    (tool,) = content.tools(Asker({"sub": "ann"}, [], "token"))
    call = Call(
        "t1", {"prompt": "x"}, lambda *_, **__: None, lambda: 1.0, lambda: None,
        assess_image=lambda _image: None, spend=lambda _micros: None,
    )  # fmt: skip
    tool.run(call)
    (key,) = [each["Key"] for each in content.storage().list_objects_v2(Bucket="pictures")["Contents"]]
    assert key.startswith("images/ann/")


@pytest.mark.parametrize(
    ("model", "form"),
    [
        (CORE, "text"),
        (STYLE, "style"),
        ("stability.sd3-5-large-v1:0", "text"),
        ("stability.stable-image-ultra-v1:1", "text"),
        ("us.stability.stable-image-inpaint-v1:0", None),
        ("amazon.nova-canvas-v1:0", None),
        ("us.amazon.nova-lite-v1:0", None),
    ],
)
def test_what_models_draw_from(model: str, form: str | None) -> None:
    assert images.form_of(model) == form
