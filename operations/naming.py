"""Looks up what a command applies to by the name that the user gave."""

from __future__ import annotations

from collections.abc import Iterable

from aws_genai.errors import nearest
from settings import Settings, readable


class UnnamedError(Exception):
    """No name was given, or an unknown one; the message lists the known names."""


def named(
    given: str, known: Iterable[str], settings: Settings, *, what: str, option: str, where: str, hint: str = ""
) -> str:
    """Return the name, if the settings have it.

    :param given: the name that the user gave; may be empty.
    :param what: the kind of resource, such as ``endpoint``.
    :param option: the variable of make for the name, such as ``NAME``.
    :param where: the section of the settings that contains the known names.
    :param hint: what to do if the section is empty. Default: add one there and deploy.
    :raises UnnamedError: if no name was given, or the settings do not have it.
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
