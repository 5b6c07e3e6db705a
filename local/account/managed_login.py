"""The pages of managed login as AWS has them: a domain and a style, the second factor, and its set-up.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
"""

from __future__ import annotations

import base64
import html
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from ministack.services import cognito

from .resources.sign_in import styled

Answer = tuple[int, Any, bytes]
#: How long managed login waits for a code, in seconds.
_PAGE_SECONDS = 180
#: Maximum number of wrong codes before managed login starts again.
_PAGE_ATTEMPTS = 5
#: Managed login sessions that wait for a second factor: the user, and the parameters of the first request; the new
#: secret of one who has to set it up.
_pending: dict[str, dict[str, Any]] = {}


def install() -> None:
    """Put these pages before and between the emulator's."""
    cognito.handle_oauth2_authorize = _served(cognito.handle_oauth2_authorize)
    cognito._issue_auth_code_redirect = _second_page(cognito._issue_auth_code_redirect)
    cognito.handle_login_submit = _second_submit(cognito.handle_login_submit)


def _served(authorize: Callable[..., Answer]) -> Callable[..., Answer]:
    """A user pool without a domain has no pages, and version 2 shows none to a client without a style.

    https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-branding.html
    """

    def authorizing(method: str, path: str, headers: Any, query: Any) -> Answer:
        client_id = cognito._qp(query, "client_id")
        pool_id, pool, client = cognito._find_pool_by_client_id(client_id)
        if pool is None or client is None:
            return authorize(method, path, headers, query)
        domain = pool.get("Domain") or pool.get("CustomDomain")
        if not domain:
            made: Answer = cognito._oauth2_error("invalid_request", "The user pool has no domain.", 404)
            return made
        if pool.get("_managed_login_versions", {}).get(domain) == 2 and not styled(pool_id, client_id):
            status, sent, body = _page('<div class="error">Login pages unavailable</div>')
            return 403 if status == 200 else status, sent, body
        return authorize(method, path, headers, query)

    return authorizing


def _second_page(issue: Callable[..., Answer]) -> Callable[..., Answer]:
    """The common end of every managed login flow: users with a second factor enter it first.

    https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html
    """

    def issuing(client_id: str, pool_id: str, redirect_uri: str, scope: str, username: str, *rest: Any) -> Answer:
        _, pool, client = cognito._find_pool_by_client_id(client_id)
        if (
            client is None
            or not client.get("AllowedOAuthFlowsUserPoolClient")
            or "code" not in (client.get("AllowedOAuthFlows") or [])
        ):
            made: Answer = cognito._oauth2_error("unauthorized_client", "Client is not allowed to use the code flow.")
            return made
        if "COGNITO" not in (client.get("SupportedIdentityProviders") or []):
            return _page('<div class="error">Users of the user pool cannot sign in at this client.</div>')
        user = pool["_users"].get(username)
        challenge = cognito._mfa_challenge_for_user(pool, user, pool_id, username) if user else None
        if challenge is None:
            return issue(client_id, pool_id, redirect_uri, scope, username, *rest)
        if challenge["ChallengeName"] not in ("MFA_SETUP", "SOFTWARE_TOKEN_MFA"):
            return _page('<div class="error">These pages take authenticator apps only.</div>')
        token = secrets.token_urlsafe(24)
        again = (client_id, pool_id, redirect_uri, scope, username, *rest)
        _pending[token] = {"again": again, "until": time.time() + _PAGE_SECONDS, "left": _PAGE_ATTEMPTS, "issue": issue}
        if challenge["ChallengeName"] == "MFA_SETUP":
            _pending[token]["secret"] = base64.b32encode(secrets.token_bytes(20)).decode()
        return _code_page(token)

    return issuing


def _second_submit(submit: Callable[..., Answer]) -> Callable[..., Answer]:
    def submitting(method: str, path: str, headers: Any, body: bytes, query: Any) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", errors="replace")).items()}
        token = form.get("mfa_token")
        if token is None:
            return submit(method, path, headers, body, query)
        pending = _pending.get(token)
        if pending is None or pending["until"] < time.time() or not pending["left"]:
            _pending.pop(token, None)
            made: Answer = cognito._oauth2_error("invalid_request", "Session has expired. Please sign in again.")
            return made
        _, pool_id, _, _, username, *_ = pending["again"]
        pool = cognito._get_pool_unscoped(pool_id)
        user = (pool or {}).get("_users", {}).get(username) or {}
        new = pending.get("secret")
        if not user.get("Enabled", True) or not _matches(new or user.get("_totp_secret"), form.get("code", "")):
            pending["left"] -= 1
            return _code_page(token, "Invalid code or auth state for the user.")
        if new:
            user |= {"_totp_secret": new, "_preferred_mfa": "SOFTWARE_TOKEN_MFA"}
            user["_mfa_enabled"] = [*user.get("_mfa_enabled", []), "SOFTWARE_TOKEN_MFA"]
        del _pending[token]
        issued: Answer = pending["issue"](*pending["again"])
        return issued

    return submitting


def _matches(secret: str | None, code: str) -> bool:
    return bool(secret) and bool(cognito._totp_matches(secret, code))


def _code_page(token: str, wrong: str = "") -> Answer:
    error = f'<div class="error">{html.escape(wrong)}</div>' if wrong else ""
    secret = _pending[token].get("secret")
    setup = f'<p>Add this key to your authenticator app:</p><p><code id="secret">{secret}</code></p>' if secret else ""
    return _page(
        f'{error}{setup}<form method="POST" action="/login">'
        f'<input type="hidden" name="mfa_token" value="{html.escape(token)}">'
        '<label for="code">Code of your authenticator app</label>'
        '<input type="text" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required autofocus>'
        '<button type="submit">Sign in</button></form>'
    )


def _page(body: str) -> Answer:
    page = cognito._page_shell("Sign in", "Sign in", body)
    return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()
