"""What a user can choose: the models of config/*.yaml, one module for each layer, and their loader."""

from .environment import Settings
from .errors import SettingsError, readable, told
from .lifecycle import day, ended, ending
from .loader import available, load

__all__ = ["Settings", "SettingsError", "available", "day", "ended", "ending", "load", "readable", "told"]
