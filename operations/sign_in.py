"""Sign in at managed login of a deployed environment, in the browser: ``TOKEN=$(make --silent token ENV=prod)``.

The authorization code flow with PKCE for programs on a user's own machine (RFC 8252): the browser returns to a port on
this machine, where this program listens until the code arrives. Tokens stay in memory; the command prints the access
token, and stores nothing.
https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from aws_genai.application.options import LOOPBACK
from settings import SettingsError, load, told

#: Seconds for a user to sign in, and for a request.
SIGN_IN_SECONDS, REQUEST_SECONDS = 300, 15
#: Seconds for the browser to send what it began to send.
_READ_SECONDS = 5


class SignInError(Exception):
    """Nobody has signed in; the message says why."""


@dataclass(frozen=True)
class Login:
    """Managed login of a user pool, for one app client.

    :param issuer: who issues the tokens.
    :param authorize: where users sign in.
    :param token: where a code becomes tokens.
    :param scopes: what to ask for. Default: everything that the app client may.
    """

    issuer: str
    authorize: str
    token: str
    client_id: str
    scopes: tuple[str, ...] = ()

    @classmethod
    def discover(cls, region: str, user_pool: str, client_id: str) -> Login:
        """Read the addresses that the user pool publishes.

        https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html

        :raises SignInError: if they cannot be read.
        """
        host = f"cognito-idp.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
        issuer = f"https://{host}/{user_pool}"
        found = _json("GET", f"{issuer}/.well-known/openid-configuration")
        try:
            return cls(issuer, str(found["authorization_endpoint"]), str(found["token_endpoint"]), client_id)
        except KeyError as error:
            raise SignInError(f"{issuer} has no managed login: give the user pool a domain") from error


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gave. Nothing here is shown when the object is printed."""

    access: str = field(repr=False)
    id: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True)
class Attempt:
    """One sign-in: what binds the answer to the request, each made for this attempt alone."""

    login: Login
    redirect: str = LOOPBACK
    #: The secret of PKCE, whose digest is in the request: https://datatracker.ietf.org/doc/html/rfc7636
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """The address that the browser opens.

        https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html
        """
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.login.client_id,
            "redirect_uri": self.redirect,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"scope": " ".join(self.login.scopes)} if self.login.scopes else {}),
        }
        return f"{self.login.authorize}?{urlencode(asked)}"

    def belongs(self, answer: str) -> bool:
        """Whether the address that the browser returned to is the answer to this attempt."""
        state = parse_qs(urlsplit(answer).query).get("state", [""])[0]
        return secrets.compare_digest(state.encode(), self.state.encode())

    def complete(self, answer: str) -> Tokens:
        """Exchange the code in the address that the browser returned to.

        https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html

        :raises SignInError: if it is not the answer to this attempt, or has no code, or the code is refused.
        """
        if not self.belongs(answer):
            raise SignInError("The answer belongs to another sign-in (its state differs); sign in again")
        told = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
        if "code" not in told:
            why = ": ".join(filter(None, (told.get("error"), told.get("error_description"))))
            raise SignInError(f"Managed login refused: {why or 'it gave no code'}")
        form = {
            "grant_type": "authorization_code",
            "client_id": self.login.client_id,
            "code": told["code"],
            "redirect_uri": self.redirect,
            "code_verifier": self.verifier,
        }
        found = _json("POST", self.login.token, form)
        if "access_token" not in found:
            raise SignInError(f"The code was refused: {found.get('error', 'no token came back')}")
        tokens = Tokens(found["access_token"], found.get("id_token", ""), found.get("refresh_token", ""))
        if tokens.id:
            self._check(_claims(tokens.id))
        return tokens

    def _check(self, claims: dict[str, Any]) -> None:
        """Whether the ID token was issued for this attempt. It came from the token endpoint itself, by TLS, so that its
        signature says nothing more: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
        """
        expected = {"iss": self.login.issuer, "aud": self.login.client_id, "nonce": self.nonce, "token_use": "id"}
        for name, value in expected.items():
            if claims.get(name) != value:
                raise SignInError(f"The ID token was issued for another sign-in (its {name} differs); sign in again")
        if float(claims.get("exp", 0)) <= time.time():
            raise SignInError("The ID token has expired: set the clock of this machine")


def _claims(token: str) -> dict[str, Any]:
    try:
        body = token.split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError) as error:
        raise SignInError("The ID token is no token") from error
    return found


