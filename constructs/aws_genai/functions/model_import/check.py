"""Checks whether Amazon Bedrock can import the files of a model.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..weights_check.check import Stored, problems

#: Supported architectures by their names in ``config.json``.
ARCHITECTURES = (
    "GPTBigCodeForCausalLM",
    "GptOssForCausalLM",
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "MixtralForCausalLM",
    "MllamaForConditionalGeneration",
    "Qwen2ForCausalLM",
    "Qwen2VLForConditionalGeneration",
    "Qwen2_5_VLForConditionalGeneration",
    "Qwen3ForCausalLM",
    "Qwen3MoeForCausalLM",
    "T5ForConditionalGeneration",
)
#: Maximum size of the weights in bytes, of multimodal models and of others.
LARGEST_SEEING, LARGEST = 100 * 1024**3, 200 * 1024**3
#: Files that are required beside the weights.
NEEDED = ("config.json", "tokenizer_config.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model")


class ModelFiles(Stored):
    """The files of a model, with their sizes."""

    def sizes(self) -> dict[str, int]:
        """Returns the size of each file in bytes."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        return {
            each["Key"].removeprefix(self._prefix): int(each["Size"])
            for page in pages
            for each in page.get("Contents", ())
        }

    def whole(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Returns the content of a JSON file."""
        found = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}")
        return json.loads(found["Body"].read())


def refusals(files: ModelFiles) -> Iterator[str]:
    """Returns the reasons why Bedrock cannot import the model, one sentence each."""
    sizes = files.sizes()
    yield from problems(files, ())
    for name in NEEDED:
        if name not in sizes:
            yield f"{name} is missing: save the model in the Hugging Face format"
    if not any(name in sizes for name in _TOKENIZERS):
        yield f"{' or '.join(_TOKENIZERS)} is missing"
    if "config.json" not in sizes:
        return
    try:
        named = files.whole("config.json").get("architectures") or [""]
    except (ValueError, AttributeError):
        yield "config.json is not valid JSON"
        return
    if named[0] not in ARCHITECTURES:
        supported = ", ".join(ARCHITECTURES)
        found = named[0] or "an architecture without a name"
        yield f"{found} is not supported. Supported architectures: {supported}"
    largest = LARGEST_SEEING if named[0].endswith("ConditionalGeneration") and "T5" not in named[0] else LARGEST
    weights = sum(size for name, size in sizes.items() if name.endswith(".safetensors"))
    if weights > largest:
        yield f"the weights have {weights / 1024**3:.0f} GiB; the maximum is {largest // 1024**3}"
