"""Layer 1: accelerated compute that nobody can log in to."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.accelerators import (
        Accelerator as Accelerator,
        AcceleratorCatalogue as AcceleratorCatalogue,
        Platform as Platform,
    )
    from .envelope import EnvelopeKey as EnvelopeKey
    from .fleet import AcceleratorFleet as AcceleratorFleet
    from .lustre import LustreFileSystem as LustreFileSystem
    from .options import (
        Capacity as Capacity,
        CapacityBlock as CapacityBlock,
        ClusterGroup as ClusterGroup,
        ClusterOptions as ClusterOptions,
        Eks as Eks,
        FileSystemOptions as FileSystemOptions,
        FleetOptions as FleetOptions,
        Needs as Needs,
        QueueOptions as QueueOptions,
        Reserved as Reserved,
        Schedule as Schedule,
        ServedModel as ServedModel,
        Slurm as Slurm,
        Spot as Spot,
        StorageOptions as StorageOptions,
        Team as Team,
        WeightsOptions as WeightsOptions,
    )
    from .storage import TrainingStorage as TrainingStorage
    from .training_cluster import TrainingCluster as TrainingCluster
    from .training_queue import TrainingQueue as TrainingQueue
    from .weights import WeightsBucket as WeightsBucket
    from .work_queue import WorkQueue as WorkQueue

__all__, __getattr__ = exports(__name__)
