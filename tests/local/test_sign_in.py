"""Users sign in, and tokens are taken, as strictly as Cognito and API Gateway do it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlparse

import pyotp
import pytest
import urllib3
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from local import chat, managed_login
from local.home import LocalError
from operations.sign_in import Attempt, SignInError

from .conftest import Local

Json = dict[str, Any]
CALLBACK = "https://example.com/back"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]


@dataclass
class Pool:
    """A user pool with one user, ann."""

    local: Local
    pool: str
    client_id: str
    password: str

    @property
    def admin(self) -> Any:
        return self.local.client("cognito-idp")

    @property
    def public(self) -> Any:
        return self.local.client("cognito-idp", signature_version=UNSIGNED)

    def client(self, **settings: Any) -> str:
        made = self.admin.create_user_pool_client(
            UserPoolId=self.pool, ClientName="c", **{"ExplicitAuthFlows": FLOWS, **settings}
        )
        return str(made["UserPoolClient"]["ClientId"])

    def tokens(self, client_id: str = "") -> Json:
        answer = self.public.initiate_auth(
            ClientId=client_id or self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ann", "PASSWORD": self.password},
        )
        found: Json = answer["AuthenticationResult"]
        return found

    def enrol(self) -> str:
        """Set an authenticator app up, and give its secret."""
        token = self.tokens()["AccessToken"]
        secret = str(self.public.associate_software_token(AccessToken=token)["SecretCode"])
        self.public.verify_software_token(AccessToken=token, UserCode=pyotp.TOTP(secret).now())
        self.public.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True})
        return secret


@pytest.fixture
def pool(local: Local) -> Iterator[Pool]:
    identity = local.client("cognito-idp")
    made = identity.create_user_pool(PoolName="sign-in", MfaConfiguration="OFF")["UserPool"]["Id"]
    identity.set_user_pool_mfa_config(
        UserPoolId=made, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    client = identity.create_user_pool_client(UserPoolId=made, ClientName="c", ExplicitAuthFlows=FLOWS)
    found = Pool(local, made, client["UserPoolClient"]["ClientId"], chat._password())
    identity.admin_create_user(UserPoolId=made, Username="ann", MessageAction="SUPPRESS")
    identity.admin_set_user_password(UserPoolId=made, Username="ann", Password=found.password, Permanent=True)
    yield found
    identity.delete_user_pool(UserPoolId=made)


def code_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("allowed", "flow"),
    [
        (["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], "USER_PASSWORD_AUTH"),
        ([], "USER_PASSWORD_AUTH"),
        ([], "USER_AUTH"),
        (["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], "USER_SRP_AUTH"),
        (["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], "CUSTOM_AUTH"),
        (["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], "ADMIN_USER_PASSWORD_AUTH"),
    ],
)
def test_a_client_signs_in_by_the_flows_that_it_names(pool: Pool, allowed: list[str], flow: str) -> None:
    client = pool.client(ExplicitAuthFlows=allowed)
    parameters = {"USERNAME": "ann", "PASSWORD": pool.password, "SRP_A": "a" * 64, "REFRESH_TOKEN": "x.y.z"}
    request = {"ClientId": client, "AuthFlow": flow, "AuthParameters": parameters}
    assert code_of(pool.public.initiate_auth, **request) == "InvalidParameterException"


def test_administrators_flows_need_a_signature_and_their_name(pool: Pool) -> None:
    parameters = {"USERNAME": "ann", "PASSWORD": pool.password}
    request = {"UserPoolId": pool.pool, "ClientId": pool.client_id, "AuthParameters": parameters}
    flow = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH"}
    assert code_of(pool.admin.admin_initiate_auth, **request, **flow) == "InvalidParameterException"
    client = pool.client(ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"])
    allowed = {**request, "ClientId": client, **flow}
    assert pool.admin.admin_initiate_auth(**allowed)["AuthenticationResult"]
    for operation, arguments in (
        ("admin_initiate_auth", allowed),
        ("admin_set_user_password", {"UserPoolId": pool.pool, "Username": "ann", "Password": chat._password()}),
        ("admin_get_user", {"UserPoolId": pool.pool, "Username": "ann"}),
        ("list_users", {"UserPoolId": pool.pool}),
    ):
        assert "MissingAuthenticationToken" in code_of(getattr(pool.public, operation), **arguments)


def refresh(pool: Pool, token: str, client_id: str = "") -> Json:
    answer = pool.public.initiate_auth(
        ClientId=client_id or pool.client_id,
        AuthFlow="REFRESH_TOKEN_AUTH",
        AuthParameters={"REFRESH_TOKEN": token},
    )
    found: Json = answer["AuthenticationResult"]
    return found


def test_a_client_without_renewal_renews_nothing(pool: Pool) -> None:
    client = pool.client()
    token = pool.tokens(client)["RefreshToken"]
    assert refresh(pool, token, client)["IdToken"]
    without = {"UserPoolId": pool.pool, "ClientId": client, "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}
    pool.admin.update_user_pool_client(**without)
    with pytest.raises(ClientError, match="Auth flow not enabled for this client"):
        refresh(pool, token, client)


def test_a_token_is_renewed_by_its_own_client_until_it_is_revoked(pool: Pool) -> None:
    tokens = pool.tokens()
    other = pool.client()
    assert refresh(pool, tokens["RefreshToken"])["IdToken"]
    for token, client in (
        (tokens["RefreshToken"], other),
        (tokens["AccessToken"], pool.client_id),
        (tokens["IdToken"], pool.client_id),
        (tokens["RefreshToken"][:-8] + "AAAAAAAA", pool.client_id),
    ):
        with pytest.raises(ClientError, match="NotAuthorized"):
            refresh(pool, token, client)
    revoke = pool.public.revoke_token
    assert code_of(revoke, Token=tokens["RefreshToken"], ClientId=other) == "UnauthorizedException"
    assert code_of(revoke, Token=tokens["AccessToken"], ClientId=pool.client_id) == "UnsupportedTokenTypeException"
    assert refresh(pool, tokens["RefreshToken"])["IdToken"]
    revoke(Token=tokens["RefreshToken"], ClientId=pool.client_id)
    with pytest.raises(ClientError, match="NotAuthorized"):
        refresh(pool, tokens["RefreshToken"])


@pytest.mark.parametrize("by", ["user", "administrator"])
def test_after_a_sign_out_everywhere_no_token_is_renewed(pool: Pool, by: str) -> None:
    tokens = pool.tokens()
    if by == "user":
        pool.public.global_sign_out(AccessToken=tokens["AccessToken"])
    else:
        pool.admin.admin_user_global_sign_out(UserPoolId=pool.pool, Username="ann")
    with pytest.raises(ClientError, match="NotAuthorized"):
        refresh(pool, tokens["RefreshToken"])
    with pytest.raises(ClientError, match="NotAuthorized"):
        pool.public.get_user(AccessToken=tokens["AccessToken"])


def test_a_request_without_its_members_is_refused(pool: Pool) -> None:
    loose = pool.local.client("cognito-idp", signature_version=UNSIGNED, parameter_validation=False)
    for operation in ("global_sign_out", "revoke_token", "get_user", "initiate_auth", "forgot_password", "sign_up"):
        assert code_of(getattr(loose, operation)) == "InvalidParameterException", operation


def test_a_second_factor_is_set_up_before_it_is_preferred(pool: Pool) -> None:
    token = pool.tokens()["AccessToken"]
    preferred = {"SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True}}
    assert code_of(pool.public.set_user_mfa_preference, AccessToken=token, **preferred) == "InvalidParameterException"
    assert pool.tokens()["IdToken"]
    secret = pool.enrol()
    answer = pool.public.initiate_auth(
        ClientId=pool.client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ann", "PASSWORD": pool.password},
    )
    assert (answer["ChallengeName"], "AuthenticationResult" in answer) == ("SOFTWARE_TOKEN_MFA", False)
    assert secret


def test_nobody_resets_a_password_by_a_code_that_can_be_guessed(pool: Pool) -> None:
    forgot, confirm = pool.public.forgot_password, pool.public.confirm_forgot_password
    # Without a verified address there is nowhere to send one.
    assert code_of(forgot, ClientId=pool.client_id, Username="ann") == "InvalidParameterException"
    attributes = [{"Name": "email", "Value": "ann@example.com"}, {"Name": "email_verified", "Value": "true"}]
    pool.admin.admin_update_user_attributes(UserPoolId=pool.pool, Username="ann", UserAttributes=attributes)
    assert forgot(ClientId=pool.client_id, Username="ann")["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
    new = chat._password()
    for code in ("654321", "123456", "000000"):
        asked = {"ClientId": pool.client_id, "Username": "ann", "ConfirmationCode": code, "Password": new}
        assert code_of(confirm, **asked) == "CodeMismatchException"
    log = pool.local.home.log.read_text(encoding="utf-8")
    code = re.findall(r"A code for ann, which AWS would send: (\d{6})", log)[-1]
    confirm(ClientId=pool.client_id, Username="ann", ConfirmationCode=code, Password=new)
    pool.password = new
    assert pool.tokens()["IdToken"]


def test_who_was_invited_or_has_an_administrator_gets_no_code(pool: Pool) -> None:
    attributes = [{"Name": "email", "Value": "bob@example.com"}, {"Name": "email_verified", "Value": "true"}]
    pool.admin.admin_create_user(
        UserPoolId=pool.pool, Username="bob", UserAttributes=attributes, MessageAction="SUPPRESS"
    )
    assert code_of(pool.public.forgot_password, ClientId=pool.client_id, Username="bob") == "NotAuthorizedException"
    pool.admin.admin_set_user_password(UserPoolId=pool.pool, Username="bob", Password=chat._password(), Permanent=True)
    pool.public.forgot_password(ClientId=pool.client_id, Username="bob")
    recovery = {"RecoveryMechanisms": [{"Name": "admin_only", "Priority": 1}]}
    pool.admin.update_user_pool(UserPoolId=pool.pool, AccountRecoverySetting=recovery)
    assert code_of(pool.public.forgot_password, ClientId=pool.client_id, Username="bob") == "NotAuthorizedException"


def test_an_identity_that_does_not_exist_gets_no_credentials(local: Local) -> None:
    identity = local.client("cognito-identity", signature_version=UNSIGNED)
    absent = "us-east-1:00000000-0000-0000-0000-000000000000"
    for operation in ("get_credentials_for_identity", "get_open_id_token"):
        assert code_of(getattr(identity, operation), IdentityId=absent) == "ResourceNotFoundException"


# Tokens that the API takes.


def changed(token: str, part: int, change: Callable[[Json], Json]) -> str:
    parts = token.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4)))
    parts[part] = base64.urlsafe_b64encode(json.dumps(change(decoded)).encode()).decode().rstrip("=")
    return ".".join(parts)


def test_the_api_takes_its_own_pools_tokens_as_they_were_signed(local: Local, pool: Pool) -> None:
    token = local.token()
    assert chat.ask(local.chat, token, "Hello").status == 200
    head, body, _ = token.split(".")
    without = changed(token, 0, lambda each: {**each, "alg": "none"})
    for wrong in (
        *("", "x", "x.y.z", "Bearer", f"{head}.{body}.", f"{head}.{body}.AAAA"),
        *(without, without.rpartition(".")[0] + "."),
        changed(token, 0, lambda each: {**each, "alg": "HS256"}),
        changed(token, 0, lambda each: {**each, "kid": "other"}),
        changed(token, 1, lambda each: {**each, "cognito:groups": ["admin"]}),
        changed(token, 1, lambda each: {**each, "exp": each["exp"] + 3600}),
        changed(token, 1, lambda each: {**each, "exp": 1}),
        changed(token, 1, lambda each: {**each, "token_use": "id", "sub": "other"}),
        *pool.tokens().values(),
    ):
        assert chat.ask(local.chat, str(wrong), "Hello").status in (401, 403), str(wrong)[:40]


# The token endpoint, and the app clients that it serves.


def told_of(token: str) -> Json:
    part = token.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def endpoint(pool: Pool, **form: str) -> tuple[int, Json]:
    response = urllib3.request(
        "POST",
        f"{pool.local.account.url}/oauth2/token",
        body=urlencode(form),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=10,
        retries=False,
    )
    return response.status, json.loads(response.data)


ROTATED = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0}
CODE: Json = {
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": ["openid"],
    "CallbackURLs": [CALLBACK],
    "SupportedIdentityProviders": ["COGNITO"],
}


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"AllowedOAuthFlows": ["client_credentials"]}, "InvalidOAuthFlowException"),
        ({"AllowedOAuthFlows": ["client_credentials", "code"], "GenerateSecret": True}, "InvalidOAuthFlowException"),
        ({"AllowedOAuthScopes": ["genai/ask"]}, "ScopeDoesNotExistException"),
        ({"RefreshTokenRotation": ROTATED}, "InvalidParameterException"),
        ({"RefreshTokenRotation": ROTATED, "ExplicitAuthFlows": []}, "InvalidParameterException"),
    ],
)
def test_a_client_that_cognito_rejects_is_rejected(pool: Pool, settings: Json, code: str) -> None:
    made = {"UserPoolId": pool.pool, "ClientName": "c", "ExplicitAuthFlows": FLOWS, **settings}
    assert code_of(pool.admin.create_user_pool_client, **made) == code


def test_a_rotated_token_is_used_once_and_keeps_the_groups(pool: Pool) -> None:
    pool.admin.create_group(UserPoolId=pool.pool, GroupName="staff")
    pool.admin.admin_add_user_to_group(UserPoolId=pool.pool, Username="ann", GroupName="staff")
    pool.admin.create_user_pool_domain(UserPoolId=pool.pool, Domain="rotated")
    client = pool.client(**CODE, ExplicitAuthFlows=["ALLOW_USER_AUTH"], RefreshTokenRotation=ROTATED)
    user = {"email": "ann", "password": pool.password}
    first = managed_login.sign_in(pool.local.account, pool.pool, client, CALLBACK, user)
    form = {"grant_type": "refresh_token", "client_id": client}
    status, renewed = endpoint(pool, **form, refresh_token=first.refresh)
    assert status == 200
    assert renewed["refresh_token"] != first.refresh
    claims = told_of(renewed["access_token"])
    assert (claims["cognito:groups"], claims["scope"], claims["client_id"]) == (["staff"], "openid", client)
    status, refused = endpoint(pool, **form, refresh_token=first.refresh)
    assert (status, refused["error"]) == (400, "invalid_grant")
    assert endpoint(pool, **form, refresh_token=renewed["refresh_token"])[0] == 200


def test_a_code_belongs_to_whoever_asked_for_it(pool: Pool) -> None:
    pool.admin.create_user_pool_domain(UserPoolId=pool.pool, Domain="codes")
    client = pool.client(**CODE)
    login = managed_login.login(pool.local.account, pool.pool, client)
    user = {"email": "ann", "password": pool.password}
    mine, other = Attempt(login, CALLBACK), Attempt(login, CALLBACK)
    answer = managed_login._answer(pool.local.account, mine, user)
    with pytest.raises(SignInError, match="belongs to another sign-in"):
        other.complete(answer)
    for verifier in (other.verifier, ""):
        stolen = replace(mine, verifier=verifier)
        with pytest.raises(SignInError, match="invalid_grant"):
            stolen.complete(answer)
    assert mine.complete(answer).access
    with pytest.raises(SignInError, match="invalid_grant"):
        mine.complete(answer)


# The page of sign-in.


def test_a_pool_without_a_domain_has_no_page(pool: Pool) -> None:
    client = pool.client(**CODE)
    asked = {"client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
    url = f"{pool.local.account.url}/oauth2/authorize?{urlencode(asked)}"
    assert urllib3.request("GET", url, timeout=10, retries=False).status == 404
    pool.admin.create_user_pool_domain(UserPoolId=pool.pool, Domain="first")
    assert urllib3.request("GET", url, timeout=10, retries=False).status == 200
    # Managed login shows no page to a client without a style.
    pool.admin.update_user_pool_domain(UserPoolId=pool.pool, Domain="first", ManagedLoginVersion=2)
    assert urllib3.request("GET", url, timeout=10, retries=False).status == 403


def test_a_required_second_factor_is_set_up_on_the_page(pool: Pool) -> None:
    pool.admin.create_user_pool_domain(UserPoolId=pool.pool, Domain="required")
    pool.admin.set_user_pool_mfa_config(
        UserPoolId=pool.pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True}
    )
    client = pool.client(**CODE, ExplicitAuthFlows=["ALLOW_USER_AUTH"])
    user = {"email": "ann", "password": pool.password}
    assert managed_login.sign_in(pool.local.account, pool.pool, client, CALLBACK, user).id
    assert user["otp_secret"]
    # From now on a code is asked for.
    assert managed_login.sign_in(pool.local.account, pool.pool, client, CALLBACK, user).id
    with pytest.raises(LocalError, match="Invalid code"):
        wrong = {**user, "otp_secret": pyotp.random_base32()}
        managed_login.sign_in(pool.local.account, pool.pool, client, CALLBACK, wrong)


@pytest.fixture
def page(pool: Pool) -> Callable[..., urllib3.BaseHTTPResponse]:
    """Sends the form of the page for a client that may use it."""
    client = pool.client(
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid"],
        CallbackURLs=[CALLBACK],
        SupportedIdentityProviders=["COGNITO"],
    )

    def send(**form: str) -> urllib3.BaseHTTPResponse:
        asked = {"client_id": client, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        return urllib3.request(
            "POST",
            f"{pool.local.account.url}/login",
            body=urlencode(form if "mfa_token" in form or "np_token" in form else {**asked, **form}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            redirect=False,
            timeout=10,
        )

    return send


def hidden(answer: urllib3.BaseHTTPResponse, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]+)"', answer.data.decode())
    assert found, answer.data.decode()
    return found[1]


def test_the_page_gives_a_code_for_a_password_where_there_is_no_second_factor(pool: Pool, page: Any) -> None:
    assert page(username="ann", password="wrong").status == 200  # noqa: S106
    answer = page(username="ann", password=pool.password)
    assert answer.status == 302
    location = urlparse(answer.headers["location"])
    assert location.hostname == "example.com"
    assert parse_qs(location.query)["code"]


def test_the_page_asks_for_the_second_factor(pool: Pool, page: Any) -> None:
    secret = pool.enrol()
    asked = page(username="ann", password=pool.password)
    assert (asked.status, "location" in asked.headers) == (200, False)
    token = hidden(asked, "mfa_token")
    assert page(mfa_token="other", code=pyotp.TOTP(secret).now()).status == 400  # noqa: S106
    for wrong in ("", "000000", "abc"):
        again = page(mfa_token=token, code=wrong)
        assert (again.status, "location" in again.headers) == (200, False)
    answer = page(mfa_token=token, code=pyotp.TOTP(secret).now())
    assert (answer.status, "code=" in answer.headers["location"]) == (302, True)
    assert page(mfa_token=token, code=pyotp.TOTP(secret).now()).status == 400


def test_the_page_gives_up_after_five_wrong_codes(pool: Pool, page: Any) -> None:
    secret = pool.enrol()
    token = hidden(page(username="ann", password=pool.password), "mfa_token")
    for _ in range(5):
        page(mfa_token=token, code="000000")
    assert page(mfa_token=token, code=pyotp.TOTP(secret).now()).status == 400


def test_a_new_password_is_one_factor_too(pool: Pool, page: Any) -> None:
    pool.enrol()
    temporary = chat._password()
    pool.admin.admin_set_user_password(UserPoolId=pool.pool, Username="ann", Password=temporary, Permanent=False)
    token = hidden(page(username="ann", password=temporary), "np_token")
    new = chat._password()
    answer = page(np_token=token, new_password=new, confirm_password=new)
    assert (answer.status, "location" in answer.headers) == (200, False)
    assert hidden(answer, "mfa_token")


def test_the_page_is_for_clients_that_may_use_it(pool: Pool, page: Any) -> None:
    other = page(client_id=pool.client_id, username="ann", password=pool.password)
    assert (other.status, "location" in other.headers) == (400, False)
    elsewhere = page(redirect_uri="https://evil.example", username="ann", password=pool.password)
    assert (elsewhere.status, "location" in elsewhere.headers) == (400, False)
