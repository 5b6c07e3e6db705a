"""Which environments a local account contains, and which of them a command applies to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aws_genai.errors import nearest
from settings import STACKS, available, make

from .chat import Chat, deployed
from .emulator import Account
from .home import Home, LocalError


@dataclass
class Environment:
    """The deployed parts of an environment."""

    name: str
    prefix: str
    stacks: list[str] = field(default_factory=list)


def environments(account: Account) -> list[Environment]:
    """The environments that have a stack in the account, by name."""
    found: dict[str, Environment] = {}
    pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
    for name in sorted(str(stack["StackName"]) for page in pages for stack in page["Stacks"]):
        prefix, _, layer = name.rpartition("-")
        if layer in STACKS and "-" in prefix:
            environment = prefix.partition("-")[2]
            found.setdefault(environment, Environment(environment, prefix)).stacks.append(name)
    for each in found.values():
        each.stacks.sort(key=lambda name: STACKS.index(name.rpartition("-")[2]))
    return [found[name] for name in sorted(found)]


def remember(home: Home, name: str) -> None:
    """Record which environment was deployed last."""
    home.write(home.deployed, {"environment": name})


def last(home: Home) -> str:
    """The environment that was deployed last. Empty if there is none."""
    return str(home.read(home.deployed).get("environment", ""))


def chats(account: Account) -> dict[str, Chat]:
    """The deployed chats by the name of their environment."""
    found: dict[str, Any] = {each.name: deployed(account, each.stacks) for each in environments(account)}
    return {name: chat for name, chat in found.items() if chat is not None}


def chosen(home: Home, account: Account, name: str | None) -> tuple[str, Chat]:
    """The chat that a command applies to, with its environment: the named one, the only one, or the last deployed.

    :raises LocalError: if there is none, or none of that name.
    """
    there = chats(account)
    if name:
        if name in there:
            return name, there[name]
        if name not in available():
            raise LocalError(f"There is no environment {name}. {nearest(name, available())}")
        others = f" There {_are(list(there))}." if there else ""
        raise LocalError(f"No chat of {name} is deployed here.{others} Deploy it with {make('local', name)}")
    if not there:
        raise LocalError("No chat is deployed. Settings with application: {chat: {}} have one; then make local-deploy.")
    chosen = last(home) if last(home) in there else next(iter(there))
    return chosen, there[chosen]


def _are(names: list[str]) -> str:
    return f"is one of {names[0]}" if len(names) == 1 else f"are some of {', '.join(names)}"
