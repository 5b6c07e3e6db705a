"""Commands that messages advise, as they are typed: complete, and quoted for a shell."""

from __future__ import annotations

import shlex


def make(verb: str, environment: str = "", **variables: str) -> str:
    """A ``make`` command.

    :param verb: the target, such as ``deploy``.
    :param environment: the environment that it is about. Default: the verb's own.
    :param variables: what the verb is given, by the names of the Makefile, such as ``NAME``.
    """
    given = {**variables, **({"ENV": environment} if environment else {})}
    return " ".join(["make", verb, *(f"{name}={shlex.quote(value)}" for name, value in given.items())])
