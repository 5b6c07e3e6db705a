"""Which environment a verb is about, where an account holds several, and what is said of another account."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from local import __main__ as verbs, emulator, environments
from local.home import Home, LocalError
from settings import load

URL = "https://{}.execute-api.us-east-1.amazonaws.com/v1/chat"


class Stacks(emulator.Account):
    """An account that holds these stacks; those of layer 3 have a chat."""

    names: tuple[str, ...] = ()

    def client(self, service: str, *_: Any, **__: Any) -> Any:
        assert service == "cloudformation"

        def described(name: str) -> dict[str, Any]:
            if name not in self.names:
                raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
            chat = {"ChatUrl1A": URL.format(name), "UsersPoolId1A": f"pool of {name}", "UsersClientId1A": "client"}
            outputs = chat if name.endswith("-application") else {}
            return {"StackName": name, "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]}

        def describe(StackName: str) -> dict[str, Any]:
            return {"Stacks": [described(StackName)]}

        def paginate() -> list[dict[str, Any]]:
            return [{"Stacks": [described(name)]} for name in self.names]

        return SimpleNamespace(describe_stacks=describe, get_paginator=lambda _: SimpleNamespace(paginate=paginate))


def account(*names: str, number: str = "000000000000") -> Stacks:
    made = Stacks(1, 4566, number, "us-east-1")
    object.__setattr__(made, "names", names)
    return made


def layers(environment: str, *which: str) -> list[str]:
    return [f"genai-{environment}-{layer}" for layer in which or environments.STACKS]


def test_environments_are_told_by_their_stacks() -> None:
    held = account("CDKToolkit", "other", *reversed(layers("local")), *layers("dev", "foundation", "models"))
    found = environments.environments(held)
    assert [(each.name, each.prefix, len(each.stacks)) for each in found] == [
        ("dev", "genai-dev", 2),
        ("local", "genai-local", 5),
    ]
    assert found[1].stacks == layers("local")
    assert list(environments.chats(held)) == ["local"]


def test_the_only_chat_is_asked_whatever_was_deployed_last(tmp_path: Path) -> None:
    held = account(*layers("local"), *layers("dev", "foundation"))
    environments.remember(Home(tmp_path), "dev")
    name, chat = environments.chosen(Home(tmp_path), held, None)
    assert (name, chat.pool, chat.stack) == ("local", "pool of genai-local-application", "genai-local-application")


def test_of_several_the_last_deployed_is_asked_or_the_one_that_is_named(tmp_path: Path) -> None:
    home, held = Home(tmp_path), account(*layers("local"), *layers("dev"))
    for last in ("dev", "local"):
        environments.remember(home, last)
        assert environments.chosen(home, held, None)[0] == last
        assert environments.chosen(home, held, "dev")[1].pool == "pool of genai-dev-application"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("prod", "No chat of prod is deployed here. There are some of dev, local. Deploy it with make local ENV=prod"),
        ("prd", "There is no environment prd. Did you mean prod?"),
    ],
)
def test_one_that_is_not_there_is_told(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError) as refused:
        environments.chosen(Home(tmp_path), account(*layers("local"), *layers("dev")), name)
    assert str(refused.value) == said


def test_without_a_chat_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"No chat is deployed\. Settings with application"):
        environments.chosen(Home(tmp_path), account(*layers("dev", "foundation")), None)


def test_what_is_destroyed_is_never_guessed() -> None:
    assert verbs._only(account(*layers("dev"))) == "dev"
    with pytest.raises(LocalError, match=r"dev and local are deployed\. Say which goes: make local-destroy ENV=dev"):
        verbs._only(account(*layers("dev"), *layers("local")))


def test_settings_that_name_no_account_fit_any_and_others_their_own() -> None:
    mine, theirs = account(), account(number="111122223333")
    assert verbs._fits(mine, load("local"))
    assert verbs._fits(theirs, load("local"))
    assert verbs._fits(theirs, load("reference"))
    assert not verbs._fits(mine, load("reference"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "ended"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False), (None, False)]
)
def test_another_account_is_ended_only_when_a_terminal_says_so(
    typed: str | None, ended: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[Home] = []
    monkeypatch.setattr(emulator, "find", lambda _: account(*layers("local")))
    monkeypatch.setattr(emulator, "stop", lambda home: stopped.append(home) or True)
    monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, highlight=False, soft_wrap=True)
    home, options = Home(tmp_path / "it's here"), argparse.Namespace(environment="reference")
    home.folder.mkdir()
    if ended:
        verbs._make_way(home, load("reference"), options, console)
    else:
        with pytest.raises(LocalError) as refused:
            verbs._make_way(home, load("reference"), options, console)
        told = str(refused.value)
        assert told == "Nothing was changed." if typed is not None else "keep both: LOCAL_HOME=" in told
        assert len(told.splitlines()) == 1
    assert bool(stopped) == ended == (not home.folder.exists())
    if typed is not None:
        assert (
            "with genai-local in it, and the settings of reference want 111122223333 in us-east-1" in shown.getvalue()
        )
