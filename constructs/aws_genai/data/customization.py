"""The Bedrock models that support customization, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..errors import InvalidValueError, nearest

Kind = Literal["fine-tuning", "distillation"]
#: Base models, by the id for a job, which includes the context length.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/custom-model-fine-tuning.html
BASES = {
    "amazon.nova-micro-v1:0": "amazon.nova-micro-v1:0:128k",
    "amazon.nova-lite-v1:0": "amazon.nova-lite-v1:0:300k",
    "amazon.nova-pro-v1:0": "amazon.nova-pro-v1:0:300k",
}
#: The Regions that support customization, one for each base model: see the same page.
CUSTOMIZED_IN = ("us-east-1",)
#: Teacher models for distillation.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/prequisites-model-distillation.html
TEACHERS = {
    "amazon.nova-pro-v1:0": ("amazon.nova-lite-v1:0", "amazon.nova-micro-v1:0"),
}
#: The minimum and maximum of each hyperparameter, and whether it is an integer.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/cm-hp-nova-mm.html
RANGES = {
    "epochCount": (1, 5, True),
    "learningRate": (1e-6, 1e-4, False),
    "learningRateWarmupSteps": (0, 100, True),
}


def check_customized_in(region: str) -> None:
    """Reject a Region in which no model of :data:`BASES` supports customization.

    :raises InvalidValueError: naming those that are.
    """
    if region not in CUSTOMIZED_IN:
        raise InvalidValueError(
            f"Bedrock customizes no model that is known here in {region}",
            field="base",
            hint=f"It does in {', '.join(CUSTOMIZED_IN)}",
        )


def check_customization(base: str, kind: Kind, teacher: str | None, hyperparameters: Mapping[str, float]) -> None:
    """Reject a job that Bedrock would reject.

    :raises InvalidValueError: naming what.
    """
    if base not in BASES:
        raise InvalidValueError(
            f"{base} is not a model whose customization is known", field="base", hint=nearest(base, list(BASES))
        )
    if (kind == "distillation") != (teacher is not None):
        reason = "Distillation needs a teacher" if teacher is None else "Only distillation has a teacher"
        raise InvalidValueError(reason, field="teacher", hint=f"One of: {', '.join(TEACHERS)}, or leave it out")
    if teacher is not None and base not in TEACHERS.get(teacher, ()):
        taught = [each for each, pupils in TEACHERS.items() if base in pupils]
        hint = f"Choose one of: {', '.join(taught)}" if taught else "Choose a smaller base"
        raise InvalidValueError(f"{base} does not learn from {teacher}", field="teacher", hint=hint)
    for name, value in hyperparameters.items():
        if name not in RANGES:
            raise InvalidValueError(
                f"{base} has no hyperparameter {name}",
                field=f"hyperparameters.{name}",
                hint=nearest(name, list(RANGES)),
            )
        least, most, whole = RANGES[name]
        if not least <= value <= most or (whole and value != int(value)):
            raise InvalidValueError(
                f"{name} goes from {least:g} to {most:g}{' in whole numbers' if whole else ''}, and is {value:g}",
                field=f"hyperparameters.{name}",
            )
