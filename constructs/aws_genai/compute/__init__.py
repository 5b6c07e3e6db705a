"""Layer 1: accelerated compute that nobody can reach into."""

from ..data.accelerators import Accelerator, AcceleratorCatalogue, Platform
from .fleet import AcceleratorFleet
from .weights import WeightsBucket

__all__ = [
    "Accelerator",
    "AcceleratorCatalogue",
    "AcceleratorFleet",
    "Platform",
    "WeightsBucket",
]
