"""Who may use the deployed API: users by their tokens, scopes and groups, programs by their own credentials."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from rich.console import Console

from local import cdk, chat, managed_login
from local.deploy import deploy
from local.home import Home, LocalError
from operations import sign_in
from operations.answers import AnswerError, ask
from operations.destroy import Destruction
from settings import load
from tests.conftest import ROOT, Synthesized

from .conftest import Local

Json = dict[str, Any]
CALLBACK = "http://localhost:1"


def api(local: Local) -> str:
    return local.chat.url.removesuffix("/chat")


def claims(token: str) -> Json:
    part = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def status(local: Local, token: str, assistant: str = "helper") -> tuple[int, str]:
    """What an assistant makes of a token: the status, and the code of the error."""
    try:
        list(ask(api(local), assistant, token, "Hello"))
    except AnswerError as error:
        return error.status, error.code
    return 200, ""


@pytest.fixture
def ann(local: Local) -> Json:
    local.answers_by(local.model_url)
    return chat.user(local.home, local.account, local.chat, "ann@example.com", ["staff"])


def client(pool: str, scopes: list[str]) -> Json:
    """An app client of another application."""
    return {
        "UserPoolId": pool,
        "ClientName": "other",
        "ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": scopes,
        "CallbackURLs": [CALLBACK],
        "SupportedIdentityProviders": ["COGNITO"],
    }


@pytest.fixture
def clients(local: Local) -> Iterator[Any]:
    """Makes app clients of the deployed user pool, and deletes them."""
    identity, pool, made = local.client("cognito-idp"), local.chat.pool, list[str]()

    def make(scopes: list[str]) -> str:
        made.append(identity.create_user_pool_client(**client(pool, scopes))["UserPoolClient"]["ClientId"])
        return made[-1]

    yield make
    for each in made:
        identity.delete_user_pool_client(UserPoolId=pool, ClientId=each)


def test_the_api_takes_access_tokens_and_no_others(local: Local, ann: Json) -> None:
    tokens = local.tokens(ann)
    told = claims(tokens.access)
    assert (told["token_use"], told["client_id"], told["cognito:groups"]) == ("access", local.chat.client_id, ["staff"])
    assert set(told["scope"].split()) == {"openid", "email", "profile", "genai/ask", "genai/history"}
    assert not {"aud", "email"} & set(told)
    assert chat.ask(local.chat, tokens.access, "Hello").status == 200
    assert status(local, tokens.access) == (200, "")
    for other in (tokens.id, tokens.refresh):
        assert chat.ask(local.chat, other, "Hello").status == 401
        assert status(local, other) == (401, "unauthorized")
    models = f"{api(local)}/assistants/helper/openai/models"
    for token, expected in ((tokens.access, 200), (tokens.id, 401)):
        headers = {"Authorization": f"Bearer {token}"}
        assert urllib3.request("GET", models, headers=headers, timeout=30, retries=False).status == expected


def test_a_token_without_the_scope_is_no_token(local: Local, ann: Json, clients: Any) -> None:
    # Pages of the version without styles, for clients that no template made.
    identity = local.client("cognito-idp")
    domain = identity.describe_user_pool(UserPoolId=local.chat.pool)["UserPool"]["Domain"]
    styled: Json = {"UserPoolId": local.chat.pool, "Domain": domain}
    identity.update_user_pool_domain(**styled, ManagedLoginVersion=1)
    try:
        without = local.tokens(ann, clients(["openid", "genai/history"])).access
        other = local.tokens(ann, clients(["openid", "genai/ask"])).access
    finally:
        identity.update_user_pool_domain(**styled, ManagedLoginVersion=2)
    assert "genai/ask" not in claims(without)["scope"].split()
    assert status(local, without) == (401, "unauthorized")
    assert chat.ask(local.chat, without, "Hello").status == 401
    # With the scope, but of another application.
    assert status(local, other) == (403, "wrong_client")
    assert chat.ask(local.chat, other, "Hello").body["error"]["code"] == "wrong_client"


def test_signing_in_by_the_api_of_cognito_permits_nothing(local: Local, ann: Json, clients: Any) -> None:
    tokens = local.client("cognito-idp").admin_initiate_auth(
        UserPoolId=local.chat.pool,
        ClientId=clients(["openid", "genai/ask"]),
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": ann["email"], "PASSWORD": ann["password"]},
    )["AuthenticationResult"]
    assert claims(tokens["AccessToken"])["scope"] == "aws.cognito.signin.user.admin"
    for token in (tokens["AccessToken"], tokens["IdToken"]):
        assert chat.ask(local.chat, token, "Hello").status == 401


def test_an_assistant_is_for_its_groups(local: Local, ann: Json) -> None:
    assert status(local, local.tokens(ann).access, "handbook") == (200, "")
    ann = chat.user(local.home, local.account, local.chat, ann["email"], [])
    token = local.tokens(ann).access
    assert status(local, token, "handbook") == (403, "wrong_group")
    assert status(local, token, "helper") == (200, "")


# Programs.


def program(local: Local, **form: str) -> tuple[int, Json]:
    """Ask for a token as the program ``reports``."""
    pool, client = local.chat.pool, local.resource("application", "AWS::Cognito::UserPoolClient", "UsersMachine")
    described = local.client("cognito-idp").describe_user_pool_client(UserPoolId=pool, ClientId=client)
    secret = form.pop("secret", described["UserPoolClient"]["ClientSecret"])
    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    response = urllib3.request(
        "POST",
        f"{local.account.url}/oauth2/token",
        body=urlencode({"grant_type": "client_credentials", **form}),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {basic}"},
        timeout=10,
        retries=False,
    )
    return response.status, json.loads(response.data)


def test_a_program_asks_with_its_own_scopes_groups_and_budget(local: Local) -> None:
    local.answers_by(local.model_url)
    answer = program(local)
    assert answer[0] == 200
    token = str(answer[1]["access_token"])
    assert claims(token)["scope"] == "genai/ask"
    assert "username" not in claims(token)
    assert "id_token" not in answer[1]
    # Of the group staff, as the settings say, and three requests a day.
    assert status(local, token, "handbook") == (200, "")
    assert status(local, token) == (200, "")
    assert chat.ask(local.chat, token, "Hello").status == 200
    assert status(local, token) == (429, "requests_spent")
    # Another token is no other budget.
    assert chat.ask(local.chat, program(local)[1]["access_token"], "Hello").status == 429


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"secret": "guessed"}, "invalid_client"),
        ({"secret": ""}, "invalid_client"),
        ({"scope": "genai/history"}, "invalid_grant"),
        ({"scope": "openid"}, "invalid_scope"),
    ],
)
def test_a_program_gets_no_token_for_anything_else(local: Local, form: dict[str, str], code: str) -> None:
    answer = program(local, **form)
    assert (answer[0], answer[1]["error"]) == (400, code)


# The sign-in of the operations.


class Browser:
    """Opens the page of sign-in, fills it in, and follows it back."""

    def __init__(self, local: Local, user: Json, before: str = "") -> None:
        self.local, self.user, self.before = local, user, before
        self.shown = list[tuple[int, str]]()
        self.thread = threading.Thread()

    def __call__(self, url: str) -> bool:
        self.thread = threading.Thread(target=self.sign_in, args=(url,))
        self.thread.start()
        return True

    def sign_in(self, url: str) -> None:
        class Asked:
            """An attempt of which the address alone is known, as to a browser."""

            def __init__(self) -> None:
                self.url = url

        back = managed_login._answer(self.local.account, Asked(), self.user)  # type: ignore[arg-type]
        for each in (*([self.before] if self.before else []), back):
            response = urllib3.request("GET", each, timeout=10, retries=False)
            self.shown.append((response.status, response.data.decode()))


def test_somebody_signs_in_with_a_browser(local: Local, ann: Json, capfd: pytest.CaptureFixture[str]) -> None:
    login = managed_login.login(local.account, local.chat.pool, local.chat.client_id)
    # Any page may send a browser here.
    browser = Browser(local, ann, before=f"{sign_in.LOOPBACK}/?code=stolen&state=guessed")
    tokens = sign_in.sign_in(login, browser=browser, seconds=30)
    browser.thread.join(10)
    assert [status for status, _ in browser.shown] == [404, 200]
    assert "You are signed in" in browser.shown[1][1]
    assert status(local, tokens.access) == (200, "")
    # Nothing of it is shown or written.
    told = capfd.readouterr()
    assert tokens.access not in f"{told.out}{told.err}{tokens!r}"


def test_the_token_is_printed_for_who_asks_for_it(
    local: Local, ann: Json, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    login = managed_login.login(local.account, local.chat.pool, local.chat.client_id)
    monkeypatch.setattr(sign_in.Login, "discover", lambda *_: login)
    monkeypatch.setattr(sign_in.sign_in, "__defaults__", (sign_in.LOOPBACK, Browser(local, ann), 30))
    assert sign_in.main(["--user-pool", local.chat.pool, "--client", local.chat.client_id]) == 0
    token = capsys.readouterr().out.strip()
    assert status(local, token) == (200, "")


# Users of an identity provider.


PROVIDER = """    mfa: optional
    federation:
      saml: {metadata_url: "https://login.example.com/metadata"}
      groups: memberOf
