"""The stacks of an environment."""

from __future__ import annotations

#: In the order of deployment: a stack may depend on those before it.
STACKS = ("foundation", "compute", "models", "hosting", "application")
