"""Settings of layer 1: accelerated compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from aws_genai.data.attestation import check_measurements
from aws_genai.data.lustre import Throughput, check_capacity
from aws_genai.errors import InvalidValueError
from aws_genai.options import Name, Options, RoleArn, text

from .fleets import Fleet
from .training import Cluster, Queue

#: SHA-384, as the Nitro TPM measures.
Measurement = Annotated[str, text(r"^[0-9a-f]{96}$", "have 96 hexadecimal digits, in lower case and in quotes")]


class Weights(Options):
    """Who may touch the weights bucket."""

    publisher_role: RoleArn | None = None
    """ARN of the one role that may write weights; nobody may without it."""

    break_glass_role: RoleArn | None = None
    """ARN of a role that may read weights in an emergency; every use is reported."""

    attestation: dict[
        Annotated[str, text(r"^pcr(0|1?[1-9]|1[0-9]|2[0-3])$", "be a register, pcr0 to pcr23")], Measurement
    ] = {}
    """What an attested machine measures, by register, such as pcr4; it makes a key for the envelope of the weights."""

    @field_validator("attestation")
    @classmethod
    def _measured(cls, value: dict[str, str]) -> dict[str, str]:
        if value:
            check_measurements(registers(value))
        return value


def registers(attestation: dict[str, str]) -> dict[int, str]:
    """Measurements by the number of their register."""
    return {int(name.removeprefix("pcr")): value for name, value in attestation.items()}


class FileSystem(Options):
    """FSx for Lustre before the training buckets; it costs by the GiB and hour, used or not."""

    capacity_gib: Annotated[int, Field(ge=1200, le=10_000_000)] = 1200
    """Size in GiB: 1,200 or a multiple of 2,400."""

    throughput: Throughput = 125
    """MB/s for each TiB."""

    export_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Minutes between exports of the checkpoints."""

    backup_days: Annotated[int, Field(ge=0, le=90)] = 0
    """Days that daily backups are kept; 0 for none."""

    @field_validator("capacity_gib")
    @classmethod
    def _step(cls, value: int) -> int:
        check_capacity(value)
        return value


class Storage(Options):
    """What training reads and writes."""

    lock_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days that an object of the data sets can be neither replaced nor deleted."""

    checkpoint_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days until a checkpoint expires."""

    file_system: FileSystem | None = None
    """A fast file system before the buckets."""


class Compute(Options):
    """Layer 1: at least a fleet, a queue or a cluster."""

    fleets: dict[Name, Fleet] = {}
    """Fleets by name."""

    queues: dict[Name, Queue] = {}
    """Queues of training jobs by name."""

    clusters: dict[Name, Cluster] = {}
    """HyperPod clusters by name."""

    weights: Weights = Weights()
    """The bucket that fleets read weights from, each below its own name."""

    storage: Storage | None = None
    """Buckets for data sets and checkpoints."""

    @model_validator(mode="after")
    def _whole(self) -> Compute:
        named = [(f"{kind}.{name}", each) for kind, members in self._members() for name, each in members.items()]
        if not named:
            raise InvalidValueError(
                "Layer 1 has no fleet, no queue and no cluster",
                field="compute",
                hint="Add one, or leave compute out",
            )
        taken: dict[str, str] = {}
        for path, each in named:
            name = path.partition(".")[2]
            for used in (name, f"{name}-work") if isinstance(each, Fleet) and each.work_queue else (name,):
                if used in taken:
                    raise InvalidValueError(
                        f"{path} and {taken[used]} make resources of one name",
                        field=f"compute.{path}",
                        hint="Rename one",
                    )
                taken[used] = path
            if not isinstance(each, Fleet) and self.storage is None:
                raise InvalidValueError(
                    f"{path} reads data sets and writes checkpoints, and there is no place for them",
                    field=f"compute.{path}",
                    hint="Add compute.storage: {lock_days: 90}",
                )
            if each.file_system and not (self.storage and self.storage.file_system):
                raise InvalidValueError(
                    f"{path} mounts a file system, and there is none",
                    field=f"compute.{path}.file_system",
                    hint="Add compute.storage.file_system: {capacity_gib: 1200}",
                )
            if isinstance(each, Fleet) and each.attested and not self.weights.attestation:
                raise InvalidValueError(
                    f"{path} is attested, and nothing says what it must measure",
                    field=f"compute.{path}.attested",
                    hint="Add compute.weights.attestation: {pcr4: ..., pcr7: ...}",
                )
        return self

    @model_validator(mode="after")
    def _one_cluster_each(self) -> Compute:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks.html
        taken: dict[str, str] = {}
        for name, cluster in self.clusters.items():
            other = taken.setdefault(cluster.eks.cluster_arn, name) if cluster.eks else name
            if other != name:
                raise InvalidValueError(
                    f"{name} and {other} have one EKS cluster, which orchestrates one HyperPod cluster",
                    field=f"compute.clusters.{name}.eks.cluster_arn",
                    hint="Give each its own, or make groups of one cluster of them",
                )
        return self

    def _members(self) -> list[tuple[str, Mapping[str, Fleet | Queue | Cluster]]]:
        return [("fleets", self.fleets), ("queues", self.queues), ("clusters", self.clusters)]
