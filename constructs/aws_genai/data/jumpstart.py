"""The open-weight models that SageMaker JumpStart hosts, and their requirements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..errors import InvalidValueError, nearest
from . import load
from .fine_tuning import TrainingFacts


@dataclass(frozen=True)
class JumpStartModel:
    """One open-weight model that SageMaker JumpStart hosts."""

    model_id: str
    task: str
    version: str
    #: Their number, if known.
    parameters: float | None
    images: Mapping[str, str]
    artifact: str
    eula: str | None
    gated: bool
    default_instance_type: str
    supported_instance_types: tuple[str, ...]
    environment: Mapping[str, str]
    regions: frozenset[str]
    environment_by_instance: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: The requirements of fine-tuning, if a public source states them.
    training: TrainingFacts | None = None

    def image(self, instance_type: str, region: str) -> str:
        """The container image for a type, in AWS's registry of the Region.

        :raises InvalidValueError: if the model does not support the type or the Region.
        """
        if instance_type not in self.supported_instance_types:
            raise InvalidValueError(
                f"{self.model_id} does not run on {instance_type}",
                field="instance_type",
                hint=nearest(instance_type, self.supported_instance_types),
            )
        repository = self.repository(instance_type)
        account = load("models.lock")["registry_accounts"][repository].get(region)
        if account is None or region not in self.regions:
            raise InvalidValueError(
                f"{self.model_id} is not available in {region}",
                field="region",
                hint=nearest(region, self.regions),
            )
        return f"{account}.dkr.ecr.{region}.amazonaws.com/{self.images[instance_type.split('.')[1]]}"

    def repository(self, instance_type: str) -> str:
        """The name of the image's repository."""
        return self.images[instance_type.split(".")[1]].partition(":")[0]

    def bucket(self, region: str) -> str:
        """The AWS-owned bucket that holds the model's artifact and license."""
        return f"jumpstart-{'private-' if self.gated else ''}cache-prod-{region}"

    def container_environment(self, instance_type: str) -> dict[str, str]:
        """The environment variables of the container on an instance type."""
        return {**self.environment, **self.environment_by_instance.get(instance_type, {})}


class JumpStartCatalogue:
    """The JumpStart models that this library can deploy.

    https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-latest.html
    """

    @staticmethod
    def names() -> list[str]:
        """Every model id, sorted."""
        return sorted(load("models.lock")["models"])

    @staticmethod
    @cache
    def get(model_id: str) -> JumpStartModel:
        """The data of a model.

        :raises InvalidValueError: if the catalogue does not hold the model.
        """
        data = load("models.lock")
        facts: dict[str, Any] | None = data["models"].get(model_id)
        if facts is None:
            raise InvalidValueError(
                f"{model_id} is not a model of the JumpStart catalogue",
                field="model_id",
                hint=nearest(model_id, data["models"]),
            )
        regions = frozenset(data["region_sets"][facts["regions"]])
        types = tuple(facts["supported_instance_types"])
        known = {**facts, "regions": regions, "supported_instance_types": types}
        if "training" in facts:
            known["training"] = TrainingFacts(**facts["training"])
        return JumpStartModel(model_id=model_id, **known)

    @staticmethod
    def trainable() -> list[str]:
        """The ids of the models that can be fine-tuned, sorted."""
        return sorted(name for name, facts in load("models.lock")["models"].items() if "training" in facts)


def check_eula(model: JumpStartModel, accepted: bool) -> None:
    """Reject a model whose license is not accepted.

    :raises InvalidValueError: if the model has a licence and ``accepted`` is false.
    """
    if model.eula and not accepted:
        raise InvalidValueError(
            f"{model.model_id} has an end-user licence agreement that must be accepted",
            field="accept_eula",
            hint=f"Read {model.eula} in the bucket {model.bucket('REGION')}, then set accept_eula to true",
        )


def check_instances(least: int, most: int) -> None:
    """Reject a range of instances that an endpoint cannot have.

    :raises InvalidValueError: if ``least`` is below 1 or ``most`` below ``least``.
    """
    if least < 1 or most < least:
        raise InvalidValueError(
            f"An endpoint cannot have {least} to {most} instances",
            field="max_instances",
            hint=f"Set min_instances to 1 or more and max_instances to {max(least, 1)} or more",
        )
