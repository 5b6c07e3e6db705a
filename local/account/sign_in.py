"""Signs users in as Cognito does, where the emulator requires less.

https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import apigateway_v1, cognito

Answer = tuple[int, Any, bytes]
#: Sessions of users who must register an authenticator app: pool and user.
_enrolling: dict[str, tuple[str, str]] = {}
#: Sessions of users who have registered one.
_enrolled: set[str] = set()
_INVALID = ("NotAuthorizedException", "Invalid session for the user.", 400)


def install() -> None:
    """Replace the emulator's sign-in by Cognito's requirements."""
    cognito._sign_up = _invited_only(cognito._sign_up)
    cognito._mfa_challenge_for_user = _required(cognito._mfa_challenge_for_user)
    cognito._associate_software_token = _associate(cognito._associate_software_token)
    cognito._verify_software_token = _verify(cognito._verify_software_token)
    for name in ("_respond_to_auth_challenge", "_admin_respond_to_auth_challenge"):
        setattr(cognito, name, _respond(getattr(cognito, name)))
    apigateway_v1._validate_cognito_authorizer = _identity_only(apigateway_v1._validate_cognito_authorizer)


def _invited_only(sign_up: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-admin-create-user-policy.html"""

    def signing_up(data: Any) -> Answer:
        pool, _ = cognito._pool_for_client(data.get("ClientId"))
        if pool and str((pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly")).lower() == "true":
            refused: Answer = cognito.error_response_json(
                "NotAuthorizedException", "SignUp is not permitted for this user pool", 400
            )
            return refused
        return sign_up(data)

    return signing_up


def _required(challenge: Callable[..., Any]) -> Callable[..., Any]:
    """Users without a required authenticator app must register one before they receive a token."""

    def challenged(pool: dict[str, Any], user: dict[str, Any], pool_id: str, username: str) -> Any:
        if pool.get("MfaConfiguration") != "ON" or "SOFTWARE_TOKEN_MFA" in user.get("_mfa_enabled", []):
            return challenge(pool, user, pool_id, username)
        session = base64.b64encode(secrets.token_bytes(32)).decode()
        _enrolling[session] = (pool_id, user["Username"])
        parameters = {"USER_ID_FOR_SRP": username, "MFAS_CAN_SETUP": '["SOFTWARE_TOKEN_MFA"]'}
        return {"ChallengeName": "MFA_SETUP", "Session": session, "ChallengeParameters": parameters}

    return challenged


def _associate(associate: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def associating(data: Any) -> Answer:
        who = _enrolling.get(data.get("Session", ""))
        if not data.get("AccessToken") and who is None:
            refused: Answer = cognito.error_response_json(*_INVALID)
            return refused
        answer = associate(data)
        if who is not None and answer[0] == 200:
            _enrolling[json.loads(answer[2])["Session"]] = who
        return answer

    return associating


def _verify(verify: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def verifying(data: Any) -> Answer:
        session = data.get("Session", "")
        secret = cognito._totp_session_secrets.get(session)
        answer = verify(data)
        who = _enrolling.get(session)
        if who is not None and answer[0] == 200:
            user = cognito._user_pools[who[0]]["_users"][who[1]]
            user |= {"_totp_secret": secret, "_preferred_mfa": "SOFTWARE_TOKEN_MFA"}
            user["_mfa_enabled"] = [*user.get("_mfa_enabled", []), "SOFTWARE_TOKEN_MFA"]
            _enrolled.add(json.loads(answer[2])["Session"])
        return answer

    return verifying


def _respond(respond: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def responding(data: Any) -> Answer:
        if data.get("ChallengeName") == "MFA_SETUP":
            if data.get("Session") not in _enrolled:
                refused: Answer = cognito.error_response_json(*_INVALID)
                return refused
            _enrolled.discard(data["Session"])
        answer = respond(data)
        if data.get("ChallengeName") == "NEW_PASSWORD_REQUIRED" and answer[0] == 200:
            return _second_factor(data, answer)
        return answer

    return responding


def _second_factor(data: Any, answer: Answer) -> Answer:
    """A password that was just set counts as one factor."""
    pool, pool_id = cognito._pool_for_client(data.get("ClientId"))
    username = (data.get("ChallengeResponses") or {}).get("USERNAME", "")
    user, error = cognito._resolve_user(pool, username)
    challenge = None if error else cognito._mfa_challenge_for_user(pool, user, pool_id, username)
    asked: Answer = cognito.json_response(challenge) if challenge else answer
    return asked


def _identity_only(validate: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A method without scopes accepts ID tokens.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html
    """

    async def validating(authorizer: Any, method: dict[str, Any], *arguments: Any) -> Any:
        claims, error = await validate(authorizer, method, *arguments)
        wanted = "access" if method.get("authorizationScopes") else "id"
        if error is None and claims.get("token_use") != wanted:
            return None, apigateway_v1._gw_error("UNAUTHORIZED", "Unauthorized")
        return claims, error

    return validating
