"""Sessions of code interpreters of Amazon Bedrock AgentCore, which run Python in a sandbox on this machine.

Code interpreters are CloudFormation records. Each call is authorized as on AWS, on the code interpreter that it names.
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/code-interpreter-tool.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrockagentcore.html
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import bedrock_runtime

from . import validation
from .resources.agentcore import CodeInterpreter
from .resources.base import find
from .sandbox import EndedError, Sandbox

Body = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

SERVICE = "bedrock-agentcore"
_PATH = "/code-interpreters/"
_NAMED = re.compile(r"/code-interpreters/([^/]+)/")
_TYPE = "application/json"
#: The code interpreter that every account has, with network access, which is not served here.
_AWS = "aws.codeinterpreter.v1"
#: Seconds of a session without a time of its own.
_SECONDS = 900
#: Bytes of a file that is read.
_MOST_BYTES = 10 << 20
_ONLY_PYTHON = "The code interpreter of the local account runs Python only."


class RefusedError(ValueError):
    """The error of an invalid call: its name and HTTP status."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class Session:
    """A session, and until when it lasts, on the clock that does not go back."""

    id: str
    interpreter: str
    seconds: int
    sandbox: Sandbox
    until: float
    created: str = field(default_factory=lambda: _now())
    timer: threading.Timer | None = None


_sessions: dict[str, Session] = {}


def install() -> None:
    """Serve the operations of sessions. The emulator authorizes them, once it knows action and resource."""
    by_name, by_path = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def action(service: str, method: str, path: str, *args: Any, **options: Any) -> str | None:
        found = validation.call(SERVICE, method, path) if service == SERVICE and _NAMED.match(path) else None
        if found is None:
            other: str | None = by_name(service, method, path, *args, **options)
            return other
        return f"{SERVICE}:{found.name}"

    def resource_arn(service: str, method: str, path: str, *args: Any, **options: Any) -> str:
        named = _NAMED.match(path) if service == SERVICE else None
        if named is None:
            return str(by_path(service, method, path, *args, **options))
        return _arn(unquote(named[1]))

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action, resource_arn
    others = app.SERVICE_HANDLERS[SERVICE]

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        if not path.startswith(_PATH):
            return await others(method, path, headers, body, query)  # type: ignore[no-any-return]
        return await asyncio.to_thread(_handled, method, path, headers, body, query)

    app.SERVICE_HANDLERS[SERVICE] = handle
    atexit.register(_close_all)


def _handled(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
    try:
        found = validation.call(SERVICE, method, path)
        if found is None or found.name not in _OPERATIONS:
            raise RefusedError("UnknownOperationException", 404, f"The local account does not answer {method} {path}")
        identifier = found.labels["codeInterpreterIdentifier"]
        request = validation.check(found, headers, query, body)
        _check_exists(identifier)
        return _OPERATIONS[found.name](identifier, request)
    except validation.InvalidRequestError as error:
        return _error(error.code, error.status, str(error))
    except RefusedError as error:
        return _error(error.code, error.status, str(error))


def _arn(identifier: str) -> str:
    kind, owner = ("code-interpreter", "aws") if identifier == _AWS else ("code-interpreter-custom", get_account_id())
    return f"arn:aws:bedrock-agentcore:{get_region()}:{owner}:{kind}/{identifier}"


def _check_exists(identifier: str) -> None:
    if find(CodeInterpreter.type, identifier) is None:
        raise RefusedError("ResourceNotFoundException", 404, f"Code interpreter {identifier} was not found")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(code: str, status: int, message: str) -> Response:
    content: Body = {"message": message}
    if code == "ValidationException":
        content["reason"] = "FieldValidationFailed"
    return status, {"Content-Type": _TYPE, "x-amzn-errortype": code}, json.dumps(content).encode()


def _json(content: Body) -> Response:
    return 200, {"Content-Type": _TYPE}, json.dumps(content).encode()


# Sessions.


def _start(identifier: str, request: Body) -> Response:
    seconds = int(request.get("sessionTimeoutSeconds") or _SECONDS)
    session = Session(uuid.uuid4().hex[:26].upper(), identifier, seconds, Sandbox(seconds), time.monotonic() + seconds)
    session.timer = threading.Timer(seconds, _end, [session.id])
    session.timer.daemon = True
    session.timer.start()
    _sessions[session.id] = session
    return _json({"codeInterpreterIdentifier": identifier, "sessionId": session.id, "createdAt": session.created})


def _get(identifier: str, request: Body) -> Response:
    session = _session(identifier, request)
    return _json(
        {
            "codeInterpreterIdentifier": identifier,
            "sessionId": session.id,
            "createdAt": session.created,
            "sessionTimeoutSeconds": session.seconds,
            "status": "READY",
        }
    )


def _stop(identifier: str, request: Body) -> Response:
    session = _session(identifier, request)
    _end(session.id)
    return _json({"codeInterpreterIdentifier": identifier, "sessionId": session.id, "lastUpdatedAt": _now()})


def _session(identifier: str, request: Body) -> Session:
    session = _sessions.get(str(request.get("sessionId")))
    if session is None or session.interpreter != identifier:
        raise RefusedError("ResourceNotFoundException", 404, "The session was not found, or has ended")
    return session


def _end(session_id: str) -> None:
    session = _sessions.pop(session_id, None)
    if session is not None:
        if session.timer is not None:
            session.timer.cancel()
        session.sandbox.close()


def _close_all() -> None:
    for each in list(_sessions):
        _end(each)


# What is done in a session.


def _invoke(identifier: str, request: Body) -> Response:
    session, arguments = _session(identifier, request), request.get("arguments") or {}
    tool = _TOOLS.get(request["name"])
    if tool is None:
        raise RefusedError("ValidationException", 400, f"{request['name']} is not served in the local account")
    result = tool(session, arguments)
    headers = {
        "Content-Type": "application/vnd.amazon.eventstream",
        "x-amzn-code-interpreter-session-id": session.id,
    }
    return 200, headers, bedrock_runtime._es_event("result", result)


def _execute(session: Session, arguments: Body) -> Body:
    if arguments.get("language", "python") != "python":
        return _told({"stdout": "", "stderr": _ONLY_PYTHON, "exitCode": 1}, 0.0)
    if "code" not in arguments:
        raise RefusedError("ValidationException", 400, "executeCode needs code")
    begun = time.monotonic()
    try:
        found = session.sandbox.run(arguments["code"], session.until - begun)
    except EndedError as error:
        _end(session.id)
        raise RefusedError("ResourceNotFoundException", 404, "The session has ended") from error
    return _told(found, time.monotonic() - begun)


def _told(found: Body, seconds: float) -> Body:
    text = found["stdout"] if found["exitCode"] == 0 else found["stderr"] or found["stdout"]
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": {**found, "executionTime": round(seconds, 3)},
        "isError": found["exitCode"] != 0,
    }


