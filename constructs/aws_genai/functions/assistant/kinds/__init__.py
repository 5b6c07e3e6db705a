"""The tools of each kind of assistant.

A kind that has tools is a module here with a function ``tools(asker) -> list[Tool]``, which reads its own environment
variables. It is imported only in assistants of that kind.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..tools import Tool


@dataclass(frozen=True)
class Asker:
    """Who asks."""

    #: Claims of the token, which API Gateway has verified.
    claims: Mapping[str, Any]
    #: Groups of the user.
    groups: Sequence[str]
    #: The token itself, for services that verify it again. It must never be logged or shown to a model.
    token: str


def tools(kind: str | None, asker: Asker) -> list[Tool]:
    """The tools that an assistant of this kind offers to the model for a question of this user.

    :param kind: name of the module; None for kinds without tools.
    """
    if kind is None:
        return []
    found: list[Tool] = importlib.import_module(f".{kind}", __name__).tools(asker)
    return found
