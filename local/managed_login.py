"""A user of the local account at managed login: fills its pages in, as a browser does for a person.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pyotp
import urllib3

from operations.sign_in import Attempt, Login, SignInError, Tokens

from .emulator import Account
from .home import LocalError
from .users import User

#: Longest way through the pages: name, password, new password, set-up of a second factor, its code, and one more.
_MOST_PAGES = 6
_SECONDS = 30


class _Page(HTMLParser):
    """The form of a page, and what the page complains of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.secret = self.error = ""
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""
        self._in = found.get("id") or found.get("class") or ""

    def handle_data(self, data: str) -> None:
        if self._in == "secret":
            self.secret += data.strip()
        elif self._in == "error":
            self.error += data.strip()

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


def login(account: Account, pool: str, client_id: str) -> Login:
    """Managed login of a user pool of the account."""
    issuer = f"https://cognito-idp.{pool.partition('_')[0]}.amazonaws.com/{pool}"
    return Login(issuer, f"{account.url}/oauth2/authorize", f"{account.url}/oauth2/token", client_id)


def sign_in(account: Account, pool: str, client_id: str, redirect: str, user: User) -> Tokens:
    """Sign a user in, with the second factor if the user pool asks for it. One that is set up is added to ``user``.

    :param redirect: a callback address of the app client. Nothing listens there.
    :raises LocalError: with what the page says, if the sign-in fails.
    """
    attempt = Attempt(login(account, pool, client_id), redirect)
    try:
        return attempt.complete(_answer(account, attempt, user))
    except SignInError as error:
        raise LocalError(f"{user['email']} cannot sign in: {error}") from error


def _answer(account: Account, attempt: Attempt, user: User) -> str:
    """The address that the last page returns to."""
    response = _send("GET", attempt.url)
    for _ in range(_MOST_PAGES):
        if location := response.headers.get("location"):
            return str(location)
        page = _Page(response.data.decode())
        if response.status != 200 or not page.fields or page.error:
            raise SignInError(page.error or response.data.decode(errors="replace")[:300])
        response = _send("POST", f"{account.url}/login", {**page.fields, **_filled(page, user)})
    raise SignInError("managed login does not come to an end")


def _filled(page: _Page, user: User) -> dict[str, str]:
    """What the user enters into the empty fields of a page."""
    if page.secret:
        user["otp_secret"] = page.secret
    entered = {
        "username": user["email"],
        "password": user["password"],
        "new_password": user["password"],
        "confirm_password": user["password"],
    }
    if "code" in page.fields and user.get("otp_secret"):
        entered["code"] = pyotp.TOTP(user["otp_secret"]).now()
    return {name: value for name, value in entered.items() if name in page.fields and not page.fields[name]}


def _send(method: str, url: str, form: dict[str, str] | None = None) -> Any:
    return urllib3.request(
        method,
        url,
        body=urlencode(form) if form is not None else None,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
        timeout=_SECONDS,
        retries=False,
    )