def _write(session: Session, arguments: Body) -> Body:
    for each in arguments.get("content") or []:
        place = _place(session, each["path"])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(base64.b64decode(each["blob"]) if "blob" in each else each.get("text", "").encode())
    return _text("Successfully wrote all files")


def _read(session: Session, arguments: Body) -> Body:
    content = []
    for path in arguments.get("paths") or []:
        place = _place(session, path)
        if not place.is_file() or place.stat().st_size > _MOST_BYTES:
            return {**_text(f"Error reading {path}"), "isError": True}
        text = place.read_bytes().decode(errors="replace")
        resource = {"type": "text", "uri": f"file:///{path}", "mimeType": "text/plain", "text": text}
        content.append({"type": "resource", "resource": resource})
    return {"content": content, "isError": False}


def _list(session: Session, arguments: Body) -> Body:
    folder = _place(session, arguments.get("directoryPath") or ".")
    if not folder.is_dir():
        return {**_text("No such directory"), "isError": True}
    content = []
    for each in sorted(folder.iterdir()):
        link: Body = {
            "type": "resource_link",
            "name": each.name,
            "uri": f"file:///{each.relative_to(session.sandbox.folder)}",
        }
        kind = {"description": "Directory", "mimeType": "inode/directory"} if each.is_dir() else {"description": "File"}
        content.append({**link, **kind, **({} if each.is_dir() else {"size": each.lstat().st_size})})
    return {"content": content, "isError": False}


def _remove(session: Session, arguments: Body) -> Body:
    for path in arguments.get("paths") or []:
        _place(session, path).unlink(missing_ok=True)
    return _text("Successfully removed all files")


def _text(text: str) -> Body:
    return {"content": [{"type": "text", "text": text}], "isError": False}


def _place(session: Session, path: str) -> Path:
    """A file of the session. Its code may have made links, which are not followed out of the session."""
    folder = session.sandbox.folder.resolve()
    place = (folder / path).resolve()
    if not place.is_relative_to(folder):
        raise RefusedError("ValidationException", 400, f"{path} is outside of the session")
    return place


_TOOLS: Mapping[str, Callable[[Session, Body], Body]] = {
    "executeCode": _execute,
    "listFiles": _list,
    "readFiles": _read,
    "removeFiles": _remove,
    "writeFiles": _write,
}
_OPERATIONS: Mapping[str, Callable[[str, Body], Response]] = {
    "GetCodeInterpreterSession": _get,
    "InvokeCodeInterpreter": _invoke,
    "StartCodeInterpreterSession": _start,
    "StopCodeInterpreterSession": _stop,
}
