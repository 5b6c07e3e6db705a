"""Calls of knowledge bases, flows and agents, authorized as on Bedrock. Calls without an implementation are rejected.

The emulator returns invented answers for any input, even for a knowledge base or an agent that does not exist.

Actions and resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id
from ministack.services import bedrock_agent_runtime as runtime

from .resources.bedrock import foundation_of
from .validation import Call, InvalidRequestError, call, check

SERVICE = "bedrock-agent-runtime"
#: Services whose calls the emulator authorizes correctly, with one action for each operation.
_CHECKED = ("bedrock", "bedrock-agent")
#: Operations with rules of their own, since the service's model lacks what their page says (``guardrail_rules``).
_OWN_RULES = frozenset({"CreateGuardrail", "UpdateGuardrail"})
#: InvokeInlineAgent. With a slash at its end it is PrepareAgent of the other service.
_INLINE = re.compile(r"/agents/[^/]+")
#: Services with the same signing name, which have separate hosts on AWS.
_SERVICES = ("bedrock-agent-runtime", "bedrock-runtime", "bedrock-agent", "bedrock")

#: The type of an operation's resource, by the labels that name it. An operation that is not listed requires ``*``.
_RESOURCES = {
    "Retrieve": "knowledge-base/{knowledgeBaseId}",
    "CheckIngestedDocumentAcl": "knowledge-base/{knowledgeBaseId}",
    "GetDocumentContent": "knowledge-base/{knowledgeBaseId}",
    "GetIngestedDocumentAcl": "knowledge-base/{knowledgeBaseId}",
    "InvokeAgent": "agent-alias/{agentId}/{agentAliasId}",
    "GetAgentMemory": "agent-alias/{agentId}/{agentAliasId}",
    "DeleteAgentMemory": "agent-alias/{agentId}/{agentAliasId}",
    "InvokeFlow": "flow/{flowIdentifier}/alias/{flowAliasIdentifier}",
    "StartFlowExecution": "flow/{flowIdentifier}/alias/{flowAliasIdentifier}",
    **dict.fromkeys(
        ("GetFlowExecution", "StopFlowExecution", "ListFlowExecutionEvents", "GetExecutionFlowSnapshot"),
        "flow/{flowIdentifier}/alias/{flowAliasIdentifier}/execution/{executionIdentifier}",
    ),
    "ListFlowExecutions": "flow/{flowIdentifier}",
    **dict.fromkeys(
        (
            *("GetSession", "UpdateSession", "DeleteSession", "EndSession", "CreateInvocation", "ListInvocations"),
            *("PutInvocationStep", "GetInvocationStep", "ListInvocationSteps"),
        ),
        "session/{sessionIdentifier}",
    ),
    **dict.fromkeys(("TagResource", "UntagResource", "ListTagsForResource"), "{resourceArn}"),
}
#: Operations whose action has another name.
_ACTIONS = {
    "RetrieveAndGenerateStream": "RetrieveAndGenerate",
    "AgenticRetrieveStream": "AgenticRetrieve",
}
#: Operations whose responses the emulator invents. They are served once the account replaces the emulator's function.
_MADE_UP = {
    "InvokeAgent": "_invoke_agent",
    "InvokeInlineAgent": "_invoke_inline_agent",
    "GetAgentMemory": "_get_agent_memory",
    "DeleteAgentMemory": "_delete_agent_memory",
    "RetrieveAndGenerate": "_retrieve_and_generate",
    "RetrieveAndGenerateStream": "_retrieve_and_generate_stream",
    "Rerank": "_rerank",
    "GenerateQuery": "_generate_query",
    "OptimizePrompt": "_optimize_prompt",
    "InvokeFlow": "_invoke_flow",
    "StartFlowExecution": "_start_flow_execution",
    "StopFlowExecution": "_stop_flow_execution",
    "GetFlowExecution": "_get_flow_execution",
    "ListFlowExecutions": "_list_flow_executions",
    "ListFlowExecutionEvents": "_list_flow_execution_events",
    "GetExecutionFlowSnapshot": "_get_execution_flow_snapshot",
    "AgenticRetrieveStream": "",
    "CheckIngestedDocumentAcl": "",
    "GetDocumentContent": "",
    "GetIngestedDocumentAcl": "",
}
#: The alternative to call.
_INSTEAD = {
    "RetrieveAndGenerate": "Call Retrieve, then Converse with a guardrail, as the project's own chat does.",
    "RetrieveAndGenerateStream": "Call Retrieve, then ConverseStream with a guardrail, as the project's own chat does.",
}
Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Run the checks above before the emulator's service."""
    by_name = iam_actions.extract_iam_action

    def action(service: str, *arguments: Any) -> Any:
        # None: the emulator checks the signature only. Permissions are checked here.
        return None if service == SERVICE else by_name(service, *arguments)

    iam_actions.extract_iam_action = action
    answer = app.SERVICE_HANDLERS[SERVICE]

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        found = call(SERVICE, method, path)
        if found is None:
            return error("UnknownOperationException", f"Bedrock has no operation {method} {path}", 404)
        refused = denied(extract_access_key_id(headers, query), needs(found, body), headers)
        if refused is not None:
            return refused
        if not is_served(found.name):
            return not_served(found.name)
        try:
            check(found, headers, query, body)
        except InvalidRequestError as problem:
            return error(problem.code, str(problem), problem.status)
        return await answer(method, path, headers, body, query)

    app.SERVICE_HANDLERS[SERVICE] = handle
    app.detect_service = _by_operation(app.detect_service)
    for service in _CHECKED:
        app.SERVICE_HANDLERS[service] = _well_formed(service, app.SERVICE_HANDLERS[service])


