"""Packages that import a module when one of its names is first used, because the modules of the CDK are large."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pkgutil import get_data
from typing import Any


def exports(package: str) -> tuple[list[str], Callable[[str], Any]]:
    """The ``__all__`` and the ``__getattr__`` (PEP 562) of a package.

    The package's public names are declared once, as the imports in the ``if TYPE_CHECKING:`` block of its
    ``__init__.py``, where type checkers and editors read them too: ``from .key import DataKey as DataKey``. A line
    ``from .access import *`` adds the public names of another package.

    :param package: the ``__name__`` of the package.
    """
    homes: dict[str, str] = {}
    for node in ast.walk(_checked(package)):
        if isinstance(node, ast.ImportFrom) and node.level:
            module = "." * node.level + (node.module or "")
            starred = node.names[0].name == "*"
            names = import_module(module, package).__all__ if starred else [each.name for each in node.names]
            homes |= dict.fromkeys(names, module)

    def load(name: str) -> Any:  # noqa: ANN401 - the type is that of the exported object
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(homes[name], package), name)
        setattr(sys.modules[package], name, found)
        return found

    return sorted(homes), load


def _checked(package: str) -> ast.Module:
    """The ``if TYPE_CHECKING:`` blocks of a package."""
    source = get_data(package, "__init__.py")
    if source is None:
        raise ImportError(f"the source of {package} is needed to load its modules on first use")
    blocks = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return ast.Module(body=[each for block in blocks for each in block.body], type_ignores=[])
