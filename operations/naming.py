"""What a verb is about, by the name that its user gave: one of those that the settings have, or one message."""

from __future__ import annotations

from collections.abc import Iterable

from aws_genai.errors import nearest
from settings import Settings, readable


class UnnamedError(Exception):
    """No name was given, or one that there is not; the message says which there are."""


def named(
    given: str, known: Iterable[str], settings: Settings, *, what: str, option: str, where: str, hint: str = ""
) -> str:
    """The name, if the settings have it.

    :param given: what the user gave, perhaps nothing.
    :param what: what is named, such as ``endpoint``.
    :param option: how it is given to make, such as ``NAME``.
    :param where: the section of the settings that has those that there are.
    :param hint: what to do where there is none. Default: add one there and deploy.
    :raises UnnamedError: if nothing was given, or the settings do not have it.
    """
    names, given = sorted(known), given.strip()
    if given in names:
        return given
    if not names:
        why = hint or f"Add one to {where} and deploy"
        raise UnnamedError(f"config/{settings.environment}.yaml has no {what}. {why}")
    there = f"{where} has {', '.join(names)}"
    if not given:
        raise UnnamedError(
            f"Which {what}? Add {option}={names[0]}{' or another' if len(names) > 1 else ''}; "
            f"in config/{settings.environment}.yaml, {there}"
        )
    close = nearest(given, names, cutoff=0.5)
    meant = f" {close}" if close.startswith("Did") else ""
    raise UnnamedError(readable(f"config/{settings.environment}.yaml has no {what} {given}.{meant} There, {there}"))
