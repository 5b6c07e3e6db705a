"""The users of a local chat: their names, their groups, and where their passwords are stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aws_genai.errors import nearest

from .emulator import Account
from .home import Home, LocalError

#: The user who asks unless another is named. Member of every group.
EMAIL = "you@example.com"
#: What Cognito accepts as a user name, and users as an email address:
#: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_LONGEST = 128

User = dict[str, Any]


def address(text: str) -> str:
    """An email address as it is stored: in lower case, without surrounding blanks.

    :raises LocalError: if it is not valid.
    """
    email = text.strip().lower()
    if not email:
        raise LocalError("Whose address? Add EMAIL=ann@example.com")
    if len(email) > _LONGEST or not _EMAIL.fullmatch(email):
        raise LocalError(
            f"{text.strip()!r} is no email address of at most {_LONGEST} characters, as ann@example.com is"
        )
    return email


def names(text: str) -> list[str]:
    """The groups of a list that is separated by commas or blanks."""
    return list(dict.fromkeys(re.split(r"[\s,;]+", text.strip(" \t\n,;")))) if text.strip(" \t\n,;") else []


def file(home: Home, pool: str, email: str) -> Path:
    """Where a user's password is stored."""
    return home.users / quote(pool, safe="") / f"{quote(email, safe='@+')}.json"


def token_file(home: Home, pool: str, email: str) -> Path:
    """Where the token of a user's last sign-in is stored."""
    return file(home, pool, email).with_suffix(".token")


def known(home: Home, pool: str) -> list[str]:
    """Email addresses of the users of a pool whose passwords are stored."""
    folder = home.users / quote(pool, safe="")
    found = (home.read(each).get("email") for each in sorted(folder.glob("*.json")))
    return [str(email) for email in found if email]


def find(home: Home, pool: str, email: str) -> User:
    """What is stored of a user. Empty if nothing is."""
    return home.read(file(home, pool, email))


def keep(home: Home, user: User) -> None:
    """Store a user's password, and the secret of the second factor."""
    home.write(file(home, user["pool"], user["email"]), user)
    if user["email"] == EMAIL:
        home.write(home.user, user)


def groups_of_pool(account: Account, pool: str) -> list[str]:
    """The groups of a pool, in alphabetical order."""
    pages = account.client("cognito-idp").get_paginator("list_groups").paginate(UserPoolId=pool)
    return sorted(str(group["GroupName"]) for page in pages for group in page["Groups"])


def groups_of_user(account: Account, pool: str, email: str) -> list[str]:
    """The groups of a user."""
    pages = account.client("cognito-idp").get_paginator("admin_list_groups_for_user")
    found = pages.paginate(UserPoolId=pool, Username=email)
    return sorted(str(group["GroupName"]) for page in found for group in page["Groups"])


def check(wanted: Iterable[str], there: list[str]) -> None:
    """Reject groups that the pool does not have.

    :raises LocalError: with the nearest name, and the existing groups.
    """
    for group in wanted:
        if group in there:
            continue
        if not there:
            raise LocalError(
                f"This chat has no groups, and so no {group}. The sources of a knowledge base say which may read them, "
                "and application.chat.knowledge names the base."
            )
        hint = nearest(group, there)
        listed = "" if hint.startswith("Choose") and len(there) <= 8 else f" Groups of this chat: {', '.join(there)}."
        raise LocalError(f"{group} is no group of this chat. {hint}{listed}")


def put(account: Account, user: User, wanted: set[str]) -> None:
    """Set the groups of a user. Other memberships are removed."""
    identity, name = account.client("cognito-idp"), {"UserPoolId": user["pool"], "Username": user["email"]}
    now = set(groups_of_user(account, user["pool"], user["email"]))
    for group in sorted(wanted - now):
        identity.admin_add_user_to_group(**name, GroupName=group)
    for group in sorted(now - wanted):
        identity.admin_remove_user_from_group(**name, GroupName=group)
