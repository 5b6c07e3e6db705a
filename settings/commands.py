"""Commands that messages recommend: complete, and quoted for a shell."""

from __future__ import annotations

import shlex


def make(verb: str, environment: str = "", **variables: str) -> str:
    """Return a ``make`` command.

    :param verb: the target, such as ``deploy``.
    :param environment: the environment to run it for. Default: the default environment of the target.
    :param variables: variables of the target by their names in the Makefile, such as ``NAME``.
    """
    given = {**variables, **({"ENV": environment} if environment else {})}
    return " ".join(["make", verb, *(f"{name}={shlex.quote(value)}" for name, value in given.items())])
