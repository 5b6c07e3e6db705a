"""Rules for sign-in: what a token permits, and how it is obtained."""

from __future__ import annotations

from collections.abc import Iterator

from ..emitted import Emitted
from ..rules import Hit, rule

_CLIENT = "AWS::Cognito::UserPoolClient"
#: Flows in which a client sends a password.
_PASSWORDS = ("ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")


@rule(
    "GENAI_METHOD_HAS_SCOPES",
    holds="A method that a user pool authorizes names the scopes that it takes.",
    why="Without scopes, API Gateway accepts ID tokens, which are for a page and permit everything.",
    fix="set AuthorizationScopes, such as Identity.scopes returns.",
    page="https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html",
)
def scoped(app: Emitted) -> Iterator[Hit]:
    for method in app.of("AWS::ApiGateway::Method"):
        if method.get("AuthorizationType") == "COGNITO_USER_POOLS" and not method.get("AuthorizationScopes"):
            yield Hit(method, "Properties.AuthorizationScopes")


@rule(
    "GENAI_NO_IMPLICIT_SIGN_IN",
    holds="No app client receives tokens by the implicit flow.",
    why="The implicit flow puts tokens into addresses, which histories, logs and other pages read.",
    fix="set AllowedOAuthFlows to code, and use PKCE in the page or program, as Identity and operations.sign_in do.",
    page="https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints-oauth-grants.html",
)
def by_code(app: Emitted) -> Iterator[Hit]:
    for client in app.of(_CLIENT):
        if "implicit" in (client.get("AllowedOAuthFlows") or []):
            yield Hit(client, "Properties.AllowedOAuthFlows")


@rule(
    "GENAI_NO_SECRET_IN_PAGE",
    holds="An app client at which users sign in with a code has no secret, and takes no passwords.",
    why="A page or program of a user cannot keep a secret, and one that takes passwords can be imitated.",
    fix="leave GenerateSecret and the password flows out; PKCE binds the code to whoever asked for it.",
    page="https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-client-apps.html",
)
def public(app: Emitted) -> Iterator[Hit]:
    for client in app.of(_CLIENT):
        if "code" not in (client.get("AllowedOAuthFlows") or []):
            continue
        if client.get("GenerateSecret") is True:
            yield Hit(client, "Properties.GenerateSecret")
        if any(each in _PASSWORDS for each in client.get("ExplicitAuthFlows") or []):
            yield Hit(client, "Properties.ExplicitAuthFlows")
