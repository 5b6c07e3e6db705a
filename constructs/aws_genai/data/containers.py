"""AWS Deep Learning Containers that serve custom weights, and the environment variables that configure each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from ..errors import InvalidValueError, nearest
from . import load
from .accelerators import Accelerator, AcceleratorCatalogue, Platform

ServerName = Literal["vllm", "lmi", "tgi", "neuron", "triton"]
SERVERS: tuple[str, ...] = get_args(ServerName)
#: NeuronCores of one Inferentia2 or Trainium device, across which Neuron shards a model:
#: https://awsdocs-neuron.readthedocs-hosted.com/en/latest/about-neuron/arch/neuron-hardware/inferentia2.html
_CORES_PER_DEVICE = 2


@dataclass(frozen=True)
class ServingContainer:
    """One container image that serves a model from a folder with its weights.

    ``host_image`` is the SageMaker AMI with the driver that the container requires. ``parallel`` and ``context`` are
    the variables for the number of accelerators to shard the model across and for the maximum sequence length, in
    tokens.
    """

    name: str
    repository: str
    tag: str
    platform: Platform
    host_image: str
    parallel: str | None
    context: str | None
    environment: Mapping[str, str]
    regions: frozenset[str]
    documentation: str
    families: frozenset[str] | None = None

    def image(self, region: str) -> str:
        """The image in AWS's registry of the Region.

        :raises InvalidValueError: if no registry of the Region has it.
        """
        if region not in self.regions:
            raise InvalidValueError(
                f"The {self.name} container is not available in {region}",
                field="server",
                hint=nearest(region, self.regions),
            )
        account = load("containers")["accounts"][region]
        return f"{account}.dkr.ecr.{region}.amazonaws.com/{self.repository}:{self.tag}"

    def check(self, instance_type: str) -> Accelerator:
        """The hardware of an instance type on which the container runs.

        :raises InvalidValueError: if it does not run there.
        """
        facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
        if facts.platform is not self.platform or (self.families and facts.family not in self.families):
            raise InvalidValueError(
                f"The {self.name} container does not run on {instance_type}",
                field="instance_type",
                hint=f"Choose a type of {', '.join(sorted(self.families))}"
                if self.families
                else f"Leave server out, which chooses {default_server(facts)}",
            )
        return facts

    def variables(self, accelerators: int, context: int | None) -> dict[str, str]:
        """The environment variables to serve a model on that number of accelerators."""
        ways = accelerators * (_CORES_PER_DEVICE if self.platform is Platform.NEURON else 1)
        told = dict(self.environment)
        if self.parallel:
            told[self.parallel] = str(ways)
        if self.context and context:
            told[self.context] = str(context)
        return told


@cache
def serving_container(name: str) -> ServingContainer:
    """The data of a container.

    :raises InvalidValueError: if there is none of that name.
    """
    servers = load("containers")["servers"]
    if name not in servers:
        raise InvalidValueError(f"{name} is no model server", field="server", hint=nearest(name, servers))
    facts = servers[name]
    return ServingContainer(
        name=name,
        **{
            **facts,
            "platform": Platform(facts["platform"]),
            "regions": frozenset(facts["regions"]),
            "families": frozenset(facts["families"]) if facts["families"] else None,
        },
    )


def default_server(facts: Accelerator) -> ServerName:
    """The container for the accelerators of a type."""
    return "neuron" if facts.platform is Platform.NEURON else "lmi"
