"""One file for each stack: what the settings ask for, wired from constructs."""

from .assemble import assemble

__all__ = ["assemble"]
