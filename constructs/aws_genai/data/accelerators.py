"""The accelerated EC2 instance types and their hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ..errors import InvalidValueError, nearest
from . import load
from .regional import check_region


class Platform(StrEnum):
    """The software platform of an accelerator."""

    NEURON = "neuron"
    CUDA = "cuda"


@dataclass(frozen=True)
class Accelerator:
    """One accelerated instance type.

    Memory is in MiB (``memory_mib`` is that of one accelerator), local storage in GB. The price is that of an On-Demand
    Instance in us-east-1 in US dollars per hour (``None`` if not known). ``zones`` has the known ids of Availability
    Zones, by Region.
    """

    instance_type: str
    accelerator: str
    platform: Platform
    count: int
    memory_mib: int
    vcpus: int
    system_memory_mib: int
    local_storage_gb: int
    architecture: str
    network_performance: str
    network_cards: int
    interfaces_per_card: int
    efa_interfaces: int
    first_efa_card: int
    nitro_tpm: bool
    encryption_in_transit: bool
    cluster_placement: bool
    purchase: tuple[str, ...]
    zones: Mapping[str, Sequence[str]]
    usd_per_hour: float | None

    @property
    def family(self) -> str:
        """The instance family, which is the part of the type before the dot, such as ``inf2``."""
        return self.instance_type.partition(".")[0]

    @property
    def total_memory_gib(self) -> float:
        """The total memory of all accelerators, in GiB."""
        return self.count * self.memory_mib / 1024

    @property
    def efa_cards(self) -> range:
        """The network cards that support an Elastic Fabric Adapter; each supports one."""
        return range(self.first_efa_card, self.first_efa_card + self.efa_interfaces)

    @property
    def has_capacity_blocks(self) -> bool:
        """Whether Capacity Blocks for ML are offered for the type."""
        return "capacity-block" in self.purchase

    @property
    def has_local_storage(self) -> bool:
        """Whether the type has NVMe instance store volumes, which the Nitro card encrypts with its own key."""
        return self.local_storage_gb > 0


class AcceleratorCatalogue:
    """Accelerated, Nitro-based EC2 instance types with their hardware and on-demand price.

    Figures come from EC2's ``DescribeInstanceTypes`` and price list; the data file names sources and date.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
    """

    def __init__(
        self, types: Mapping[str, Accelerator], not_nitro_families: frozenset[str], regions: frozenset[str]
    ) -> None:
        self._types = dict(types)
        self._not_nitro = not_nitro_families
        self._regions = regions

    @classmethod
    @cache
    def default(cls) -> AcceleratorCatalogue:
        """The catalogue that ships with this library."""
        data = load("accelerators")
        types = {
            name: Accelerator(
                instance_type=name,
                **{**facts, "platform": Platform(facts["platform"]), "purchase": tuple(facts["purchase"])},
            )
            for name, facts in data["types"].items()
        }
        return cls(types, frozenset(data["not_nitro_families"]), frozenset(data["regions"]))

    def __contains__(self, instance_type: object) -> bool:
        return instance_type in self._types

    def names(self) -> list[str]:
        """Every instance type of the catalogue, sorted."""
        return sorted(self._types)

    def types(self) -> list[Accelerator]:
        """Every type of the catalogue, by name."""
        return [self._types[name] for name in self.names()]

    def check_region(self, instance_type: str, region: str) -> None:
        """Reject a Region that is known not to offer a type. For some Regions, the offered types are not known.

        :raises InvalidValueError: naming the Regions that offer the type.
        """
        zones = self.get(instance_type).zones
        if region in self._regions and region not in zones:
            raise InvalidValueError(
                f"{region} has no {instance_type}",
                field="instance_type",
                hint=f"It is offered in {', '.join(sorted(zones))}" if zones else "No Region is known to offer it",
            )

    def select(
        self,
        *,
        platform: Platform | str,
        total_memory_gib: float = 0,
        accelerators: int = 1,
        architecture: str = "x86_64",
        local_storage: bool = False,
        max_usd_per_hour: float | None = None,
        region: str | None = None,
    ) -> list[str]:
        """The types with the given attributes, sorted by price.

        Types without a known price are last.

        :param platform: ``neuron`` or ``cuda``.
        :param total_memory_gib: minimum memory of all accelerators together, in GiB. Default: 0.
        :param accelerators: minimum number of accelerators. Default: 1.
        :param architecture: architecture of the processor, ``x86_64`` or ``arm64``. Default: x86_64.
        :param local_storage: whether NVMe instance store volumes are required. Default: no.
        :param max_usd_per_hour: maximum On-Demand price in us-east-1, in US dollars per hour; leaves out types whose
            price is not known. Default: any price.
        :param region: leave out types that this Region is known not to offer. Default: any Region.
        :raises InvalidValueError: if the Region is unknown, or no type has all of these attributes.
        """
        if region is not None:
            check_region(region, "region")
        fitting = [
            each
            for each in self.types()
            if each.family != "inf1"  # current Neuron images no longer support it
            and each.platform == platform
            and each.architecture == architecture
            and each.total_memory_gib >= total_memory_gib
            and each.count >= accelerators
            and (not local_storage or each.has_local_storage)
            and (max_usd_per_hour is None or (each.usd_per_hour or float("inf")) <= max_usd_per_hour)
            and (region is None or self.offers(each, region))
        ]
        if not fitting:
            raise InvalidValueError(
                "No type has all of these attributes",
                field="needs",
                hint="Lower the needs, or choose another platform or Region",
            )
        fitting.sort(key=lambda each: (each.usd_per_hour is None, each.usd_per_hour or 0, each.total_memory_gib))
        return [each.instance_type for each in fitting]

    def offers(self, each: Accelerator, region: str) -> bool:
        return region not in self._regions or region in each.zones

    def get(self, instance_type: str) -> Accelerator:
        """The data of ``instance_type``.

        :raises InvalidValueError: if the type does not exist, has no accelerator, or is not Nitro-based.
        """
        if found := self._types.get(instance_type):
            return found
        if instance_type.partition(".")[0] in self._not_nitro:
            reason = (
                f"{instance_type} runs on the Xen hypervisor, not on the Nitro System, "
                "so nothing keeps operators out of its memory"
            )
        elif instance_type in _every_instance_type():
            reason = f"{instance_type} is not a Nitro-based type with an accelerator that this catalogue covers"
        else:
            reason = f"{instance_type} is not an EC2 instance type"
        raise InvalidValueError(reason, field="instance_type", hint=nearest(instance_type, self._types))


def image_parameter(accelerator: Accelerator) -> str:
    """The public SSM parameter of the current deep learning image for a type.

    https://awsdocs-neuron.readthedocs-hosted.com/en/latest/deploy/environments/dlami.html
    https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html

    :raises InvalidValueError: for Inf1, which current Neuron images no longer support.
    """
    if accelerator.platform is Platform.NEURON:
        if accelerator.family == "inf1":
            raise InvalidValueError(
                f"{accelerator.instance_type}: Neuron images since 2.26.1 no longer support Inf1",
                field="instance_type",
                hint="Did you mean inf2.xlarge?",
            )
        return "/aws/service/neuron/dlami/multi-framework/ubuntu-24.04/latest/image_id"
    return (
        f"/aws/service/deeplearning/ami/{accelerator.architecture}/"
        "base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
    )


@cache
def _every_instance_type() -> frozenset[str]:
    # Only an error message uses this, and only if botocore is installed.
    try:
        from botocore.session import get_session
    except ImportError:
        return frozenset()
    return frozenset(get_session().get_service_model("ec2").shape_for("InstanceType").enum)
