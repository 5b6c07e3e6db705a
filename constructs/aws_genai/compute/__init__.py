"""Layer 1: accelerated compute that nobody can log in to."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.accelerators import (
        Accelerator as Accelerator,
        AcceleratorCatalogue as AcceleratorCatalogue,
        Platform as Platform,
    )
    from ..data.cluster import ClusterGroup as ClusterGroup, Eks as Eks, Slurm as Slurm, Team as Team
    from ..data.purchase import CapacityBlock as CapacityBlock, OnDemand as OnDemand, Reserved as Reserved, Spot as Spot
    from .envelope import EnvelopeKey as EnvelopeKey
    from .fleet import AcceleratorFleet as AcceleratorFleet
    from .lustre import LustreFileSystem as LustreFileSystem
    from .scaling import Schedule as Schedule
    from .storage import TrainingStorage as TrainingStorage
    from .training_cluster import TrainingCluster as TrainingCluster
    from .training_queue import TrainingQueue as TrainingQueue
    from .weights import WeightsBucket as WeightsBucket
    from .work_queue import WorkQueue as WorkQueue

__all__, __getattr__ = exports(__name__)