def _well_formed(service: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """The emulator has authorized these calls. Their format is checked here."""

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        found = call(service, method, path)
        if found is None:
            return error("UnknownOperationException", f"Bedrock has no operation {method} {path}", 404)
        try:
            if found.name not in _OWN_RULES:
                check(found, headers, query, body, labels=False)
        except InvalidRequestError as problem:
            return error(problem.code, str(problem), problem.status)
        return await answer(method, path, headers, body, query)

    return handle


def _by_operation(detect: Callable[..., str]) -> Callable[..., str]:
    """If the emulator's guess has no such operation, the Bedrock service that has it: all share the signing name."""

    def detecting(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        guess = detect(method, path, headers, query)
        if guess == "bedrock-agent" and method == "POST" and _INLINE.fullmatch(path):
            return SERVICE
        if guess not in _SERVICES or call(guess, method, path) is not None:
            return guess
        return next((each for each in _SERVICES if call(each, method, path) is not None), guess)

    return detecting


def is_served(operation: str) -> bool:
    """Whether an operation is implemented with the content of the account."""
    name = _MADE_UP.get(operation)
    return name is None or (bool(name) and getattr(runtime, name).__module__ != runtime.__name__)


def not_served(operation: str) -> Answer:
    """The response to a call of an operation without an implementation here."""
    told = f"The local account does not answer {operation}. {_INSTEAD.get(operation, '')}".strip()
    return error("UnknownOperationException", told, 501)


def needs(found: Call, body: bytes) -> list[tuple[str, str]]:
    """The actions and resources that the caller needs permission for."""
    template = _RESOURCES.get(found.name, "*")
    labels = {name: value.rpartition("/")[2] if name != "resourceArn" else value for name, value in _labels(found)}
    resource = template.format_map(labels)
    if template not in ("*", "{resourceArn}"):
        resource = f"arn:aws:bedrock:{get_region()}:{get_account_id()}:{resource}"
    wanted = [(f"bedrock:{_ACTIONS.get(found.name, found.name)}", resource)]
    if found.name == "Rerank":
        # https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-prereq.html
        wanted.extend(("bedrock:InvokeModel", arn) for arn in _rerankers(body))
    return wanted


def _labels(found: Call) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in found.labels.items()]


def _rerankers(body: bytes) -> list[str]:
    try:
        given = json.loads(body)["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"]
        arn = str(given["modelArn"])
    except (ValueError, KeyError, TypeError):
        return []
    name = foundation_of(arn.rpartition("/")[2])
    return [f"arn:aws:bedrock:{get_region()}::foundation-model/{name}"] if name else [arn]


def denied(key: str, needed: list[tuple[str, str]], headers: Mapping[str, str]) -> Answer | None:
    """The error for a caller without permission, or None if the call is allowed."""
    for action, resource in needed:
        service = action.partition(":")[0]
        refused = iam_evaluator.enforce(key, action, service, get_region(), resource_arn=resource)
        if refused is None:
            continue
        if isinstance(refused, iam_evaluator.AuthError):
            return error(refused.code, refused.message, 403)
        made: Answer = iam_actions.access_denied_response(
            service,
            action,
            refused.principal_arn,
            str(uuid.uuid4()),
            headers=headers,
            resource_arn=resource,
            explicit_deny=refused.decision == "Deny",
            resource_policy_arn=refused.resource_policy_arn,
        )
        return made
    return None


def error(code: str, message: str, status: int) -> Answer:
    """An error in the format of AWS's JSON services."""
    body = json.dumps({"message": message, "__type": code}).encode()
    return status, {"Content-Type": "application/json", "x-amzn-ErrorType": code}, body
