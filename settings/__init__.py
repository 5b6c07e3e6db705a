"""The settings: the models of config/*.yaml, one module for each layer, and their loader."""

from aws_genai.explain import readable

from .commands import make
from .environment import Settings
from .errors import SettingsError, told
from .layers import STACKS
from .lifecycle import day, ended, ending
from .loader import about, available, load

__all__ = [
    "STACKS",
    "Settings",
    "SettingsError",
    "about",
    "available",
    "day",
    "ended",
    "ending",
    "load",
    "make",
    "readable",
    "told",
]
