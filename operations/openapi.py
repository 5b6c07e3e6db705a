"""Generates ``docs/openapi.json``, the contract of the API of chat and assistants, from what implements it.

``python -m operations.openapi`` writes it (``make docs``). https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from aws_genai.application.gateway_errors import GATEWAY_ERRORS
from aws_genai.application.history import METHODS, WITH_BODY, scope_of
from aws_genai.application.options import RESOURCE_SERVER, SCOPES
from aws_genai.functions.agent_tools import errors as tool_errors
from aws_genai.functions.chat import errors, knowledge
from aws_genai.functions.conversations import service
from aws_genai.functions.history import files, table
from settings import told
from settings.disk import replace

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "openapi.json"
_FUNCTIONS = ROOT / "constructs" / "aws_genai" / "functions"
#: A domain of managed login. Each deployment has its own.
_DOMAIN = "https://genai-dev-111122223333.auth.us-east-1.amazoncognito.com/oauth2"
_ASK = f"{RESOURCE_SERVER}/ask"
#: Statuses of the default gateway responses, which keep that of the error: any may occur.
_DEFAULTS = {"DEFAULT_4XX": "4XX", "DEFAULT_5XX": "5XX"}


#: Modules that declare the errors of what asks models, of what stores answers, and of what shows them.
ASKING, STORING = (errors, knowledge), (errors, knowledge, table, files, tool_errors)


@cache
def codes(modules: tuple[ModuleType, ...] = ASKING) -> dict[str, list[str]]:
    """The codes of errors by their HTTP status, from the function and from API Gateway."""
    found: dict[str, set[str]] = {}
    models = errors in modules
    for status, code in (
        *((str(each.status), each.code) for module in modules for each in _failures(module)),
        *((str(each.status or _DEFAULTS[each.kind]), each.code) for each in GATEWAY_ERRORS),
        *((("429", code) for code in errors.SPENT_CODES) if models else ()),
        ("400", errors.malformed("").code),
        *((("404", errors.unknown_model("", []).code),) if models else ()),
        ("500", "internal_error"),
    ):
        found.setdefault(status, set()).add(code)
    return {status: sorted(found[status]) for status in sorted(found)}


def _failures(module: ModuleType) -> Iterator[errors.Failure]:
    for value in vars(module).values():
        yield from (
            each
            for each in (value.values() if isinstance(value, dict) else [value])
            if isinstance(each, errors.Failure)
        )


def described() -> dict[str, Any]:
    """The document."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "AWS GenAI Stack: chat and assistants",
            "version": "1",
            "description": "See docs/assistants.md for the events of an assistant.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
                "variables": {"api": {"default": "api"}, "region": {"default": "us-east-1"}},
            }
        ],
        "security": [{"users": [_ASK]}, {"programs": [_ASK]}],
        "paths": {
            "/chat": {"post": _operation("chat", "Ask the chat, and get the whole answer.", _whole(), blocks=True)},
            "/assistants/{assistant}/answers": {
                "parameters": [
                    {
                        "name": "assistant",
                        "in": "path",
                        "required": True,
                        "description": "Name of the assistant.",
                        "schema": {"type": "string"},
                    }
                ],
                "post": _operation(
                    "answer",
                    "Ask an assistant, and get its answer as it is written.",
                    _streamed(),
                    "AnswerRequest",
                    refusals=codes(STORING),
                ),
            },
            **_conversations(),
        },
        "components": {
            "securitySchemes": {
                "users": {
                    "type": "oauth2",
                    "description": (
                        "The access token of a user, by the authorization code flow with PKCE (S256) of managed login. "
                        "Put the domain of the deployment in; see docs/identity.md."
                    ),
                    "flows": {"authorizationCode": {"authorizationUrl": f"{_DOMAIN}/authorize", **_token()}},
                },
                "programs": {
                    "type": "oauth2",
                    "description": "The access token of a program of application.machines.",
                    "flows": {"clientCredentials": _token()},
                },
            },
            "schemas": {
                "Request": _schema("chat/request.schema.json"),
                "AnswerRequest": _schema("assistant/request.schema.json"),
                "ConversationRequest": _schema("conversations/request.schema.json"),
                "Answer": {
                    "type": "object",
                    "required": ["text", "model", "stop_reason", "input_tokens", "output_tokens"],
                    "properties": {
                        "text": {"type": "string"},
                        "model": {"type": "string"},
                        "stop_reason": {"type": "string"},
                        "input_tokens": {"type": "integer"},
                        "output_tokens": {"type": "integer"},
                        "sources": {"type": "array", "items": _events()["source"]},
                    },
                },
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["code", "message"],
                            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                        }
                    },
                },
                **{f"{name.title()}Event": schema for name, schema in _events().items()},
            },
        },
    }


