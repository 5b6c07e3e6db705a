"""Rules on what must hold for weights, data and money to be safe: what no public rule pack knows of generative AI."""

from . import data, grants, hosting, instances

__all__ = ["data", "grants", "hosting", "instances"]