def _json(method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        response = urllib3.request(
            method,
            url,
            body=urlencode(form) if form else None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if form else None,
            timeout=REQUEST_SECONDS,
            retries=False,
        )
        found = json.loads(response.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise SignInError(f"{urlsplit(url).netloc} gave no answer that can be read: {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise SignInError(f"{urlsplit(url).netloc} answered something else than JSON of an object")
    return found


_DONE = "You are signed in. Close this page and go back to the terminal."
_FAILED = "You are not signed in. The terminal says why."


def sign_in(
    login: Login,
    redirect: str = LOOPBACK,
    browser: Callable[[str], object] = webbrowser.open,
    seconds: float = SIGN_IN_SECONDS,
) -> Tokens:
    """Open the browser, wait until it returns, and exchange the code.

    :param redirect: a callback address of the app client, with a port of this machine.
    :param browser: opens an address.
    :raises SignInError: if the port is in use, nobody signs in within the time, or the sign-in fails.
    """
    attempt, answers = Attempt(login, redirect), list[str]()
    place = urlsplit(redirect)

    class Listener(BaseHTTPRequestHandler):
        timeout = _READ_SECONDS

        def do_GET(self) -> None:
            # Any page may send a browser here; what belongs to another sign-in is not read further.
            ours = urlsplit(self.path).path in (place.path, place.path or "/") and attempt.belongs(self.path)
            self.send_response(200 if ours else 404)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if ours:
                answers.append(self.path)
                signed = "code" in parse_qs(urlsplit(self.path).query)
                self.wfile.write((_DONE if signed else _FAILED).encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the address holds the code."""

    try:
        server = HTTPServer(("127.0.0.1", place.port or 80), Listener)
    except OSError as error:
        raise SignInError(f"Cannot listen at {redirect}: {error.strerror}. Close what uses this port") from error
    with server:
        until = time.monotonic() + seconds
        if not browser(attempt.url):
            print(f"Open this address in a browser:\n{attempt.url}", file=sys.stderr)
        while not answers:
            server.timeout = until - time.monotonic()
            if server.timeout <= 0:
                raise SignInError(f"Nobody signed in within {seconds:.0f} seconds")
            server.handle_request()
    return attempt.complete(answers[0])


@dataclass(frozen=True)
class Deployed:
    """The API of an environment, and its managed login."""

    login: Login
    #: The address of the API with its stage.
    api: str
    redirect: str


def deployed(environment: str) -> Deployed:
    """Find a deployed environment by its settings.

    :raises SettingsError: if there are no such settings.
    :raises SignInError: if it is not deployed, or its app client does not return to this machine.
    """
    settings = load(environment)
    chat = settings.application.chat if settings.application else None
    if chat is None:
        raise SignInError(f"The settings of {environment} have no application.chat to sign in to")
    redirect = next((each for each in chat.callback_urls if urlsplit(each).hostname == "localhost"), None)
    if redirect is None:
        raise SignInError(f"Add {LOOPBACK} to application.chat.callback_urls of {environment}, and deploy")
    stack = f"{settings.prefix}-application"
    try:
        found = boto3.Session(region_name=settings.region).client("cloudformation").describe_stacks(StackName=stack)
    except (BotoCoreError, ClientError) as error:
        raise SignInError(f"AWS did not answer: {error}. Use an account that has this environment") from error
    outputs = {each["OutputKey"]: str(each["OutputValue"]) for each in found["Stacks"][0].get("Outputs", [])}
    pool, client, url = (_output(outputs, name) for name in ("UsersPoolId", "UsersClientId", "ChatUrl"))
    if not (pool and client and url):
        raise SignInError(f"The stack {stack} has no chat yet: deploy it first")
    # A user pool that exists may be in another Region, which its id begins with.
    login = Login.discover(pool.partition("_")[0], pool, client)
    return Deployed(login, url.removesuffix("/chat"), redirect)


def _output(outputs: dict[str, str], begin: str) -> str:
    return next((value for name, value in outputs.items() if name.startswith(begin)), "")


def main(arguments: list[str] | None = None) -> int:
    """Print the access token. Return 2 with one message if nobody signed in."""
    parser = argparse.ArgumentParser(prog="python -m operations.sign_in", description=__doc__)
    parser.add_argument("--environment", default="dev", help="name of the settings; reads the outputs of its stack")
    parser.add_argument("--user-pool", default="", help="id of the user pool, to sign in without access to the account")
    parser.add_argument("--client", default="", help="id of the app client of that user pool")
    parser.add_argument("--redirect", default=LOOPBACK, help=f"callback address of that client. Default: {LOOPBACK}")
    chosen = parser.parse_args(arguments)
    if bool(chosen.user_pool) != bool(chosen.client):
        parser.error("--user-pool and --client go together")
    try:
        if chosen.user_pool:
            region = chosen.user_pool.partition("_")[0]
            tokens = sign_in(Login.discover(region, chosen.user_pool, chosen.client), chosen.redirect)
        else:
            found = deployed(chosen.environment)
            tokens = sign_in(found.login, found.redirect)
    except (SettingsError, SignInError) as error:
        print(error, file=sys.stderr)
        return 2
    print(tokens.access)
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
