"""What a user can choose: the models of config/*.yaml, one module for each layer, and their loader."""

from .commands import make
from .errors import SettingsError, readable, told
from .lifecycle import day, ended, ending
from .loader import about, available, load
from .model import Settings

__all__ = [
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
