"""Facts of the public hub about fine-tuning a model, and their validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_genai.data.accelerators import AcceleratorCatalogue

_TYPES: Mapping[str, tuple[type, ...]] = {"int": (int,), "float": (int, float)}


def from_document(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fine-tuning part of a document of the hub; None if the model cannot be fine-tuned, or facts are missing.

    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-curated-hubs-fine-tune.html
    """
    needed = ("TrainingEcrUri", "TrainingScriptUri", "TrainingArtifactUri", "DefaultTrainingInstanceType")
    if not document.get("TrainingSupported") or not all(document.get(name) for name in needed):
        return None
    known = AcceleratorCatalogue.default()
    given = document.get("Hyperparameters", [])
    container = {each["Name"]: each.get("Default") for each in given if each.get("Scope") == "container"}
    names = {"Type": "type", "Default": "default", "Min": "min", "Max": "max", "Options": "options"}
    return {
        "source": "SageMakerPublicHub",
        "image": document["TrainingEcrUri"].partition("/")[2],
        "script": _key(document["TrainingScriptUri"]),
        "artifact": _key(document["TrainingArtifactUri"]),
        "program": container.get("sagemaker_program") or "transfer_learning.py",
        "default_instance_type": document["DefaultTrainingInstanceType"],
        "supported_instance_types": [
            each for each in document.get("SupportedTrainingInstanceTypes", []) if each.removeprefix("ml.") in known
        ],
        "volume_gib": document.get("TrainingVolumeSize") or 256,
        "validation": bool(document.get("ValidationSupported")),
        "metrics": {each["Name"].partition(":")[2]: each["Regex"] for each in document.get("TrainingMetrics", [])},
        "hyperparameters": {
            each["Name"]: {ours: each[theirs] for theirs, ours in names.items() if each.get(theirs) is not None}
            for each in given
            if each.get("Scope") == "algorithm" and each.get("Default") is not None
        },
    }


def problems(
    training: Mapping[str, Any], accounts: Mapping[str, Mapping[str, str]], regions: Sequence[str]
) -> Iterator[str]:
    """The reasons why the facts about fine-tuning cannot be committed, if any."""
    known = AcceleratorCatalogue.default()
    for each in training["supported_instance_types"]:
        if each.removeprefix("ml.") not in known:
            yield f"it trains on {each}, which is not an accelerated, Nitro-based type"
    if training["default_instance_type"] not in training["supported_instance_types"]:
        yield f"its default {training['default_instance_type']} is not among the types that it trains on"
    missing = set(regions) - set(accounts.get(training["image"].partition(":")[0], {}))
    if missing:
        yield f"no registry of {', '.join(sorted(missing))} has {training['image']}"
    for name, facts in training["hyperparameters"].items():
        kind = _TYPES.get(facts["type"])
        default, least, most = facts["default"], facts.get("min"), facts.get("max")
        if kind and not isinstance(default, kind):
            yield f"the default of {name} is not of its type"
        elif kind and ((least is not None and default < least) or (most is not None and default > most)):
            yield f"the default of {name} is out of its range"
        elif not kind and facts.get("options") and default not in facts["options"]:
            yield f"the default of {name} is not one of its choices"


def _key(uri: str) -> str:
    return uri.removeprefix("s3://").partition("/")[2]
