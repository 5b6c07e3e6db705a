"""Update the catalog of JumpStart models: ``make models``.

``LIVE=1`` reads SageMaker's public hub with your credentials; ``MANIFEST=file`` a copy of JumpStart's public manifest.
Every entry is checked against the catalog of instance types first. Invalid entries are omitted and reported.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aws_genai.data.accelerators import Accelerator, AcceleratorCatalogue
from aws_genai.data.sizing import USABLE
from settings import told
from settings.disk import replace

from . import training_facts

Entry = dict[str, Any]

FILE = Path(__file__).resolve().parent.parent / "constructs" / "aws_genai" / "data" / "models.lock.json"
#: https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-fine-tune.html
PUBLIC_HUB = "SageMakerPublicHub"
REGION = "us-east-1"
#: The task of a model by the prefix of its id: the names of JumpStart's tasks.
TASKS = {
    "deepseek-llm": "text",
    "huggingface-asr": "speech",
    "huggingface-eqa": "question answering",
    "huggingface-llm": "text",
    "huggingface-ner": "entities",
    "huggingface-sentencesimilarity": "embedding",
    "huggingface-summarization": "summary",
    "huggingface-text2text": "text",
    "huggingface-textembedding": "embedding",
    "huggingface-translation": "translation",
    "huggingface-txt2img": "image",
    "huggingface-txt2imgneuron": "image",
    "huggingface-vlm": "vision",
    "huggingface-zstc": "classification",
    "meta-tc": "classification",
    "meta-textgeneration": "text",
    "meta-vlm": "vision",
    "model-imagegeneration": "image",
    "model-inpainting": "image",
    "model-txt2img": "image",
    "model-upscaling": "image",
}
#: Sizes with a decimal point, which ids write with a hyphen.
_DECIMALS = {"qwen-1-5b": 1.5e9, "qwen2-0-5b": 0.5e9, "qwen2-1-5b": 1.5e9, "tinyllama-1-1b": 1.1e9}
_GIB = 1024**3


def main(arguments: list[str] | None = None) -> int:
    """Update the file. Return 0 on success, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.models", description=__doc__)
    parser.add_argument("--live", action="store_true", help="read the public hub, with your credentials")
    parser.add_argument("--manifest", type=Path, help="read a copy of the public manifest")
    chosen = parser.parse_args(arguments)
    content = json.loads(FILE.read_text(encoding="utf-8"))
    try:
        if chosen.live:
            content = _from_hub(content)
        elif chosen.manifest:
            content = merged(content, from_manifest(json.loads(chosen.manifest.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError) as error:
        print(f"The models could not be read: {error}. Nothing was written.", file=sys.stderr)
        return 2
    kept = {name: entry for name, entry in content["models"].items() if not list(problems(name, entry, content))}
    for name in sorted(set(content["models"]) - set(kept)):
        reasons = "; ".join(problems(name, content["models"][name], content))
        print(f"left out: {name}: {reasons}", file=sys.stderr)
    replace(FILE, render({**content, "models": kept}))
    print(f"{FILE.name}: {len(kept)} models")
    return 0


def from_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the file from the public manifest."""
    return {
        "source": manifest["source"].split(": for each model")[0],
        "retrieved": datetime.now(UTC).date().isoformat(),
        "registry_accounts": manifest["registry_accounts"],
        "region_sets": manifest["region_sets"],
        "models": {name: entry(name, facts) for name, facts in sorted(manifest["models"].items())},
    }


def merged(content: Mapping[str, Any], fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a new manifest, with the facts that it lacks: models of other sources, and fine-tuning."""
    models = dict(content["models"])
    for name, each in fresh["models"].items():
        training = models.get(name, {}).get("training")
        models[name] = {**each, "training": training} if training else each
    return {
        **fresh,
        "registry_accounts": {**content["registry_accounts"], **fresh["registry_accounts"]},
        "region_sets": {**content["region_sets"], **fresh["region_sets"]},
        "models": dict(sorted(models.items())),
    }


def entry(name: str, facts: Mapping[str, Any]) -> Entry:
    """The catalog entry of one model."""
    images = {family: image for image, families in facts["images"].items() for family in families}
    size = parameters(name)
    supported = [each for each in facts["supported_instance_types"] if _runs(each, images, name, size)]
    used = {each.split(".")[1] for each in supported}
    default = facts["default_instance_type"]
    if default not in supported and supported:
        # If JumpStart's default has no accelerator, is not Nitro-based or is too small, use the cheapest suitable type.
        default = min(supported, key=lambda each: (_hardware(each).usd_per_hour or float("inf"), each))
    return {
        "task": TASKS["-".join(name.split("-")[:2])],
        "version": facts["version"],
        "parameters": size,
        "images": {family: image for family, image in sorted(images.items()) if family in used},
        "artifact": facts["artifact_key"],
        "eula": facts["eula_key"],
        "gated": facts["gated"],
        "default_instance_type": default,
        "supported_instance_types": supported,
        "environment": _text(facts["environment"]),
        "environment_by_instance": {
            each: _text(values)
            for each, values in facts.get("environment_by_instance", {}).items()
            if each in supported
        },
        "regions": facts["regions"],
    }


def problems(name: str, each: Entry, content: Mapping[str, Any]) -> Iterator[str]:
    """The reasons why an entry cannot be committed, if any."""
    if not each["supported_instance_types"]:
        yield "no accelerated, Nitro-based type with an image has the memory for it"
        return
    if each["default_instance_type"] not in each["supported_instance_types"]:
        yield f"its default {each['default_instance_type']} is not among the types that it supports"
    regions = content["region_sets"].get(each["regions"])
    if not regions:
        yield "it is available in no Region"
        return
    for instance_type in each["supported_instance_types"]:
        image = each["images"].get(instance_type.split(".")[1])
        accounts = content["registry_accounts"].get((image or "").partition(":")[0], {})
        if image is None:
            yield f"no image for {instance_type}"
        elif not set(accounts) & set(regions):
            yield f"no registry has {image} in any of its Regions"
        if not fits(instance_type, name, each["parameters"]):
            yield f"it does not fit {instance_type}"
    if each["gated"] and not each["eula"]:
        yield "it is gated, and its license agreement is unknown"
    if training := each.get("training"):
        yield from training_facts.problems(training, content["registry_accounts"], regions)
    for values in (each["environment"], *each["environment_by_instance"].values()):
        if not all(isinstance(value, str) for value in values.values()):
            yield "its environment is not text"


def parameters(name: str) -> float | None:
    """The number of parameters of a model, if its id contains it. Ids of mixture-of-experts models do not."""
    for part, size in _DECIMALS.items():
        if part in name:
            return size
    if re.search(r"\d+x\d+b", name, re.IGNORECASE):
        return None
    found = re.search(r"-(\d+)([bm])(?=-|$)", name, re.IGNORECASE)
    return int(found[1]) * (1e9 if found[2].lower() == "b" else 1e6) if found else None


def fits(instance_type: str, name: str, size: float | None) -> bool:
    """Whether the weights fit into the accelerators' memory of a type. If the size is unknown, JumpStart decides."""
    if size is None:
        return True
    bytes_each = 1 if "fp8" in name else 0.5 if "gptq" in name else 2
    return size * bytes_each / _GIB <= USABLE * _hardware(instance_type).total_memory_gib


def _runs(instance_type: str, images: Mapping[str, str], name: str, size: float | None) -> bool:
    known = instance_type.removeprefix("ml.") in AcceleratorCatalogue.default()
    return known and instance_type.split(".")[1] in images and fits(instance_type, name, size)


def _hardware(instance_type: str) -> Accelerator:
    return AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))


