"""Authentication of requests: the root user's signature is verified like any other, and unsigned requests are not root.

The emulator accepts an account id, ``test``, an unknown scheme and no key at all as the root user, unverified.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import contextvars
import dataclasses
import re
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import s3, sts

#: The secret of the root user's key, whose id is the account id: docs/local.md.
ROOT_SECRET = "local"  # noqa: S105 - the account listens on loopback
_NUMBER = re.compile(r"\d{12}")
#: Calls that are allowed without a key if the resource's policy allows everyone.
_PUBLIC = frozenset({"lambda:InvokeFunctionUrl"})
#: Services whose handlers authorize the actions themselves, as the emulator has only one action for each operation.
OWN_CHECKS = {"bedrock-runtime", "bedrock-agent-runtime", "s3vectors"}
_pinning: contextvars.ContextVar[bool] = contextvars.ContextVar("pinning", default=False)
_NO_TOKEN = "Request is missing Authentication Token"  # noqa: S105 - a message
#: Whether the request posts a form.
_posts_form: contextvars.ContextVar[bool] = contextvars.ContextVar("posts_form", default=False)
_UNVERIFIED = "The request signature does not conform to AWS standards."


def install() -> None:
    """Replace the emulator's checks by these."""
    for module in (iam_evaluator, sts):
        module.is_root_access_key = _is_root
    iam_evaluator._is_root_key = _is_trusted
    iam_evaluator.resolve_credential = _with_secret(iam_evaluator.resolve_credential)
    for module in (s3, sts):
        module.resolve_credential = iam_evaluator.resolve_credential
    # The emulator's application imports it under its own name.
    app.pin_signed_request = iam_evaluator.pin_signed_request = _pinned(iam_evaluator.pin_signed_request)
    iam_evaluator.enforce = _verified(iam_evaluator.enforce)
    iam_evaluator.check_credentials = _signed(iam_evaluator.check_credentials)
    app._authenticate_only = _known_action(app._authenticate_only)
    s3._post_object = _signed_forms(s3._post_object)


def _is_root(access_key_id: str) -> bool:
    return bool(_NUMBER.fullmatch(access_key_id or ""))


def _is_trusted(access_key_id: str) -> bool:
    """The condition under which the emulator skips the verification of a signature."""
    return not _pinning.get() and _is_root(access_key_id)


def _with_secret(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def resolving(access_key_id: str, *arguments: Any, **options: Any) -> Any:
        found = resolve(access_key_id, *arguments, **options)
        if isinstance(found, iam_evaluator.ResolvedCredential) and found.principal_type == "Root":
            return dataclasses.replace(found, secret_access_key=ROOT_SECRET)
        return found

    return resolving


def _pinned(pin: Callable[..., None]) -> Callable[..., None]:
    def pinning(
        method: str,
        raw_path: str,
        query_params: dict[str, Any],
        raw_headers: list[tuple[bytes, bytes]],
        handshake: bool = False,
    ) -> None:
        kinds = [value.lower() for name, value in raw_headers if name.lower() == b"content-type"]
        _posts_form.set(any(kind.startswith(b"multipart/form-data") for kind in kinds))
        token = _pinning.set(True)
        try:
            pin(method, raw_path, query_params, raw_headers, handshake)
        finally:
            _pinning.reset(token)

    return pinning


def _verified(enforce: Callable[..., Any]) -> Callable[..., Any]:
    def enforcing(
        access_key_id: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if not access_key_id and iam_evaluator._signed_request.get() is None:
            return _without_key(action, service, region, resource_arn, service_context)
        refused = enforce(access_key_id, action, service, region, resource_arn, service_context)
        if refused is None and iam_evaluator._verified_key.get() != access_key_id and service != "s3":
            # S3 verifies presigned URLs and forms itself.
            return iam_evaluator.AuthError("IncompleteSignature", _UNVERIFIED)
        return refused

    return enforcing


def _without_key(
    action: str, service: str, region: str, resource_arn: str, service_context: dict[str, Any] | None
) -> Any:
    """An anonymous request: what AWS serves unsigned and what a resource's policy allows everyone, nothing else."""
    if iam_evaluator._served_unsigned(service, action):
        return None
    if service != "s3" and action not in _PUBLIC:
        return iam_evaluator.AuthError("MissingAuthenticationToken", _NO_TOKEN)
    if action == "s3:PutObject" and "/" not in resource_arn and _posts_form.get():
        # A form that is posted to a bucket: its signature is one of its fields, which S3 verifies.
        return None
    found = iam_evaluator._resource_policy(service, resource_arn)
    request = iam_evaluator.EvalContext(
        principal_arn="anonymous",
        principal_type="Anonymous",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=region,
        service_context={key.lower(): value for key, value in (service_context or {}).items()},
    )
    if found is not None and iam_evaluator.evaluate_resource_policy(found[0], request).decision == "Allow":
        return None
    return iam_evaluator.EvalResult("ImplicitDeny", principal_arn="anonymous")


def _signed_forms(post: Callable[..., Any]) -> Callable[..., Any]:
    """Forms without a signature are anonymous, and write nothing.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """

    def posting(bucket: str, body: bytes, headers: dict[str, str]) -> Any:
        parts = s3._parse_multipart_form(headers.get("content-type", ""), body) or []
        if not {"signature", "x-amz-signature"} & {str(part[0]).lower() for part in parts}:
            return s3._error("AccessDenied", "Access Denied", 403)
        return post(bucket, body, headers)

    return posting


def _signed(check: Callable[..., Any]) -> Callable[..., Any]:
    def checking(access_key_id: str, service: str | None = None) -> Any:
        if not access_key_id and iam_evaluator._signed_request.get() is None:
            return iam_evaluator.AuthError("MissingAuthenticationToken", _NO_TOKEN)
        refused = check(access_key_id, service)
        if refused is not None:
            return refused
        if iam_evaluator._verified_key.get() != access_key_id:
            return iam_evaluator.AuthError("IncompleteSignature", _UNVERIFIED)
        return None

    return checking


def _known_action(authenticate: Callable[..., Any]) -> Callable[..., Any]:
    """If the emulator has no action for an operation, only the root user may call it."""

    def authenticating(service: str, headers: dict[str, str], query: dict[str, Any], request_id: str) -> Any:
        refused = authenticate(service, headers, query, request_id)
        if refused is not None or service in OWN_CHECKS or service not in app.SERVICE_REGISTRY:
            return refused
        key = app.extract_access_key_id(headers, query)
        if _is_root(key):
            return None
        error = iam_evaluator.AuthError(
            "AccessDeniedException", f"No action of IAM is known for this request of {service}, so nobody may make it."
        )
        return app._credential_failure(service, "", request_id, error, headers)

    return authenticating
