"""Layer 1: accelerated compute that nobody can reach into."""

from ..data.accelerators import Accelerator, AcceleratorCatalogue, Platform
from ..data.purchase import CapacityBlock, OnDemand, Reserved, Spot
from .fleet import AcceleratorFleet
from .scaling import Schedule
from .weights import WeightsBucket
from .work_queue import WorkQueue

__all__ = [
    "Accelerator",
    "AcceleratorCatalogue",
    "AcceleratorFleet",
    "CapacityBlock",
    "OnDemand",
    "Platform",
    "Reserved",
    "Schedule",
    "Spot",
    "WeightsBucket",
    "WorkQueue",
]