"""


def test_groups_of_a_provider_are_in_access_tokens(local: Local, tmp_path: Path) -> None:
    text = (ROOT / "config/dev.yaml").read_text(encoding="utf-8")
    assert "    mfa: optional\n" in text
    (tmp_path / "federated.yaml").write_text(text.replace("    mfa: optional\n", PROVIDER), encoding="utf-8")
    settings = load("federated", tmp_path)
    home = Home(local.home.folder)
    home.assembly = Synthesized("federated", tmp_path / "cdk.out", tmp_path).folder
    try:
        deploy(home, local.account, "federated", Console(file=io.StringIO()))
        found = chat.deployed(local.account, cdk.stack_names(home))
        assert found is not None
        identity = local.client("cognito-idp")
        (provider,) = identity.list_identity_providers(UserPoolId=found.pool)["Providers"]
        assert provider["ProviderName"] == "sign-on"
        # Nobody can sign in at a provider here, so somebody of the pool has what it would have written.
        user = {"pool": found.pool, "email": "fay@example.com", "password": chat._password(), "otp_secret": ""}
        chat._invite(local.account, user)
        attribute = [{"Name": "custom:groups", "Value": "[hr, Some Others, staff]"}]
        who: Json = {"UserPoolId": found.pool, "Username": user["email"]}
        identity.admin_update_user_attributes(**who, UserAttributes=attribute)
        identity.create_group(UserPoolId=found.pool, GroupName="board")
        identity.admin_add_user_to_group(**who, GroupName="board")
        back = chat.callback(local.account, found)
        with pytest.raises(LocalError, match="cannot sign in at this client"):
            managed_login.sign_in(local.account, found.pool, found.client_id, back, user)
        other = identity.create_user_pool_client(**client(found.pool, ["openid", "genai/ask"]))["UserPoolClient"][
            "ClientId"
        ]
        # Pages of the version without styles, for a client that no template made.
        domain = identity.describe_user_pool(UserPoolId=found.pool)["UserPool"]["Domain"]
        identity.update_user_pool_domain(UserPoolId=found.pool, Domain=domain, ManagedLoginVersion=1)
        tokens = managed_login.sign_in(local.account, found.pool, other, CALLBACK, user)
        for token in (tokens.access, tokens.id):
            assert claims(token)["cognito:groups"] == ["hr", "staff"]
        # The client is that of another application, whatever the groups of its user.
        assert chat.ask(found, tokens.access, "Hello").body["error"]["code"] == "wrong_client"
    finally:
        destruction = Destruction(settings, local.client, say=lambda _: None, pause=0.1)
        destruction.check()
        destruction.run()
