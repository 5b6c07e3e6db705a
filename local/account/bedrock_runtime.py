"""Model invocations, authorized as on Bedrock, and served by the user's model server or with a fixed sentence.

The emulator requires one action named after the operation. AWS requires these:

- Converse and InvokeModel need ``bedrock:InvokeModel``, their streams ``bedrock:InvokeModelWithResponseStream``
  https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
- through an inference profile, on the profile and on the model behind it
  https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
- with a guardrail, also ``bedrock:ApplyGuardrail``, and ``kms:Decrypt`` if a customer managed key encrypts it
  https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html

A call is checked in this order: its signature, whether the model exists, permissions, the form of the request
(``validation``), what Bedrock and the model accept (``request_rules``), the guardrail.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import bedrock_runtime as runtime

from . import embeddings, guardrail_rules, image_models, model_server, request_rules, validation
from .identifiers import UnknownModelError, resources_of
from .models import operations as models
from .resources.base import ServiceError
from .resources.bedrock import as_of, called, foundation_of, models_of_bedrock
from .resources.prompts import rendered

SERVICE = "bedrock-runtime"
Response = tuple[int, dict[str, str], bytes]

_OPERATIONS = {
    "converse": "InvokeModel",
    "invoke": "InvokeModel",
    "converse-stream": "InvokeModelWithResponseStream",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
    "count-tokens": "CountTokens",
    "invoke-with-bidirectional-stream": "InvokeModelWithBidirectionalStream",
}
#: Operations without an implementation here: the emulator keeps records of calls that it never makes.
_NOT_SERVED = {
    "StartAsyncInvoke": "",
    "GetAsyncInvoke": "",
    "ListAsyncInvokes": "",
    "InvokeModelWithBidirectionalStream": "",
    "InvokeGuardrailChecks": " Call ApplyGuardrail.",
}
#: Bedrock's message for a guardrail that does not exist.
NO_GUARDRAIL = "The guardrail identifier or version provided in the request does not exist."
_MODEL = re.compile(r"^/model/(?P<model>.+?)/(?P<operation>[a-z-]+)$")
_APPLY = re.compile(r"^/guardrail/(?P<guardrail>.+?)/version/(?P<version>[^/]+)/apply$")


@dataclass(frozen=True)
class Check:
    """One permission that the caller needs."""

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.action.split(":")[0]


def install() -> None:
    """Replace the emulator's authorization and responses by these."""
    by_name = iam_actions.extract_iam_action

    def action(service: str, *args: Any) -> str | None:
        # None: the emulator checks the signature only. Permissions are checked here.
        return None if service == SERVICE else by_name(service, *args)

    iam_actions.extract_iam_action = action
    answer = app.SERVICE_HANDLERS[SERVICE]

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            path, body, needed = _by_prompt(path, body)
        except ServiceError as error:
            return runtime._error("ValidationException", str(error), 400)  # type: ignore[no-any-return]
        found = validation.call(SERVICE, method, path)
        if found is None:
            told = f"Bedrock has no operation {method} {path}"
            return runtime._error("UnknownOperationException", told, 404)  # type: ignore[no-any-return]
        denied = _denied(path, headers, body, query, needed)
        if denied is not None:
            return denied
        if found.name in _NOT_SERVED:
            told = f"The local account does not answer {found.name}.{_NOT_SERVED[found.name]}"
            return runtime._error("UnknownOperationException", told, 501)  # type: ignore[no-any-return]
        try:
            check(found, headers, query, body)
        except validation.InvalidRequestError as error:
            return runtime._error(error.code, str(error), error.status)  # type: ignore[no-any-return]
        if embeddings.serves(path):
            return await asyncio.to_thread(embeddings.answer, path, body)
        if image_models.serves(path):
            return await asyncio.to_thread(image_models.answer, path, headers, body)
        try:
            answered = await models.answered(path, headers, body) if method == "POST" else None
            if answered is not None:
                return answered
            return await answer(method, path, headers, body, query)  # type: ignore[no-any-return]
        except model_server.ModelServerError as error:
            return runtime._error(error.code, str(error), error.status)  # type: ignore[no-any-return]

    app.SERVICE_HANDLERS[SERVICE] = handle
    runtime._proxy_openai_chat_message = model_server.complete
    runtime._mock_reply = model_server.fixed_reply
    runtime._last_user_text = assessed_text


