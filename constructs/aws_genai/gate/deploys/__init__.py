"""Rules on what AWS would refuse, or do otherwise than the template's author meant."""

from . import keys, policies

__all__ = ["keys", "policies"]
