"""Managed login, its app clients and scopes, passkeys, and programs with credentials of their own."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from aws_genai.application import (
    ExistingUserPool,
    Federation,
    Identity,
    IdentityOptions,
    MachineOptions,
    OidcProvider,
    SamlProvider,
)
from aws_genai.application.identity import _slug
from aws_genai.errors import InvalidValueError
from aws_genai.foundation import Foundation
from settings.application import Application
from tests.conftest import Synthesized
from tests.support import ALL_PACKS, findings_of, template_of

POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_AbCdEfGhI"
CLIENT, USERS = "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPool"
SAML = Federation(saml=SamlProvider(metadata_url="https://login.example.com/metadata"), groups="groups")

OIDC = Federation(
    oidc=OidcProvider(
        issuer="https://login.example.com",
        client_id="a",
        client_secret_arn="arn:aws:secretsmanager:us-east-1:111122223333:secret:s-AbCdEf",  # noqa: S106 - an ARN
    ),
    groups="groups",
)


def users(machines: dict[str, MachineOptions] | None = None, name: str = "assistant", **options: Any) -> Template:
    return template_of(
        lambda stack: Identity(
            stack,
            "Users",
            foundation=Foundation(stack),
            pool_name=name,
            options=IdentityOptions(**options),
            machines=machines,
        )
    )


def clients(template: Template, flow: str) -> list[dict[str, Any]]:
    found = template.find_resources(CLIENT, {"Properties": {"AllowedOAuthFlows": [flow]}})
    return [each["Properties"] for each in found.values()]


def test_users_sign_in_at_managed_login_by_a_code_for_a_public_client() -> None:
    template = users()
    (client,) = clients(template, "code")
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlowsUserPoolClient"] is True
    assert client["AllowedOAuthScopes"] == ["openid", "email", "profile", "genai/ask", "genai/history"]
    assert client["CallbackURLs"] == client["LogoutURLs"] == ["http://localhost:8765"]
    assert client["SupportedIdentityProviders"] == ["COGNITO"]
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}
    # This flow excludes the rotation, and is allowed unless another is named.
    assert client["ExplicitAuthFlows"] == ["ALLOW_USER_AUTH"]
    prefix = {"Fn::Join": ["", ["assistant-", {"Ref": "AWS::AccountId"}]]}
    template.has_resource_properties("AWS::Cognito::UserPoolDomain", {"Domain": prefix, "ManagedLoginVersion": 2})
    (id,) = template.find_resources(CLIENT)
    template.has_resource_properties(
        "AWS::Cognito::ManagedLoginBranding", {"ClientId": {"Ref": id}, "UseCognitoProvidedValues": True}
    )
    (server,) = template.find_resources("AWS::Cognito::UserPoolResourceServer")
    assert template.find_resources(CLIENT)[id]["DependsOn"] == [server]
    template.has_resource_properties(
        "AWS::Cognito::UserPoolResourceServer",
        {"Identifier": "genai", "Scopes": [Match.object_like({"ScopeName": each}) for each in ("ask", "history")]},
    )


def test_addresses_and_domain_are_those_of_the_settings() -> None:
    page = "https://chat.example.com/"
    template = users(domain_prefix="acme-chat", callback_urls=[page], logout_urls=[])
    (client,) = clients(template, "code")
    assert client["CallbackURLs"] == [page]
    assert "LogoutURLs" not in client
    template.has_resource_properties("AWS::Cognito::UserPoolDomain", {"Domain": "acme-chat"})


@pytest.mark.parametrize(
    "name", ["genai-prod", "Acme Chat", "aws-chat", "MyCognito", "___", "x" * 128, "ünï", "a" * 49 + "-b", "amazonia"]
)
def test_every_name_makes_a_domain_prefix_that_cognito_takes(name: str) -> None:
    prefix = f"{_slug(name)}-111122223333"
    assert re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", prefix)
    assert not re.search("aws|amazon|cognito", prefix)
    assert _slug(name) == _slug(name)


def test_names_that_cannot_be_prefixes_still_differ() -> None:
    assert _slug("aws-one") != _slug("aws-two")
    assert _slug("genai-prod") == "genai-prod"


@pytest.mark.parametrize("mfa", ["required", "optional"])
def test_a_passkey_counts_as_both_factors(mfa: Any) -> None:
    template = users(passkeys=True, mfa=mfa)
    (pool,) = (each["Properties"] for each in template.find_resources(USERS).values())
    assert pool["Policies"]["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}
    assert pool["WebAuthnUserVerification"] == "required"
    assert pool["WebAuthnFactorConfiguration"] == "MULTI_FACTOR_WITH_USER_VERIFICATION"
    # Passkeys belong to the domain at which they are registered, and users have another way back in.
    domain = ["assistant-", {"Ref": "AWS::AccountId"}, ".auth.", {"Ref": "AWS::Region"}, ".amazoncognito.com"]
    assert pool["WebAuthnRelyingPartyID"] == {"Fn::Join": ["", domain]}
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert pool["UserPoolTier"] == "PLUS"


def test_without_passkeys_a_password_is_the_first_factor() -> None:
    (pool,) = (each["Properties"] for each in users().find_resources(USERS).values())
    assert pool["Policies"]["SignInPolicy"] == {"AllowedFirstAuthFactors": ["PASSWORD"]}
    assert not [name for name in pool if name.startswith("WebAuthn")]


@pytest.mark.parametrize(
    "options",
    [
        {"passkeys": True},
        {"federation": SAML},
        {"federation": OIDC},
    ],
)
def test_every_way_to_sign_in_passes_every_pack(options: dict[str, Any]) -> None:
    def build(stack: Any) -> None:
        Identity(
            stack,
            "Users",
            foundation=Foundation(stack),
            pool_name="assistant",
            options=IdentityOptions(**options),
            machines={"reports": MachineOptions()},
        )

    assert findings_of(build, packs=ALL_PACKS) == []


def test_a_program_has_a_client_with_a_secret_that_no_template_holds() -> None:
    template = users({"reports": MachineOptions(), "export": MachineOptions(scopes=["ask", "history"])})
    found = {each["ClientName"]: each for each in clients(template, "client_credentials")}
    assert set(found) == {"reports", "export"}
    assert found["reports"]["AllowedOAuthScopes"] == ["genai/ask"]
    assert found["export"]["AllowedOAuthScopes"] == ["genai/ask", "genai/history"]
    for each in found.values():
        assert each["GenerateSecret"] is True
        assert each["ExplicitAuthFlows"] == ["ALLOW_CUSTOM_AUTH"]
        assert "CallbackURLs" not in each
    assert "ClientSecret" not in json.dumps(template.to_json())
    assert any("reports" in name for name in template.find_outputs("*"))


def test_functions_know_programs_by_their_clients(reference: Synthesized) -> None:
    resources = reference.template("application")["Resources"]
    (program,) = (name for name, each in resources.items() if each["Type"] == CLIENT and "Machine" in name)
    for each in resources.values():
        variables = each.get("Properties", {}).get("Environment", {}).get("Variables", {})
        if "CLIENT_IDS" not in variables:
            continue
        parts = variables["MACHINES"]["Fn::Join"][1]
        assert parts[1] == {"Ref": program}
        told = json.loads("".join(part if isinstance(part, str) else "client" for part in parts))
        limits = {"requests": 100, "tokens": 100_000, "blocks": 5}
        assert told == {"client": {"groups": ["staff"], "budget": {"day": limits}}}
        assert {"Ref": program} not in variables["CLIENT_IDS"]["Fn::Join"][1]


def test_groups_of_an_assistant_are_told_to_it_alone(reference: Synthesized) -> None:
    resources = reference.template("application")["Resources"].values()
    told = {
        each["Properties"]["Environment"]["Variables"].get("ASSISTANT"): each["Properties"]["Environment"]["Variables"]
        for each in resources
        if each["Type"] == "AWS::Lambda::Function"
    }
    assert json.loads(told["handbook"]["GROUPS"]) == ["hr", "staff"]
    assert "GROUPS" not in told["helper"]
    names = {each["Properties"]["GroupName"] for each in resources if each["Type"] == "AWS::Cognito::UserPoolGroup"}
    assert {"hr", "staff"} <= names


def test_a_program_of_an_existing_pool_has_its_scopes() -> None:
    own = ExistingUserPool(arn=POOL, scopes=["openid", "docs/read"])
    template = users({"reports": MachineOptions()}, user_pool=own)
    (machine,) = clients(template, "client_credentials")
    assert machine["AllowedOAuthScopes"] == ["docs/read"]
    (client,) = clients(template, "code")
    assert client["AllowedOAuthScopes"] == ["openid", "email", "profile", "docs/read"]
    for kind in ("ResourceServer", "Domain"):
        template.resource_count_is(f"AWS::Cognito::UserPool{kind}", 0)
    template.resource_count_is("AWS::Cognito::ManagedLoginBranding", 0)


@pytest.mark.parametrize(
    ("pool", "field"),
    [
        ({"arn": POOL}, "user_pool.scopes"),
        ({"arn": POOL.replace("us-east-1", "eu-west-1"), "client_ids": ["a"], "scopes": ["a/b"]}, "user_pool.arn"),
    ],
)
def test_a_program_that_an_existing_pool_cannot_serve_is_refused(pool: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        users({"reports": MachineOptions()}, user_pool=ExistingUserPool(**pool))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"machines": {"a": {}}}, "machines"),
        ({"chat": {}, "machines": {"a": {"budget": {}}}}, "machines.a.budget"),
        ({"chat": {}, "machines": {"a": {"scopes": []}}}, "machines.a.scopes"),
        ({"chat": {}, "machines": {"a": {"scopes": ["everything"]}}}, "machines.a.scopes"),
        (
            {
                "chat": {"federation": {"saml": {"metadata_url": "https://x.example.com/m"}}},
                "assistants": {"a": {"groups": ["hr"]}},
            },
            "assistants.a.groups",
        ),
    ],
)
def test_settings_that_nobody_could_use_are_refused(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Application(**settings)
    assert str(caught.value.field).startswith(field)
