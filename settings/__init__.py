"""The settings: the models of config/*.yaml, one module for each layer, and their loader."""

from typing import TYPE_CHECKING

from aws_genai.lazily import exports

if TYPE_CHECKING:
    from .commands import make as make
    from .environment import Settings as Settings
    from .errors import SettingsError as SettingsError, readable as readable, told as told
    from .layers import STACKS as STACKS
    from .lifecycle import day as day, ended as ended, ending as ending
    from .loader import about as about, available as available, load as load

__all__, __getattr__ = exports(__name__)
