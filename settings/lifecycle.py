"""Reports models that reach their end of life. It is checked at synthesis, so that settings load alike on any day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from aws_genai.data.bedrock import BedrockCatalogue, BedrockModel, proposed

from .environment import Settings
from .errors import SettingsError

#: Amount of time, in days, before its end of life when a model is reported. Bedrock announces it six months before.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/model-lifecycle.html
NOTICE = timedelta(days=180)


def day(given: object = None) -> date:
    """The date of a synthesis: the context value ``today``. Default: the current date in UTC.

    :raises SettingsError: if the value is not a date.
    """
    if given is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(str(given))
    except ValueError as error:
        raise SettingsError(f"The context's today = {given} is no day. Write it as 2026-11-25") from error


def ended(settings: Settings, today: date) -> list[str]:
    """One sentence for each model that has reached its end of life on ``today``: all its calls fail."""
    return [
        f"{path}: {model} reached its end of life on {facts.ends(settings.region)}, and every call of it fails. "
        f"{proposed(model, settings.region, today=today)}"
        for path, model, facts in _models(settings)
        if facts.ended(today, settings.region)
    ]


def ending(settings: Settings, today: date) -> list[str]:
    """One sentence for each model that reaches its end of life soon."""
    return [
        f"{path}: {model} reaches its end of life on {facts.ends(settings.region)}; replace it before"
        for path, model, facts in _models(settings)
        if not facts.ended(today, settings.region) and facts.ended(today + NOTICE, settings.region)
    ]


def _models(settings: Settings) -> Iterator[tuple[str, str, BedrockModel]]:
    for path, model in _named(settings):
        yield path, model, BedrockCatalogue.get(model)


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    models = settings.models
    if models is None:
        return
    for model in models.bedrock.models if models.bedrock else ():
        yield "models.bedrock.models", model
    for name, provisioned in models.provisioned.items():
        if provisioned.foundation:
            yield f"models.provisioned.{name}.model", provisioned.foundation
    for name, each in models.fine_tuning.customized.items() if models.fine_tuning else ():
        yield f"models.fine_tuning.customized.{name}.base", each.base
        if each.teacher:
            yield f"models.fine_tuning.customized.{name}.teacher", each.teacher
