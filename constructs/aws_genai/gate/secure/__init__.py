"""Rules for the protection of weights, data and costs of generative AI, which public rule packs do not cover."""

from . import agents, data, edge, grants, hosting, instances, sign_in

__all__ = ["agents", "data", "edge", "grants", "hosting", "instances", "sign_in"]
