"""The requirements of fine-tuning a JumpStart model: script, image, instance types, and hyperparameter ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InvalidValueError, nearest
from . import load

#: The kinds of training data: instructions with responses, conversations, or plain text of a domain:
#: https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-fine-tuning.html
Method = Literal["instruction", "chat", "domain"]
_SWITCHES: Mapping[Method, Mapping[str, str]] = {
    "instruction": {"instruction_tuned": "True", "chat_dataset": "False"},
    "chat": {"instruction_tuned": "False", "chat_dataset": "True"},
    "domain": {"instruction_tuned": "False", "chat_dataset": "False"},
}
_NUMBERS: Mapping[str, type[int] | type[float]] = {"int": int, "float": float}


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """How JumpStart fine-tunes one model; ``source`` says where that is published."""

    source: str
    image: str
    script: str
    artifact: str
    program: str
    default_instance_type: str
    supported_instance_types: Sequence[str]
    volume_gib: int
    validation: bool
    metrics: Mapping[str, str]
    hyperparameters: Mapping[str, Mapping[str, Any]]

    def image_uri(self, region: str) -> str:
        """The training image in AWS's registry of the Region.

        :raises InvalidValueError: if no registry of the Region has it.
        """
        accounts = load("models.lock")["registry_accounts"][self.image.partition(":")[0]]
        if region not in accounts:
            raise InvalidValueError(
                f"No registry of {region} has {self.image}", field="region", hint=nearest(region, accounts)
            )
        return f"{accounts[region]}.dkr.ecr.{region}.amazonaws.com/{self.image}"

    def check_type(self, instance_type: str) -> None:
        """Reject a type on which the training script does not run.

        :raises InvalidValueError: naming the nearest that it does.
        """
        if instance_type not in self.supported_instance_types:
            raise InvalidValueError(
                f"It is not trained on {instance_type}",
                field="instance_type",
                hint=nearest(instance_type, self.supported_instance_types),
            )

    def arguments(self, method: Method, values: Mapping[str, object]) -> dict[str, str]:
        """Every hyperparameter of a training job as a string: the given value, or else the default.

        :raises InvalidValueError: if one is not known, of another type, or out of its range.
        """
        switches = _SWITCHES[method]
        for name in (*switches, "sagemaker_program", "sagemaker_submit_directory"):
            if name in values:
                raise InvalidValueError(f"{name} follows from the method", field="hyperparameters", hint="Leave it out")
        checked = {name: self._check(name, value) for name, value in values.items()}
        defaults = {name: str(facts["default"]) for name, facts in self.hyperparameters.items()}
        return {
            **defaults,
            **checked,
            **{name: value for name, value in switches.items() if name in self.hyperparameters},
            "sagemaker_program": self.program,
            "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
        }

    def _check(self, name: str, value: object) -> str:
        field = "hyperparameters"
        facts = self.hyperparameters.get(name)
        if facts is None:
            raise InvalidValueError(
                f"{name} is not a hyperparameter of the script", field=field, hint=nearest(name, self.hyperparameters)
            )
        kind = _NUMBERS.get(facts["type"])
        if kind is None:
            text = str(value)
            options = facts.get("options")
            if options and text not in options:
                raise InvalidValueError(f"{text} is no choice of {name}", field=field, hint=nearest(text, options))
            return text
        if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
            raise InvalidValueError(
                f"{name} of {value!r} is not {'a whole' if kind is int else 'a'} number", field=field
            )
        least, most = facts.get("min"), facts.get("max")
        if (least is not None and value < least) or (most is not None and value > most):
            reach = f"from {least} to {most}" if most is not None else f"{least} or more"
            raise InvalidValueError(f"{name} of {value} is out of range", field=field, hint=f"Set a number {reach}")
        return str(value)


def check_transform(instance_type: str, *, field: str = "serving_type") -> None:
    """Reject a type that batch transform does not support. It runs inference on the held-out data with a trained model.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformResources.html

    :raises InvalidValueError: naming the nearest type.
    """
    known = load("accelerators")["transform_types"]
    if instance_type not in known:
        raise InvalidValueError(
            f"Batch transform, by which a trained model is evaluated, has no {instance_type}",
            field=field,
            hint=nearest(instance_type, known),
        )
