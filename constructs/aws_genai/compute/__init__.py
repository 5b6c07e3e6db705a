"""Layer 1: accelerated compute that nobody can reach into."""

from typing import TYPE_CHECKING

from ..lazily import exports

if TYPE_CHECKING:
    from ..data.accelerators import Accelerator, AcceleratorCatalogue, Platform
    from ..data.cluster import ClusterGroup, Eks, Slurm, Team
    from ..data.purchase import CapacityBlock, OnDemand, Reserved, Spot
    from .fleet import AcceleratorFleet
    from .lustre import LustreFileSystem
    from .scaling import Schedule
    from .storage import TrainingStorage
    from .training_cluster import TrainingCluster
    from .training_queue import TrainingQueue
    from .weights import WeightsBucket
    from .work_queue import WorkQueue

__all__ = [
    "Accelerator",
    "AcceleratorCatalogue",
    "AcceleratorFleet",
    "CapacityBlock",
    "ClusterGroup",
    "Eks",
    "LustreFileSystem",
    "OnDemand",
    "Platform",
    "Reserved",
    "Schedule",
    "Slurm",
    "Spot",
    "Team",
    "TrainingCluster",
    "TrainingQueue",
    "TrainingStorage",
    "WeightsBucket",
    "WorkQueue",
]

__getattr__ = exports(
    __name__,
    {
        "..data.accelerators": (
            "Accelerator",
            "AcceleratorCatalogue",
            "Platform",
        ),
        "..data.cluster": (
            "ClusterGroup",
            "Eks",
            "Slurm",
            "Team",
        ),
        "..data.purchase": (
            "CapacityBlock",
            "OnDemand",
            "Reserved",
            "Spot",
        ),
        ".fleet": ("AcceleratorFleet",),
        ".lustre": ("LustreFileSystem",),
        ".scaling": ("Schedule",),
        ".storage": ("TrainingStorage",),
        ".training_cluster": ("TrainingCluster",),
        ".training_queue": ("TrainingQueue",),
        ".weights": ("WeightsBucket",),
        ".work_queue": ("WorkQueue",),
    },
)
