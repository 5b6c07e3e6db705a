"""Users of the local chat: addresses, groups, and files that only their owner reads."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import chat, users
from local.emulator import Account
from local.home import Home, LocalError


class Identity:
    """User pools with groups and users, by the calls of Cognito that a local user takes."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, set[str]]] = {}
        self.users: dict[tuple[str, str], str] = {}
        self.exceptions = SimpleNamespace(UsernameExistsException=FileExistsError)

    def get_paginator(self, operation: str) -> Any:
        def paginate(UserPoolId: str, Username: str = "") -> Any:
            there = self.groups[UserPoolId]
            names = [each for each in there if operation == "list_groups" or Username in there[each]]
            # A page for each, as long lists have.
            return [{"Groups": [{"GroupName": each}]} for each in names] or [{"Groups": []}]

        return SimpleNamespace(paginate=paginate)

    def admin_create_user(self, UserPoolId: str, Username: str, **_: Any) -> None:
        if (UserPoolId, Username) in self.users:
            raise FileExistsError
        self.users[UserPoolId, Username] = ""

    def admin_set_user_password(self, UserPoolId: str, Username: str, Password: str, Permanent: bool) -> None:
        assert Permanent
        self.users[UserPoolId, Username] = Password

    def admin_add_user_to_group(self, UserPoolId: str, Username: str, GroupName: str) -> None:
        self.groups[UserPoolId][GroupName].add(Username)

    def admin_remove_user_from_group(self, UserPoolId: str, Username: str, GroupName: str) -> None:
        self.groups[UserPoolId][GroupName].remove(Username)


class Pools(Account):
    """An account that holds user pools and nothing else."""

    identity = Identity()

    def client(self, service: str, *_: Any, **__: Any) -> Any:
        assert service == "cognito-idp"
        return self.identity


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Pools:
    monkeypatch.setattr(Pools, "identity", Identity())
    return Pools(1, 4566, "000000000000", "us-east-1")


def pool(account: Pools, *groups: str) -> chat.Chat:
    name = f"us-east-1_{len(account.identity.groups)}"
    account.identity.groups[name] = {group: set() for group in groups}
    return chat.Chat("http://127.0.0.1:1/chat", name, "client")


@pytest.mark.parametrize(
    "text", ["ann@example.com", " Ann@Example.com ", "a.b+c@x-y.example", "o'hara@example.com", "a/b@example.com"]
)
def test_addresses(text: str, tmp_path: Path) -> None:
    email = users.address(text)
    assert email == text.strip().lower()
    file = users.file(Home(tmp_path), "us-east-1_x", email)
    assert file.parent.parent == tmp_path / "users"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "a b@example.com",
        "ann@example..com",
        "ann@-x.com",
        "ann@x.com\nbob@x.com",
        f"{'a' * 120}@example.com",
        "änn@example.com",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(LocalError) as refused:
        users.address(text)
    assert "ann@example.com" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" ,", []),
        ("hr", ["hr"]),
        ("hr,staff", ["hr", "staff"]),
        ("hr staff", ["hr", "staff"]),
        (" hr , staff,hr ", ["hr", "staff"]),
    ],
)
def test_lists_of_groups(text: str, found: list[str]) -> None:
    assert users.names(text) == found


def test_a_user_is_created_and_updated(account: Pools, tmp_path: Path) -> None:
    home, found = Home(tmp_path), pool(account, "hr", "staff")
    made = chat.user(home, account, found, "Ann@Example.com", ["hr", "staff"])
    assert users.groups_of_user(account, found.pool, "ann@example.com") == ["hr", "staff"]
    assert chat.user(home, account, found, "ann@example.com", ["staff"])["password"] == made["password"]
    assert users.groups_of_user(account, found.pool, "ann@example.com") == ["staff"]
    chat.user(home, account, found, "ann@example.com")
    assert users.groups_of_user(account, found.pool, "ann@example.com") == ["staff"]
    chat.user(home, account, found, "ann@example.com", [])
    assert users.groups_of_user(account, found.pool, "ann@example.com") == []
    chat.user(home, account, found, "bob@example.com")
    assert users.groups_of_user(account, found.pool, "bob@example.com") == []
    assert users.known(home, found.pool) == ["ann@example.com", "bob@example.com"]


