"""Rules for user pools and app clients that Amazon Cognito rejects."""

from __future__ import annotations

from collections.abc import Iterator

from ..emitted import Emitted
from ..rules import Hit, rule

_CLIENT, _POOL = "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPool"


@rule(
    "GENAI_MACHINE_CLIENT",
    holds="An app client of a program has a secret, and no other flow than client credentials.",
    why="Amazon Cognito rejects client credentials without a secret, and beside the code or the implicit flow.",
    fix="set GenerateSecret to true and AllowedOAuthFlows to client_credentials alone, as Identity does.",
    page="https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html",
)
def machines(app: Emitted) -> Iterator[Hit]:
    for client in app.of(_CLIENT):
        flows = client.get("AllowedOAuthFlows") or []
        if "client_credentials" in flows and (len(flows) > 1 or client.get("GenerateSecret") is not True):
            yield Hit(client, "Properties.AllowedOAuthFlows")


@rule(
    "GENAI_ROTATED_TOKENS",
    holds="An app client that rotates refresh tokens does not allow ALLOW_REFRESH_TOKEN_AUTH.",
    why="That flow does not rotate, so Amazon Cognito rejects the two together; without flows it is on by default.",
    fix="name other flows in ExplicitAuthFlows, as Identity does.",
    page="https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RefreshTokenRotationType.html",
)
def rotated(app: Emitted) -> Iterator[Hit]:
    for client in app.of(_CLIENT):
        flows = client.get("ExplicitAuthFlows") or ["ALLOW_REFRESH_TOKEN_AUTH"]
        if client.get("RefreshTokenRotation.Feature") == "ENABLED" and "ALLOW_REFRESH_TOKEN_AUTH" in flows:
            yield Hit(client, "Properties.ExplicitAuthFlows")


@rule(
    "GENAI_PASSKEY_FACTORS",
    holds="Where a second factor is required, a passkey counts as two: it verifies its user, and is set to do so.",
    why="A passkey is one factor by default, which does not satisfy a required second factor.",
    fix="set MULTI_FACTOR_WITH_USER_VERIFICATION, and WebAuthnUserVerification to required, as Identity does.",
    page="https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_WebAuthnConfigurationType.html",
)
def passkeys(app: Emitted) -> Iterator[Hit]:
    for pool in app.of(_POOL):
        if "WEB_AUTHN" not in (pool.get("Policies.SignInPolicy.AllowedFirstAuthFactors") or []):
            continue
        if pool.get("UserPoolTier") == "LITE":
            yield Hit(pool, "Properties.UserPoolTier", "The Lite plan has no passkeys.")
        two = pool.get("WebAuthnFactorConfiguration") == "MULTI_FACTOR_WITH_USER_VERIFICATION"
        if pool.get("MfaConfiguration") == "ON" and not (two and pool.get("WebAuthnUserVerification") == "required"):
            yield Hit(pool, "Properties.WebAuthnFactorConfiguration")
