"""Sign-ins, tokens and codes that Cognito rejects and the emulator accepts.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.services import cognito

from .validation import InvalidRequestError, check, named

Answer = tuple[int, Any, bytes]
Pool = dict[str, Any]
_log = logging.getLogger("account.sign_in")
#: Flows that a client must enable, by their names in a request; AWS's legacy names beside the current ones.
_FLOWS = {
    "USER_SRP_AUTH": {"ALLOW_USER_SRP_AUTH"},
    "USER_PASSWORD_AUTH": {"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"},
    "ADMIN_USER_PASSWORD_AUTH": {"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"},
    "ADMIN_NO_SRP_AUTH": {"ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"},
    "CUSTOM_AUTH": {"ALLOW_CUSTOM_AUTH", "CUSTOM_AUTH_FLOW_ONLY"},
    "USER_AUTH": {"ALLOW_USER_AUTH"},
    "REFRESH_TOKEN_AUTH": {"ALLOW_REFRESH_TOKEN_AUTH"},
    "REFRESH_TOKEN": {"ALLOW_REFRESH_TOKEN_AUTH"},
}
#: The flows of a client that enables none explicitly:
#: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html
_DEFAULT_FLOWS = frozenset({"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"})


def install() -> None:
    """Run these checks before the emulator's handlers."""
    cognito._auth_flow_error = _allowed_flow
    cognito._run_idp_handler = _well_formed(cognito._run_idp_handler, "cognito-idp")
    cognito._run_identity_handler = _well_formed(cognito._run_identity_handler, "cognito-identity")
    cognito._get_credentials_for_identity = _known_identity(cognito._get_credentials_for_identity)
    cognito._unlink_identity = _known_identity(cognito._unlink_identity)
    cognito._revoke_token = _own_token(cognito._revoke_token)
    cognito._forgot_password = _recoverable(cognito._forgot_password)
    cognito._confirm_forgot_password = _recoverable(cognito._confirm_forgot_password)
    cognito._send_verification_email = _secret_code(cognito._send_verification_email)
    cognito._begin_user_auth_challenge = _secret_page_code(cognito._begin_user_auth_challenge)
    for name in ("_set_user_mfa_preference", "_admin_set_user_mfa_preference"):
        setattr(cognito, name, _enrolled(getattr(cognito, name)))
    cognito.handle_oauth2_token = _own_refresh(cognito.handle_oauth2_token)


def _refused(code: str, message: str) -> Answer:
    made: Answer = cognito.error_response_json(code, message, 400)
    return made


def _allowed_flow(action: str, data: dict[str, Any]) -> Answer | None:
    """Reject a flow that the client does not enable, before the user is read."""
    flow = data.get("AuthFlow")
    if not action.endswith("InitiateAuth") or not isinstance(flow, str):
        return None
    if action == "InitiateAuth" and flow.startswith("ADMIN_"):
        return _refused("InvalidParameterException", f"Unsupported AuthFlow: {flow}")
    pool = (
        cognito._user_pools.get(data.get("UserPoolId"))
        if action.startswith("Admin")
        else cognito._pool_for_client(data.get("ClientId"))[0]
    )
    client = (pool or {}).get("_clients", {}).get(data.get("ClientId"))
    enabling = _FLOWS.get(flow)
    if client is None or enabling is None:
        return None  # the operation reports what does not exist
    if _flows(client) & enabling:
        return None
    if flow in ("USER_PASSWORD_AUTH", "USER_AUTH"):
        return _refused("InvalidParameterException", f"{flow} flow not enabled for this client")
    if flow in ("USER_SRP_AUTH", "CUSTOM_AUTH"):
        return _refused("InvalidParameterException", f"{flow} is not enabled for the client.")
    return _refused("InvalidParameterException", "Auth flow not enabled for this client")


def _flows(client: dict[str, Any]) -> set[str]:
    """The flows of a client. Each of the legacy names implies SRP and token refresh."""
    named_flows = set(client.get("ExplicitAuthFlows") or _DEFAULT_FLOWS)
    if any(not each.startswith("ALLOW_") for each in named_flows):
        named_flows.add("ALLOW_REFRESH_TOKEN_AUTH")
        if "CUSTOM_AUTH_FLOW_ONLY" not in named_flows:
            named_flows.add("ALLOW_USER_SRP_AUTH")
    return named_flows


def _well_formed(run: Callable[..., Answer], service: str) -> Callable[..., Answer]:
    """Report members that are missing or out of bounds before anything is read."""
    unsigned = cognito._UNSIGNED_IDP_ACTIONS if service == "cognito-idp" else cognito._UNSIGNED_IDENTITY_ACTIONS

    def running(handler: Any, action: str, data: dict[str, Any]) -> Answer:
        if action in unsigned:
            try:
                check(named(service, action), {}, {}, data)
            except InvalidRequestError as error:
                if error.code == "ValidationException":
                    return _refused("InvalidParameterException", str(error))
                return _refused(error.code, str(error))
        return run(handler, action, data)

    return running


