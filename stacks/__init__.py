"""The stacks, which compose the constructs of the library according to the settings."""

from .assemble import assemble

__all__ = ["assemble"]
