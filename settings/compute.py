"""Settings of layer 1: accelerated compute."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from aws_genai.data.accelerators import AcceleratorCatalogue, image_parameter

from .base import Name, RoleArn, Section


class Fleet(Section):
    """An Auto Scaling group of one accelerated instance type, empty until asked for."""

    instance_type: str
    """An accelerated, Nitro-based EC2 instance type, such as trn1.32xlarge."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    """Upper bound of the group."""

    root_volume_gib: Annotated[int, Field(ge=100, le=16384)] = 200
    """Size of each instance's root volume in GiB."""

    @field_validator("instance_type")
    @classmethod
    def _known(cls, value: str) -> str:
        image_parameter(AcceleratorCatalogue.default().get(value))
        return value


class Weights(Section):
    """Who may touch the weights bucket."""

    publisher_role: RoleArn | None = None
    """ARN of the one role that may write weights; nobody may without it."""

    break_glass_role: RoleArn | None = None
    """ARN of a role that may read weights in an emergency; every use is reported."""


class Compute(Section):
    """Layer 1."""

    fleets: Annotated[dict[Name, Fleet], Field(min_length=1)]
    """Fleets by name."""

    weights: Weights = Weights()
    """The bucket that fleets read weights from, each below its own name."""