def test_the_first_user_is_in_every_group_until_told(account: Pools, tmp_path: Path) -> None:
    home, found = Home(tmp_path), pool(account, "hr")
    chat.user(home, account, found, chat.EMAIL)
    assert users.groups_of_user(account, found.pool, chat.EMAIL) == ["hr"]
    account.identity.groups[found.pool]["legal"] = set()
    chat.user(home, account, found, chat.EMAIL)
    assert users.groups_of_user(account, found.pool, chat.EMAIL) == ["hr", "legal"]
    chat.user(home, account, found, chat.EMAIL, ["legal"])
    chat.user(home, account, found, chat.EMAIL)
    assert users.groups_of_user(account, found.pool, chat.EMAIL) == ["legal"]


def test_a_group_that_does_not_exist_changes_nothing(account: Pools, tmp_path: Path) -> None:
    home, found = Home(tmp_path), pool(account, "hr", "staff")
    with pytest.raises(
        LocalError, match=r"hrr is no group of this chat. Did you mean hr\? Groups of this chat: hr, staff."
    ):
        chat.user(home, account, found, "ann@example.com", ["staff", "hrr"])
    with pytest.raises(LocalError, match=r"zzzzz is no group of this chat\. Choose one of: hr, staff"):
        chat.user(home, account, found, "ann@example.com", ["zzzzz"])
    with pytest.raises(LocalError, match="This chat has no groups, and so no hr"):
        chat.user(home, account, pool(account), "ann@example.com", ["hr"])
    assert users.known(home, found.pool) == []
    assert account.identity.users == {}


def test_two_pools_keep_their_users_apart(account: Pools, tmp_path: Path) -> None:
    home, first, second = Home(tmp_path), pool(account, "hr"), pool(account)
    passwords = {chat.user(home, account, each, "ann@example.com")["password"] for each in (first, second, first)}
    assert len(passwords) == 2


def test_passwords_and_tokens_are_read_by_their_owner_alone(account: Pools, tmp_path: Path) -> None:
    home, found = Home(tmp_path), pool(account)
    chat.user(home, account, found, chat.EMAIL)
    home.write_text(users.token_file(home, found.pool, chat.EMAIL), "token")
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert len(files) == 3
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}


def test_whoever_was_never_made_is_told_how(account: Pools, tmp_path: Path) -> None:
    home, found = Home(tmp_path), pool(account)
    chat.user(home, account, found, "ann@example.com")
    with pytest.raises(LocalError) as refused:
        chat.sign_in(home, account, found, "o'hara@example.com")
    assert "ann@example.com" in str(refused.value)
    command = str(refused.value).partition("Create one with ")[2]
    assert shlex.split(command) == ["make", "local-user", "EMAIL=o'hara@example.com"]


@pytest.mark.parametrize("folder", ["plain", "with a blank", "it's", 'say "hi"', "$HOME", "a;b", "ünï"])
def test_printed_commands_work_as_pasted(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / folder)
    found = chat.Chat("http://127.0.0.1:1/v1/chat?a=1&b=2", "us-east-1_x", "client")
    home.write_text(users.token_file(home, found.pool, chat.EMAIL), "the token")
    # A curl that prints what it was given, a line each.
    program = tmp_path / "bin" / "curl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    for shell in ("bash", "sh"):
        done = subprocess.run(
            [shell, "-c", chat.curl(found, home)], capture_output=True, text=True, timeout=20, check=True
        )
        given = done.stdout.splitlines()
        assert given[:3] == ["-s", found.url, "-H"]
        assert "Authorization: the token" in given
        assert given[-1] == '{"messages": [{"role": "user", "text": "Hello"}]}'


def test_what_stands_before_aws_reaches_the_account_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "of the user's")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    line = f"{Account(1, 4566, '000000000000', 'us-east-1').shell()} env"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20, check=True)
    shown = dict(each.split("=", 1) for each in done.stdout.splitlines() if each.startswith("AWS_"))
    assert shown["AWS_DEFAULT_REGION"] == shown["AWS_REGION"] == "us-east-1"
    assert shown["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & shown.keys()
