"""Settings of layer 1. The options of the constructs are declared in the library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from aws_genai.compute.options import (
    ClusterOptions,
    Eks,
    FileSystemOptions,
    FleetOptions,
    QueueOptions,
    StorageOptions,
    WeightsOptions,
)
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.foundation.options import ExistingBucket
from aws_genai.options import AccountId, Name, Options

#: The folder of lifecycle and job scripts of clusters.
SCRIPTS = Path(__file__).resolve().parent.parent / "config" / "scripts"


class WeightsSettings(WeightsOptions):
    """The bucket that fleets read weights from, each under the prefix of the fleet's name."""

    bucket: ExistingBucket | None = None
    """An existing bucket of weights. Its bucket policy is not changed, and therefore does not enforce the publisher and
    the readers. Default: a new bucket."""


class StorageSettings(StorageOptions):
    """Buckets for data sets and checkpoints, and a file system that is linked to them."""

    data_sets: ExistingBucket | None = None
    """An existing bucket of data sets. Object Lock is not applied to it. Default: a new bucket."""

    checkpoints: ExistingBucket | None = None
    """An existing bucket for checkpoints. Expiration is not applied to it. Default: a new bucket."""

    file_system: FileSystemOptions | None = None
    """An FSx for Lustre file system that is linked to the buckets. Default: none."""

    @model_validator(mode="after")
    def _own(self) -> Self:
        for field, bucket in (("lock_days", self.data_sets), ("checkpoint_days", self.checkpoints)):
            if bucket and field in self.model_fields_set:
                raise InvalidValueError(
                    f"{field} does not apply to an existing bucket, whose settings stay as they are",
                    field=field,
                    hint=f"Leave {field} out, and configure the bucket {bucket.name} itself",
                )
        if self.data_sets and self.checkpoints and self.data_sets.name == self.checkpoints.name:
            raise InvalidValueError(
                "Data sets and checkpoints are in one bucket, so that jobs could overwrite data sets",
                field="checkpoints",
                hint="Use a bucket for each",
            )
        return self


class FleetSettings(FleetOptions):
    """A fleet, and the resources of other sections that it uses."""

    work_queue: bool = False
    """Whether to create an SQS queue of work. The fleet scales on its length, also from and to zero instances."""

    file_system: bool = False
    """Whether to mount the file system of storage at /fsx."""

    attested: bool = False
    """Whether instances may decrypt the encrypted weights after they have attested what they run. Requires
    weights.attestation."""

    @model_validator(mode="after")
    def _provable(self) -> Self:
        if self.attested:
            self.check_attested(self.types())
        return self


class QueueSettings(QueueOptions):
    """A queue, and the resources of other sections that it uses."""

    file_system: bool = False
    """Whether to mount the file system of storage at /fsx."""


class EksSettings(Eks):
    """An existing EKS cluster, and the registries that its nodes pull images from."""

    registries: list[AccountId] = []
    """Ids of additional accounts from whose Amazon ECR registries nodes pull images, 12 digits in quotes. Default: only
    the registries of this account, EKS and HyperPod."""


class ClusterSettings(ClusterOptions):
    """A cluster, and the resources of other sections and the scripts of config/scripts that it uses."""

    eks: EksSettings | None = None
    """The existing EKS cluster that orchestrates the cluster. Default: the cluster is orchestrated by Slurm."""

    scripts: str | None = None
    """Name of a folder in config/scripts: on_init.sh runs on every node, and jobs/ contains the Slurm job scripts that
    may be submitted. Default: none."""

    file_system: bool = False
    """Whether to mount the file system of storage at /fsx."""

    @field_validator("scripts")
    @classmethod
    def _there(cls, value: str | None) -> str | None:
        known = sorted(path.name for path in SCRIPTS.iterdir() if path.is_dir()) if SCRIPTS.is_dir() else []
        if value is not None and value not in known:
            raise InvalidValueError(f"config/scripts has no folder {value}", hint=nearest(value, known))
        return value

    @model_validator(mode="after")
    def _runnable(self) -> Self:
        self.check_jobs(self.files("jobs"))
        return self

    def files(self, below: str) -> dict[str, bytes]:
        """Contents of the folder of scripts by file name: of one of its folders, or of all except the jobs."""
        if self.scripts is None:
            return {}
        root = SCRIPTS / self.scripts / below
        found = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if below or not name.startswith("jobs/")}


class Compute(Options):
    """Layer 1: at least one fleet, queue or cluster."""

    fleets: dict[Name, FleetSettings] = {}
    """Fleets of accelerated instances, by name."""

    queues: dict[Name, QueueSettings] = {}
    """Queues of training jobs, by name."""

    clusters: dict[Name, ClusterSettings] = {}
    """HyperPod clusters, by name."""

    weights: WeightsSettings = WeightsSettings()
    """The bucket that fleets read weights from, each under the prefix of the fleet's name."""

    storage: StorageSettings | None = None
    """Buckets for data sets and checkpoints. Required by queues and clusters. Default: none."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
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
            for used in (name, f"{name}-work") if isinstance(each, FleetSettings) and each.work_queue else (name,):
                if used in taken:
                    raise InvalidValueError(
                        f"{path} and {taken[used]} create resources with the same name",
                        field=f"compute.{path}",
                        hint="Rename one of them",
                    )
                taken[used] = path
            if not isinstance(each, FleetSettings) and self.storage is None:
                raise InvalidValueError(
                    f"{path} reads data sets and writes checkpoints, and there are no buckets for them",
                    field=f"compute.{path}",
                    hint="Add compute.storage: {lock_days: 90}",
                )
            if each.file_system and not (self.storage and self.storage.file_system):
                raise InvalidValueError(
                    f"{path} mounts a file system, and there is none",
                    field=f"compute.{path}.file_system",
                    hint="Add compute.storage.file_system: {capacity_gib: 1200}",
                )
            if isinstance(each, FleetSettings) and each.attested and not self.weights.attestation:
                raise InvalidValueError(
                    f"{path} is attested, and there are no measurements to compare with",
                    field=f"compute.{path}.attested",
                    hint="Add compute.weights.attestation: {pcr4: ..., pcr7: ...}",
                )
        return self

    @model_validator(mode="after")
    def _one_cluster_each(self) -> Self:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks.html
        taken: dict[str, str] = {}
        for name, cluster in self.clusters.items():
            other = taken.setdefault(cluster.eks.cluster_arn, name) if cluster.eks else name
            if other != name:
                raise InvalidValueError(
                    f"{name} and {other} have the same EKS cluster, which orchestrates one HyperPod cluster only",
                    field=f"compute.clusters.{name}.eks.cluster_arn",
                    hint="Use an EKS cluster for each, or make them groups of one cluster",
                )
        return self

    def _members(self) -> list[tuple[str, Mapping[str, FleetSettings | QueueSettings | ClusterSettings]]]:
        return [("fleets", self.fleets), ("queues", self.queues), ("clusters", self.clusters)]
