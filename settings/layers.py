"""The stacks of an environment."""

from __future__ import annotations

#: The stacks in the order of deployment: a stack may depend on those before it.
STACKS = ("foundation", "compute", "models", "hosting", "application")
