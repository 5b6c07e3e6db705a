"""Layer 1: accelerated compute that nobody can reach into."""

from ..data.accelerators import Accelerator, AcceleratorCatalogue, Platform
from ..data.purchase import CapacityBlock, OnDemand, Reserved, Spot
from .fleet import AcceleratorFleet
from .lustre import LustreFileSystem
from .scaling import Schedule
from .storage import TrainingStorage
from .weights import WeightsBucket
from .work_queue import WorkQueue

__all__ = [
    "Accelerator",
    "AcceleratorCatalogue",
    "AcceleratorFleet",
    "CapacityBlock",
    "LustreFileSystem",
    "OnDemand",
    "Platform",
    "Reserved",
    "Schedule",
    "Spot",
    "TrainingStorage",
    "WeightsBucket",
    "WorkQueue",
]