def _known_identity(handler: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def handling(data: dict[str, Any]) -> Answer:
        asked = data.get("IdentityId")
        pools = cognito._identity_pools.values()
        if not any(asked in pool.get("_identities", {}) for pool in pools):
            return _refused("ResourceNotFoundException", f"Identity '{asked}' not found.")
        return handler(data)

    return handling


def _own_token(revoke: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RevokeToken.html"""

    def revoking(data: dict[str, Any]) -> Answer:
        token, client_id = data.get("Token", ""), data.get("ClientId")
        pool, _ = cognito._pool_for_client(client_id)
        if pool is None:
            return _refused("ResourceNotFoundException", f"Client {client_id} not found.")
        client = pool["_clients"][client_id]
        if client.get("ClientSecret") and client["ClientSecret"] != data.get("ClientSecret"):
            return _refused("UnauthorizedException", "Invalid client secret")
        claims = cognito._token_claims(token)
        if claims.get("token_use") in ("access", "id"):
            return _refused("UnsupportedTokenTypeException", "Unsupported token type")
        owner = claims.get("client_id") or (cognito._refresh_tokens.get(token) or {}).get("client_id")
        if owner is not None and owner != client_id:
            return _refused("UnauthorizedException", "Token was issued to another client")
        if claims and not cognito._signature_valid(token):
            return _refused("InvalidParameterException", "Invalid Refresh Token")
        return revoke(data)

    return revoking


def _recoverable(handler: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Which users can receive a code for a new password.

    https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html
    """

    def handling(data: dict[str, Any]) -> Answer:
        pool, _ = cognito._pool_for_client(data.get("ClientId"))
        user = cognito._resolve_user(pool, data.get("Username"))[0] if pool else None
        if pool is None or user is None:
            return handler(data)
        ways = [each.get("Name") for each in (pool.get("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or []]
        if ways == ["admin_only"]:
            return _refused("NotAuthorizedException", "Contact administrator to reset password.")
        if not user.get("Enabled", True):
            return _refused("NotAuthorizedException", "User is disabled.")
        if user.get("UserStatus") in ("FORCE_CHANGE_PASSWORD", "EXTERNAL_PROVIDER"):
            return _refused("NotAuthorizedException", "User password cannot be reset in the current state.")
        known = cognito._attr_list_to_dict(user.get("Attributes", []))
        verified = ("email_verified", "phone_number_verified")
        if not any(str(known.get(each)).lower() == "true" for each in verified):
            return _refused(
                "InvalidParameterException",
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            )
        return handler(data)

    return handling


def _code() -> str:
    return f"{secrets.randbelow(1_000_000):06}"


def _secret_code(send: Callable[..., Any]) -> Callable[..., Any]:
    """A random code, written to the account's log where AWS would send it by mail."""

    def sending(pool: Pool, username: str, attributes: Any, code: str, **options: Any) -> Any:
        user = pool["_users"].get(username) or cognito._resolve_user(pool, username)[0]
        if user is None:
            return send(pool, username, attributes, code, **options)
        new = _code()
        for name in ("_reset_code", "_confirmation_code"):
            asked = (
                name == "_reset_code" if options.get("attribute_name") == "password" else name == "_confirmation_code"
            )
            if asked and user.get(name):
                user[name] = new
        _log.warning("A code for %s, which AWS would send: %s", user["Username"], new)
        return send(pool, username, attributes, new, **options)

    return sending


def _secret_page_code(begin: Callable[..., Any]) -> Callable[..., Any]:
    def beginning(pool: Pool, token: str, session: dict[str, Any], challenge: str) -> Any:
        cognito._EMAIL_OTP_CODE = _code()
        page = begin(pool, token, session, challenge)
        if session.get("otp_code"):
            _log.warning("A code for %s, which AWS would send: %s", session["username"], session["otp_code"])
        return page

    return beginning


def _enrolled(handler: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SetUserMFAPreference.html"""

    def handling(data: dict[str, Any]) -> Answer:
        if (data.get("SoftwareTokenMfaSettings") or {}).get("Enabled"):
            user = _user_of(data)
            if user is not None and not user.get("_totp_secret"):
                return _refused("InvalidParameterException", "User has not verified software token mfa")
        return handler(data)

    return handling


def _user_of(data: dict[str, Any]) -> dict[str, Any] | None:
    if data.get("AccessToken"):
        found: dict[str, Any] | None = cognito._user_pool_for_access_token(data["AccessToken"])[0]
        return found
    pool = cognito._user_pools.get(data.get("UserPoolId"))
    named_user: dict[str, Any] | None = cognito._resolve_user(pool, data.get("Username"))[0] if pool else None
    return named_user


def _own_refresh(answer: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """Tokens are refreshed only by the client that they were issued to, with its secret if it has one."""

    async def answering(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", errors="replace")).items()}
        entry = cognito._refresh_tokens.get(form.get("refresh_token", ""))
        if form.get("grant_type") == "refresh_token" and entry:
            client_id, secret = cognito._authenticate_client(headers, form)
            client = cognito._find_pool_by_client_id(client_id)[2]
            if client is None or (client.get("ClientSecret") and client["ClientSecret"] != secret):
                return _oauth("invalid_client")
            if client_id != entry["client_id"]:
                return _oauth("invalid_grant")
        return await answer(method, path, headers, body, query)

    return answering


def _oauth(code: str) -> Answer:
    made: Answer = cognito._oauth2_error(code, "The token was given to another client, or its secret is not this.")
    return made