#: What each operation on conversations does, by its id.
_SUMMARIES = {
    "List": "List your conversations, the newest first.",
    "Erase": "Delete everything that is stored of you. Repeat it while the response says that something is left.",
    "Show": "Show a conversation with its last turns.",
    "Rename": "Give a conversation another title.",
    "Delete": "Delete a conversation.",
    "Share": "Make a link that shows a conversation to everybody who can sign in. An earlier link ends.",
    "Revoke": "End the link of a conversation.",
    "Shared": "Show the conversation of a link.",
    "Export": "Read everything that is stored of you, page by page.",
    "Answer": "Show one answer, also while it is being written.",
    "Stop": "End an answer that is being written, within about a second.",
    "Rate": "Say what you think of an answer.",
    "Announce": "Announce a file, and get the fields of a form that uploads it to Amazon S3.",
    "Attachment": "Show what became of a file.",
    "Remove": "Delete a file.",
}


def _conversations() -> dict[str, Any]:
    """The paths of conversations."""
    found: dict[str, Any] = {}
    for id, method, path in METHODS:
        operation: dict[str, Any] = {
            "operationId": f"{id.lower()}_{path.partition('/')[0]}",
            "summary": _SUMMARIES[id],
            "security": [{who: [f"{RESOURCE_SERVER}/{scope_of(path)}"]} for who in ("users", "programs")],
            "responses": {
                "200": {"description": "It is done.", "content": {"application/json": {"schema": {"type": "object"}}}},
                **{
                    status: _refused(codes)
                    for status, codes in codes(
                        (table, service, files) if path.startswith("attachments") else (table, service)
                    ).items()
                },
            },
        }
        if id in WITH_BODY:
            operation["requestBody"] = _body("ConversationRequest")
        if id in ("List", "Export", "Show", "Shared"):
            name, kind = ("next", "string") if id in ("List", "Export") else ("before", "integer")
            told = (
                "Where the page begins, as the page before said." if kind == "string" else "Show the turns before it."
            )
            operation["parameters"] = [{"name": name, "in": "query", "description": told, "schema": {"type": kind}}]
        item = found.setdefault(f"/{path}", {})
        item[method.lower()] = operation
        if names := re.findall(r"{(\w+)}", path):
            item["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
            ]
    return found


def _body(schema: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _token() -> dict[str, Any]:
    scopes = {f"{RESOURCE_SERVER}/{name}": text for name, text in SCOPES.items()}
    return {"tokenUrl": f"{_DOMAIN}/token", "scopes": scopes}


def _operation(
    id: str,
    summary: str,
    content: dict[str, Any],
    schema: str = "Request",
    *,
    blocks: bool = False,
    refusals: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    refused = {status: list(found) for status, found in (refusals or codes()).items()}
    if blocks:
        # An assistant tells these as events, and is alone in asking for a group.
        chat = {*refused["403"], "input_blocked", "output_blocked"} - {errors.OTHER_GROUP.code}
        refused["403"] = sorted(chat)
    return {
        "operationId": id,
        "summary": summary,
        "requestBody": _body(schema),
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **{status: _refused(found) for status, found in refused.items()},
        },
    }


def _refused(found: list[str]) -> dict[str, Any]:
    return {
        "description": ", ".join(found),
        "headers": {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _whole() -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}


def _streamed() -> dict[str, Any]:
    names = ", ".join(f"`{name}`" for name in _events())
    return {
        "text/event-stream": {
            "schema": {
                "type": "string",
                "description": f"Server-sent events. The data of {names} are described by the schemas of these names.",
            }
        }
    }


def _events() -> dict[str, Any]:
    found: dict[str, Any] = _schema("assistant/events.schema.json")["properties"]
    return found


def _schema(path: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((_FUNCTIONS / path).read_text(encoding="utf-8"))
    schema.pop("$schema")
    return schema


def text() -> str:
    """The document as it is stored."""
    return json.dumps(described(), indent=2) + "\n"


def main() -> int:
    """Write the file."""
    replace(FILE, text())
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
