"""A user of the deployed chat: invites one, signs in at managed login, sends questions."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import ClientError

from settings import make

from . import managed_login, users
from .emulator import Account
from .home import Home, LocalError
from .users import EMAIL, User

__all__ = ["EMAIL", "Chat", "Reply", "ask", "curl", "deployed", "sign_in", "user"]
#: Longer than the integration timeout of API Gateway.
ANSWER_SECONDS = 35


@dataclass(frozen=True)
class Chat:
    """The outputs of a deployment about its chat."""

    url: str
    pool: str
    client_id: str
    #: The stack that contains it.
    stack: str = ""

    @property
    def environment(self) -> str:
        """The environment of the stack, which is named project-environment-application."""
        return self.stack.split("-")[1] if self.stack.count("-") >= 2 else ""


@dataclass(frozen=True)
class Reply:
    """The response of the chat."""

    status: int
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The answer, or the error message."""
        error = self.body.get("error", {})
        return str(self.body.get("text") or (error.get("message") if isinstance(error, dict) else "") or self.body)


def deployed(account: Account, stacks: list[str]) -> Chat | None:
    """The chat in the deployed stacks, if there is one. Its address is the local form of the one on AWS."""
    outputs: dict[str, str] = {}
    holds = ""
    for stack in stacks:
        try:
            described = account.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError:
            continue
        told = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
        holds = stack if _starting_with(told, "ChatUrl") else holds
        outputs |= told
    url = _starting_with(outputs, "ChatUrl")
    if not url:
        return None
    return Chat(
        url=_here(account, url, _starting_with(outputs, "EdgeDomainName")),
        pool=_starting_with(outputs, "UsersPoolId"),
        client_id=_starting_with(outputs, "UsersClientId"),
        stack=holds,
    )


def _here(account: Account, url: str, distribution: str) -> str:
    """The local form of an address on AWS: of the distribution if there is one, otherwise of the API."""
    parts = urlsplit(url)
    kind = "cloudfront" if distribution else "execute-api"
    label = (distribution or parts.netloc).split(".")[0]
    return f"{account.url}/_aws/{kind}/{label}{parts.path}"


def _starting_with(outputs: dict[str, str], prefix: str) -> str:
    return next((value for key, value in outputs.items() if key.startswith(prefix)), "")


def user(home: Home, account: Account, chat: Chat, email: str, groups: Iterable[str] | None = None) -> User:
    """Create a user in the chat's user pool, or update one. Returns what is stored of the user, with the password.

    :param groups: the groups of the user from now on. Default: the current ones; the first user is in every group,
        including groups that a later deployment adds, until this is set.
    :raises LocalError: if the address is not valid, or the pool has no such group.
    """
    email = users.address(email)
    there = users.groups_of_pool(account, chat.pool)
    wanted = None if groups is None else set(groups)
    users.check(sorted(wanted or ()), there)
    found = users.find(home, chat.pool, email)
    if not found:
        found = {"pool": chat.pool, "email": email, "password": _password(), "otp_secret": "", "every_group": False}
        found["every_group"] = email == EMAIL
        _invite(account, found)
    if wanted is not None:
        found["every_group"] = False
    users.keep(home, found)
    if found.get("every_group"):
        wanted = set(there)
    if wanted is not None:
        users.put(account, found, wanted)
    return found


def sign_in(home: Home, account: Account, chat: Chat, email: str = EMAIL) -> str:
    """The access token of a user, by the code flow of managed login. The first user is created in every group if the
    pool does not have one.

    :raises LocalError: if the user does not exist, or Cognito rejects the sign-in.
    """
    email = users.address(email)
    if email == EMAIL:
        found = user(home, account, chat, EMAIL)
    elif not (found := users.find(home, chat.pool, email)):
        there = ", ".join(dict.fromkeys([EMAIL, *users.known(home, chat.pool)]))
        how = make("local-user", chat.environment, EMAIL=email)
        raise LocalError(f"Nobody is called {email} here. Users: {there}. Create one with {how}")
    try:
        tokens = managed_login.sign_in(account, chat.pool, chat.client_id, callback(account, chat), found)
    except (ClientError, LocalError) as error:
        again = make("local", chat.environment)
        raise LocalError(f"{error}. Run make local-down, then {again}") from error
    users.keep(home, found)  # a second factor may have been registered
    return tokens.access


def callback(account: Account, chat: Chat) -> str:
    """An address that users return to after they sign in."""
    described = account.client("cognito-idp").describe_user_pool_client(UserPoolId=chat.pool, ClientId=chat.client_id)
    return str(described["UserPoolClient"]["CallbackURLs"][0])


def _password() -> str:
    """A password that satisfies every password policy of Cognito."""
    return f"Aa1!{secrets.token_urlsafe(24)}"


def _invite(account: Account, user: User) -> None:
    identity = account.client("cognito-idp")
    name = {"UserPoolId": user["pool"], "Username": user["email"]}
    attributes = [{"Name": "email", "Value": user["email"]}, {"Name": "email_verified", "Value": "true"}]
    # The stored password of an existing user is lost, so the user gets this one.
    with suppress(identity.exceptions.UsernameExistsException):
        identity.admin_create_user(
            **name, UserAttributes=attributes, TemporaryPassword=user["password"], MessageAction="SUPPRESS"
        )
    identity.admin_set_user_password(**name, Password=user["password"], Permanent=True)


def ask(chat: Chat, token: str | None, question: str | bytes | dict[str, Any]) -> Reply:
    """Send a question to the chat: a sentence, or a complete request body.

    :raises LocalError: if the account does not respond.
    """
    body = question
    if isinstance(question, str):
        body = {"messages": [{"role": "user", "text": question}]}
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}
    try:
        response = urllib3.request("POST", chat.url, body=body, headers=headers, timeout=ANSWER_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise LocalError(f"{chat.url} does not answer: {error}. Run make local-status.") from error
    try:
        content = json.loads(response.data or b"{}")
    except ValueError:
        content = {"message": response.data.decode(errors="replace")}
    return Reply(response.status, content)


def assistants(account: Account, chat: Chat) -> list[str]:
    """The names of the assistants behind the chat's API."""
    stack = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=chat.stack)
    found = [each for page in stack for each in page["StackResourceSummaries"]]
    api = next(each["PhysicalResourceId"] for each in found if each["ResourceType"] == "AWS::ApiGateway::RestApi")
    pages = account.client("apigateway").get_paginator("get_resources").paginate(restApiId=api)
    paths = [each["path"].split("/") for page in pages for each in page["items"]]
    return sorted(parts[2] for parts in paths if parts[1:2] == ["assistants"] and parts[3:] == ["answers"])


def curl(chat: Chat, home: Home, email: str = EMAIL) -> str:
    """A shell command that sends a question. The token is in a file, not in the shell's history.

    ``$(...)`` has quoting rules of its own, so that a path may contain blanks and quotes.
    """
    file = shlex.quote(str(users.token_file(home, chat.pool, email)))
    return (
        f'curl -s {shlex.quote(chat.url)} -H "Authorization: $(cat {file})" -H "Content-Type: application/json" '
        """-d '{"messages": [{"role": "user", "text": "Hello"}]}'"""
    )
