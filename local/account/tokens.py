"""App clients and tokens as Cognito makes them, where the emulator makes others: rotated and refreshed tokens keep the
groups of their user, and a function that changes tokens is heard.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.services import cognito

Answer = tuple[int, Any, bytes]
Data = dict[str, Any]
#: Refresh tokens that were rotated out, and until when each may be used once more.
_retired: dict[str, float] = {}
_REVOKED = "Refresh Token has been revoked"
_STANDARD = frozenset({"openid", "email", "phone", "profile", "aws.cognito.signin.user.admin"})


def install() -> None:
    """Run these before and after the emulator's own."""
    cognito._create_user_pool_client = _checked(cognito._create_user_pool_client)
    cognito._update_user_pool_client = _checked(cognito._update_user_pool_client)
    cognito._refresh_auth_user = _unused(cognito._refresh_auth_user)
    cognito._get_tokens_from_refresh_token = _rotating(cognito._get_tokens_from_refresh_token)
    cognito._oauth2_token = _refreshed(cognito._oauth2_token)
    cognito._extract_trigger_response = _groups_of_both(cognito._extract_trigger_response)
    # A function that fails gives no token.
    os.environ["MINISTACK_COGNITO_PRETOKEN_STRICT"] = "1"


def _refused(code: str, message: str) -> Answer:
    made: Answer = cognito.error_response_json(code, message, 400)
    return made


def _checked(write: Callable[[Data], Answer]) -> Callable[[Data], Answer]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html"""

    def writing(data: Data) -> Answer:
        pool = cognito._user_pools.get(data.get("UserPoolId")) or {}
        before = pool.get("_clients", {}).get(data.get("ClientId")) or {}
        client = {**before, **data}
        wrong = _wrong(pool, client, secret=bool(client.get("GenerateSecret") or client.get("ClientSecret")))
        if wrong:
            return _refused(*wrong)
        answer = write(data)
        if answer[0] == 200 and "RefreshTokenRotation" in data:
            made = json.loads(answer[2])
            told = {"RefreshTokenRotation": data["RefreshTokenRotation"]} if data["RefreshTokenRotation"] else {}
            record = pool["_clients"][made["UserPoolClient"]["ClientId"]]
            record.pop("RefreshTokenRotation", None)
            record |= told
            made["UserPoolClient"] |= told
            return answer[0], answer[1], json.dumps(made).encode()
        return answer

    return writing


def _wrong(pool: Data, client: Data, *, secret: bool) -> tuple[str, str] | None:
    flows, explicit = client.get("AllowedOAuthFlows") or [], client.get("ExplicitAuthFlows") or []
    if "client_credentials" in flows:
        if len(flows) > 1:
            return "InvalidOAuthFlowException", "client_credentials flow can not be selected along with other flows."
        if not secret:
            return "InvalidOAuthFlowException", "client_credentials flow can not be selected without a client secret."
    if _rotates(client) and (not explicit or "ALLOW_REFRESH_TOKEN_AUTH" in explicit):
        return (
            "InvalidParameterException",
            "Refresh token rotation requires that ALLOW_REFRESH_TOKEN_AUTH is not allowed.",
        )
    defined = {
        f"{identifier}/{scope['ScopeName']}"
        for identifier, server in (pool.get("_resource_servers") or {}).items()
        for scope in server.get("Scopes", [])
    }
    for scope in client.get("AllowedOAuthScopes") or []:
        if scope not in _STANDARD | defined:
            return "ScopeDoesNotExistException", f"Invalid scope requested: {scope}"
    return None


def _rotates(client: Data) -> bool:
    return (client.get("RefreshTokenRotation") or {}).get("Feature") == "ENABLED"


def _unused(read: Callable[..., Any]) -> Callable[..., Any]:
    def reading(pool: Data, pool_id: str, client_id: str, token: str) -> Any:
        if token in _retired and _retired[token] < time.time():
            return None, _refused("NotAuthorizedException", _REVOKED)
        return read(pool, pool_id, client_id, token)

    return reading


def _rotated(pool: Data, pool_id: str, client_id: str, token: str) -> str | None:
    """The token that takes the place of another, if the client rotates them.

    https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html
    """
    client = pool["_clients"].get(client_id) or {}
    if not _rotates(client):
        return None
    claims = cognito._token_claims(token)
    new = str(
        cognito._fake_token(
            claims["sub"],
            pool_id,
            client_id,
            "refresh",
            origin_jti=claims.get("origin_jti", ""),
            scope=claims.get("scope"),
        )
    )
    grace = client["RefreshTokenRotation"].get("RetryGracePeriodSeconds", 0)
    _retired.setdefault(token, time.time() + float(grace))
    if token in cognito._refresh_tokens:
        cognito._refresh_tokens[new] = dict(cognito._refresh_tokens[token])
    return new


def _rotating(refresh: Callable[[Data], Answer]) -> Callable[[Data], Answer]:
    def refreshing(data: Data) -> Answer:
        answer = refresh(data)
        pool, pool_id = cognito._pool_for_client(data.get("ClientId"))
        if answer[0] != 200 or pool is None:
            return answer
        new = _rotated(pool, pool_id, data["ClientId"], data["RefreshToken"])
        if new is None:
            return answer
        made = json.loads(answer[2])
        made["AuthenticationResult"]["RefreshToken"] = new
        return answer[0], answer[1], json.dumps(made).encode()

    return refreshing


def _refreshed(issue: Callable[..., Answer]) -> Callable[..., Answer]:
    """The token endpoint: refreshed tokens have the groups of the user, and a function that fails is an error."""

    def issuing(data: Any, query: Any, raw_body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        form = {name: values[0] for name, values in parse_qs(raw_body.decode("utf-8", errors="replace")).items()}
        token = form.get("refresh_token", "")
        try:
            if form.get("grant_type") != "refresh_token" or token not in cognito._refresh_tokens:
                return issue(data, query, raw_body, headers)
            client_id, secret = cognito._authenticate_client(headers or {}, form)
            answer: Answer = cognito._oauth2_refresh_api_issued_token(token, client_id, secret)
        except RuntimeError as error:
            made: Answer = cognito._oauth2_error("invalid_grant", f"PreTokenGeneration failed with error {error}.")
            return made
        if answer[0] != 200:
            return answer
        pool_id, pool, _ = cognito._find_pool_by_client_id(client_id)
        told = {**json.loads(answer[2]), "expires_in": cognito._token_validity(pool_id, client_id, "access")}
        if (new := _rotated(pool, pool_id, client_id, token)) is not None:
            told["refresh_token"] = new
        return answer[0], answer[1], json.dumps(told).encode()

    return issuing


def _groups_of_both(read: Callable[[Any], Data | None]) -> Callable[[Any], Data | None]:
    """Groups are told once for both tokens, beside what is told of each.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
    """

    def reading(payload: Any) -> Data | None:
        found = read(payload)
        details = (found or {}).get("claimsAndScopeOverrideDetails")
        if not found or not isinstance(details, dict):
            return found
        told = {"groupOverrideDetails": details.get("groupOverrideDetails") or {}}
        both = {name: {**(details.get(name) or {}), **told} for name in ("idTokenGeneration", "accessTokenGeneration")}
        return {**found, "claimsAndScopeOverrideDetails": {**details, **both}}

    return reading