def check(found: validation.Call, headers: Mapping[str, str], query: Mapping[str, Any], body: bytes) -> None:
    """Reject a request that Bedrock, its model or its guardrail does not accept.

    :raises InvalidRequestError: with Bedrock's message.
    """
    request = validation.check(found, headers, query, body)
    name = found.name
    if name == "ApplyGuardrail":
        # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html#API_runtime_ApplyGuardrail_Errors
        labels = found.labels
        _check_guardrail(labels["guardrailIdentifier"], labels["guardrailVersion"], "ResourceNotFoundException", 404)
        return
    identifier = called(found.labels["modelId"])
    if identifier.startswith("arn:") and identifier.split(":", 5)[5].startswith(("foundation-", "inference-")):
        identifier = identifier.rpartition("/")[2]
    model = foundation_of(identifier)
    facts = models_of_bedrock()[model] if model else None
    if model and facts:
        counting = name == "CountTokens"
        request_rules.check_callable(identifier, model, facts, get_region(), as_of(), counting=counting)
    model = model or identifier
    _check_guardrail(*_named_guardrail(headers, body))
    if name in ("Converse", "ConverseStream"):
        try:
            guardrail_rules.check_config(request.get("guardrailConfig") or {})
        except guardrail_rules.RefusedError as error:
            raise validation.InvalidRequestError(str(error)) from error
        request_rules.check_converse(model, facts, request, streaming=name == "ConverseStream")
    elif name in ("InvokeModel", "InvokeModelWithResponseStream"):
        _check_types(headers)
        request_rules.check_body(model, facts, _json_object(body))
    elif name == "CountTokens":
        counted = request["input"]
        if "converse" in counted:
            request_rules.check_converse(model, facts, counted["converse"])
        else:
            request_rules.check_body(model, facts, _json_object(_bytes(counted["invokeModel"]["body"])))


def _check_guardrail(identifier: str, version: str, code: str = "ValidationException", status: int = 400) -> None:
    if identifier and runtime._resolve_guardrail(identifier, version) is None:
        raise validation.InvalidRequestError(NO_GUARDRAIL, code, status)


