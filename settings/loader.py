"""Reading one environment's settings from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from aws_genai.errors import nearest

from .errors import SettingsError, explain
from .model import Settings

CONFIG = Path(__file__).resolve().parent.parent / "config"


def available(folder: Path = CONFIG) -> list[str]:
    """Names of the environments that have a file."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(environment: str, folder: Path = CONFIG) -> Settings:
    """The settings of an environment.

    :raises SettingsError: if there is no such file, or anything in it cannot be used.
    """
    path = folder / f"{environment}.yaml"
    name = f"{folder.name}/{path.name}"
    if environment not in available(folder):
        raise SettingsError(f"{name}: there is no such environment. {nearest(environment, available(folder))}")
    content = read(path, name)
    declared = content.get("environment", environment)
    if declared != environment:
        raise SettingsError(f'{name}: environment = "{declared}": the file is named {environment}. Use that name')
    try:
        return Settings.model_validate({"environment": environment, **content})
    except ValidationError as error:
        raise SettingsError(explain(error, name, Settings)) from error


def read(path: Path, name: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    :raises SettingsError: if it is no YAML, empty, no mapping, or has a key twice.
    """
    try:
        # The loader derives from SafeLoader: it makes plain values only.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506
    except OSError as error:
        raise SettingsError(f"{name}: cannot be read: {error.strerror}. Check the permissions of the file") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: is not UTF-8 text. Save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(f"{name}{line}: is not YAML: {error.problem}. Check indentation and quotes") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"{name}: is not YAML: {error}. Check indentation and quotes") from error
    if content is None:
        raise SettingsError(f"{name}: is empty. Start from a copy of config/dev.yaml")
    if not isinstance(content, dict):
        kind = "list" if isinstance(content, list) else type(content).__name__
        raise SettingsError(f"{name}: holds a {kind}, not settings. Start from a copy of config/dev.yaml")
    return content


class _UniqueKeyLoader(yaml.SafeLoader):
    """A loader that refuses a key that stands twice; YAML's own takes the last and drops the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is not text; put it in quotes", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