def _text(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in sorted(values.items())}


def _from_hub(content: Mapping[str, Any]) -> dict[str, Any]:
    """The current facts of the public hub about the models of the file.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeHubContent.html
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client("sagemaker", region_name=REGION)
    found = dict(content["models"])
    try:
        pages = _contents(client)
        for summary in pages:
            name = summary["HubContentName"]
            if name in found:
                described = client.describe_hub_content(HubName=PUBLIC_HUB, HubContentType="Model", HubContentName=name)
                found[name] = from_document(found[name], described)
    except (BotoCoreError, ClientError) as error:
        raise ValueError(f"AWS did not answer: {error}") from error
    return {**content, "retrieved": datetime.now(UTC).date().isoformat(), "models": found}


def _contents(client: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - boto3 has no types
    token: dict[str, str] = {}
    while True:
        answer = client.list_hub_contents(HubName=PUBLIC_HUB, HubContentType="Model", **token)
        yield from answer["HubContentSummaries"]
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def from_document(each: Entry, described: Mapping[str, Any]) -> Entry:
    """An entry with the version, instance types and environment variables of a document of the hub.

    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs.html
    """
    document = json.loads(described["HubContentDocument"])
    changed = {**each, "version": described["HubContentVersion"]}
    if default := document.get("DefaultInferenceInstanceType"):
        changed["default_instance_type"] = default
    if supported := document.get("SupportedInferenceInstanceTypes"):
        known = AcceleratorCatalogue.default()
        changed["supported_instance_types"] = [t for t in supported if t.removeprefix("ml.") in known]
    if variables := document.get("InferenceEnvironmentVariables"):
        changed["environment"] = _text({v["Name"]: v["Default"] for v in variables if v.get("Default") is not None})
    if artifact := document.get("HostingArtifactUri"):
        changed["artifact"] = artifact.removeprefix("s3://").partition("/")[2]
    if training := training_facts.from_document(document):
        changed["training"] = training
    return changed


def render(content: Mapping[str, Any]) -> str:
    """The text of the file, with one line for each model, so that diffs are readable."""
    head = {key: value for key, value in content.items() if key != "models"}
    lines = [f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in content["models"].items()]
    return json.dumps({**head, "models": {}}, indent=1)[: -len("{}\n}")] + "{\n" + ",\n".join(lines) + "\n }\n}\n"


if __name__ == "__main__":
    sys.exit(told(main))