def _check_types(headers: Mapping[str, str]) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html"""
    given = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if given not in ("application/json", ""):
        raise validation.InvalidRequestError("The provided Content Type is invalid or not supported for this model")
    accepted = headers.get("accept", "*/*").partition(";")[0].strip().lower()
    if accepted not in ("application/json", "*/*", "application/*", "application/vnd.amazon.eventstream", ""):
        raise validation.InvalidRequestError("The provided Accept Type is invalid or not supported for this model")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise validation.InvalidRequestError("body is no base64", "SerializationException") from error


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError as error:
        told = request_rules.malformed("the body is no valid JSON")
        raise validation.InvalidRequestError(told) from error
    if not isinstance(parsed, dict):
        raise validation.InvalidRequestError(request_rules.malformed("#: expected type: JSONObject"))
    return parsed


def _by_prompt(path: str, body: bytes) -> tuple[str, bytes, list[Check]]:
    """A call of a prompt version, converted to a call of its model, and the permissions for the prompt itself.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-test.html
    """
    called = _MODEL.match(path)
    arn = unquote(called["model"]) if called else ""
    if called is None or ":prompt/" not in arn:
        return path, body, []
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return path, body, []
    if not isinstance(request, dict):
        return path, body, []
    for name in ("additionalModelRequestFields", "inferenceConfig", "system", "toolConfig"):
        if name in request:
            raise ServiceError(f"The {name} field is not for a call of a prompt, which has its own.")
    found = rendered(arn, request.pop("promptVariables", {}))
    if found is None:
        raise ServiceError(f"{arn} is no version of a prompt")
    model, text, how = found
    messages = [{"role": "user", "content": [{"text": text}]}, *request.get("messages", [])]
    body = json.dumps({**request, "messages": messages, "inferenceConfig": how}).encode()
    return f"/model/{quote(model, safe='')}/{called['operation']}", body, [Check("bedrock:RenderPrompt", arn)]


def _denied(
    path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], first: list[Check]
) -> Response | None:
    """The error for a caller without permission, or None if the call is allowed."""
    key = extract_access_key_id(headers, query)
    try:
        needed = [*first, *checks(path, headers, body)]
    except UnknownModelError as error:
        return runtime._error("ValidationException", str(error), 400)  # type: ignore[no-any-return]
    for check in needed:
        refused = iam_evaluator.enforce(
            key, check.action, check.service, get_region(), resource_arn=check.resource, service_context=check.context
        )
        if refused is None:
            continue
        if isinstance(refused, iam_evaluator.AuthError):
            return runtime._error(refused.code, refused.message, 403)  # type: ignore[no-any-return]
        return iam_actions.access_denied_response(  # type: ignore[no-any-return]
            "bedrock",
            check.action,
            refused.principal_arn,
            str(uuid.uuid4()),
            headers=headers,
            resource_arn=check.resource,
            explicit_deny=refused.decision == "Deny",
            resource_policy_arn=refused.resource_policy_arn,
        )
    return None


def checks(path: str, headers: dict[str, str], body: bytes) -> list[Check]:
    """The permissions that a call requires.

    :raises UnknownModelError: if Bedrock has no such model.
    """
    applied = _APPLY.match(path)
    if applied:
        identifier = unquote(applied["guardrail"])
        return _guardrail(identifier, applied["version"])[1] or [Check("bedrock:ApplyGuardrail", _arn_of(identifier))]
    if path.startswith("/async-invoke") or path.startswith("/guardrail-checks"):
        return _unserved(path, body)
    called = _MODEL.match(path)
    if not called or called["operation"] not in _OPERATIONS:
        return []
    identifier, version = _named_guardrail(headers, body)
    versioned, needed = _guardrail(identifier, version)
    context = {"bedrock:GuardrailIdentifier": versioned} if versioned else {}
    action = f"bedrock:{_OPERATIONS[called['operation']]}"
    return [Check(action, arn, {**context, **extra}) for arn, extra in resources_of(unquote(called["model"]))] + needed


def _arn_of(guardrail: str) -> str:
    """The ARN of a guardrail, which may not exist."""
    arn = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:guardrail/{guardrail}"
    return guardrail if guardrail.startswith("arn:") else arn


def _unserved(path: str, body: bytes) -> list[Check]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"""
    if path.startswith("/guardrail-checks"):
        return [Check("bedrock:InvokeGuardrailChecks", "*")]
    jobs = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:async-invoke/"
    name = unquote(path.removeprefix("/async-invoke")).strip("/")
    if name:
        return [Check("bedrock:GetAsyncInvoke", name if name.startswith("arn:") else jobs + name)]
    if not body:
        return [Check("bedrock:ListAsyncInvokes", "*")]
    return [Check("bedrock:InvokeModel", f"{jobs}*")]


def _named_guardrail(headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """The guardrail of a call: Converse has it in its body, InvokeModel in its headers."""
    try:
        config = json.loads(body or b"{}").get("guardrailConfig") or {}
    except (ValueError, AttributeError):
        config = {}
    return (
        config.get("guardrailIdentifier") or headers.get("x-amzn-bedrock-guardrailidentifier", ""),
        config.get("guardrailVersion") or headers.get("x-amzn-bedrock-guardrailversion", "DRAFT"),
    )


def _guardrail(identifier: str, version: str) -> tuple[str, list[Check]]:
    """The value of the condition key for a guardrail, and the permissions for using it."""
    if not identifier:
        return "", []
    found = runtime._resolve_guardrail(identifier, version)
    if found is None:
        return "", []  # the operation itself reports that it does not exist
    arn = found["GuardrailArn"]
    needed = [Check("bedrock:ApplyGuardrail", arn)]
    if found.get("KmsKeyArn"):
        via = {"kms:ViaService": f"bedrock.{get_region()}.amazonaws.com"}
        needed.append(Check("kms:Decrypt", found["KmsKeyArn"], via))
    return f"{arn}:{version}", needed


def assessed_text(messages: list[dict[str, Any]]) -> str:
    """The parts of a conversation that a guardrail evaluates: those marked as guarded, or everything if none is.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-converse-api.html
    """
    parts = [part for message in messages or [] for part in message.get("content") or [] if isinstance(part, dict)]
    guarded = [part["guardContent"].get("text", {}).get("text", "") for part in parts if "guardContent" in part]
    return "\n".join(guarded or [part["text"] for part in parts if "text" in part])
