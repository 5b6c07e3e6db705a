"""Loads the settings of an environment from its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from aws_genai.errors import nearest
from aws_genai.explain import explain, readable

from .environment import Settings
from .errors import SettingsError, sentence
from .reading import read

CONFIG = Path(__file__).resolve().parent.parent / "config"


def available(folder: Path = CONFIG) -> list[str]:
    """Names of the environments that have a file."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def about(settings: Settings) -> dict[str, str]:
    """What a cloud assembly records about its settings: the environment, and a digest of all settings."""
    digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()
    return {"environment": settings.environment, "settings": digest}


def load(environment: str, folder: Path = CONFIG) -> Settings:
    """The settings of an environment.

    :raises SettingsError: if the file does not exist, or is invalid.
    """
    path = folder / f"{environment}.yaml"
    name = f"{folder.name}/{path.name}"
    if environment not in available(folder):
        hint = nearest(environment, available(folder))
        raise SettingsError(readable(f"{name}: there is no such environment. {hint}"))
    content = read(path, name)
    declared = content.get("environment", environment)
    if declared != environment:
        reason = f'environment = "{declared}": the file is named {environment}. Use that name'
        raise SettingsError(readable(f"{name}: {reason}"))
    try:
        return Settings.model_validate({"environment": environment, **content})
    except ValidationError as error:
        raise SettingsError(explain(error, name, Settings)) from error
    except Exception as error:
        # An unexpected error in a check is reported like any error in the settings, without a traceback.
        raise SettingsError(f"{name}: cannot be understood: {sentence(error)}") from error
