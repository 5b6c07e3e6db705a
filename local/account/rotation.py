"""Rotation of secrets by their functions. The emulator copies the current value instead.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response, new_uuid
from ministack.services import lambda_svc, secretsmanager

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_PENDING = "AWSPENDING"
logger = logging.getLogger(__name__)


def install() -> None:
    """Replace the emulator's rotation."""
    secretsmanager._rotate_secret = _rotating(secretsmanager._rotate_secret)
    secretsmanager._get_secret_value = _with_value(secretsmanager._get_secret_value)


def _rotating(copy: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def rotate(data: dict[str, Any]) -> Any:
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        if not secret or secret.get("DeletedDate") or data.get("RotationLambdaARN"):
            return copy(data)
        if not secret.get("RotationLambdaARN"):
            message = "No Lambda rotation function ARN is associated with this secret."
            return error_response_json("InvalidRequestException", message, 400)
        if any(each["Stages"] == [_PENDING] for each in secret["Versions"].values()):
            message = "A previous rotation isn't complete. That rotation will be reattempted."
            _begin(secret, next(key for key, each in secret["Versions"].items() if each["Stages"] == [_PENDING]))
            return error_response_json("InvalidRequestException", message, 400)
        token = data.get("ClientRequestToken") or str(new_uuid())
        secret["Versions"][token] = {
            "SecretString": None,
            "SecretBinary": None,
            "CreatedDate": int(time.time()),
            "Stages": [_PENDING],
        }
        _begin(secret, token)
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})

    return rotate


def _begin(secret: dict[str, Any], token: str) -> None:
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_run, secret, token), daemon=True).start()


def _run(secret: dict[str, Any], token: str) -> None:
    name, qualifier = lambda_svc._resolve_name_and_qualifier(secret["RotationLambdaARN"])
    function, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
    for step in _STEPS if function else ():
        event = {"Step": step, "SecretId": secret["ARN"], "ClientRequestToken": token}
        result = lambda_svc._execute_function(function, event)
        if result.get("error"):
            logger.warning("Rotation of %s ended in %s: %s", secret["Name"], step, result.get("body"))
            return
    secret["LastRotatedDate"] = int(time.time())


def _with_value(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A version that a rotation has not filled yet has no value."""

    def found(data: dict[str, Any]) -> Any:
        status, headers, body = get(data)
        content = json.loads(body)
        if status == 200 and "SecretString" not in content and "SecretBinary" not in content:
            message = f"Secrets Manager can't find the specified secret value for VersionId: {content['VersionId']}"
            return error_response_json("ResourceNotFoundException", message, 400)
        return status, headers, body

    return found
