"""Code that the model writes, run in a code interpreter of Amazon Bedrock AgentCore.

https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/code-interpreter-tool.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from ...chat.observed import cause, logger
from ...chat.request import client
from ..code_environment import CodeEnvironment
from ..reading import parts
from ..tools import Call, ToolError
from . import Asker

#: Characters of code and of a file that are written, and of each of the two outputs that are shown.
WRITTEN, SHOWN = 40_000, 16_000
#: Files that are written before a run, and that are named after it.
MOST_FILES, MOST_NAMED = 10, 50
#: Errors of AgentCore for a session that exists no longer, and for too many of them.
_ENDED = ("ResourceNotFoundException", "ConflictException")
_BUSY = ("ThrottlingException", "ServiceQuotaExceededException")
_AGAIN = "The session has ended: its variables and files are gone. Run again what is still needed."


def tools(_asker: Asker) -> list[RunCode]:
    """The tools of the kind. Users share the code interpreter, and no session."""
    own = CodeEnvironment.read()
    return [RunCode(client("bedrock-agentcore", own.SESSION_SECONDS), own)]


class Session:
    """One session of a code interpreter, started with the first run: its own microVM, with memory and files.

    https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/code-interpreter-session-characteristics.html

    :param agentcore: a ``bedrock-agentcore`` client of boto3.
    :param seconds: seconds after which AgentCore ends it, whatever becomes of this function.
    """

    def __init__(self, agentcore: Any, interpreter: str, seconds: int) -> None:  # noqa: ANN401 - boto3 has no types
        self._client, self._interpreter, self._seconds = agentcore, interpreter, seconds
        self._id: str | None = None
        self._files: dict[str, int] = {}

    def run(self, call: Call, language: str, code: str) -> dict[str, Any]:
        """Run code, and return the result."""
        return self._invoke(call, "executeCode", {"language": language, "code": code})

    def write(self, call: Call, files: Mapping[str, str]) -> None:
        """Write files, by their path below the folder that code runs in."""
        content = [{"path": path, "text": text} for path, text in files.items()]
        result = self._invoke(call, "writeFiles", {"content": content})
        if result.get("isError"):
            raise ToolError(f"The files were not written: {text_of(result)[:500]}")
        self._files |= {path: len(text.encode()) for path, text in files.items()}

    def made(self, call: Call) -> list[dict[str, Any]]:
        """Files that code has made or changed since this was last asked, as far as their sizes tell."""
        result = self._invoke(call, "listFiles", {"directoryPath": ""})
        found = {
            str(each["name"]): int(each.get("size") or 0)
            for each in result.get("content", [])
            if each.get("type") == "resource_link" and each.get("name") and each.get("mimeType") != "inode/directory"
        }
        new = [{"name": name, "size": size} for name, size in sorted(found.items()) if self._files.get(name) != size]
        self._files = found
        return new[:MOST_NAMED]

    def close(self) -> None:
        """End the session, and with it all that still runs in it."""
        if self._id is None:
            return
        session, self._id = self._id, None
        try:
            self._client.stop_code_interpreter_session(codeInterpreterIdentifier=self._interpreter, sessionId=session)
        except (BotoCoreError, ClientError) as error:
            # It ends by itself after its seconds.
            logger.warning("a session of the code interpreter was not stopped", extra={"cause": cause(error)})

    def _invoke(self, call: Call, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeCodeInterpreter.html"""
        result: dict[str, Any] = {}
        try:
            session = self._started(call)

            def ask() -> Mapping[str, Any]:
                answer: Mapping[str, Any] = self._client.invoke_code_interpreter(
                    codeInterpreterIdentifier=self._interpreter, sessionId=session, name=name, arguments=arguments
                )
                return answer

            for part in parts(ask, call.go_on):
                result = joined(result, part.get("result", {}))
        except ReadTimeoutError as error:
            self.close()
            raise ToolError(f"It was stopped after {self._seconds} seconds. {_AGAIN}") from error
        except ClientError as error:
            # Those of events in the stream begin with a small letter.
            code = str(error.response.get("Error", {}).get("Code", ""))
            code = f"{code[:1].upper()}{code[1:]}"
            if code in _BUSY:
                raise ToolError("The code interpreter is busy. Answer without it, or ask for patience.") from error
            if code in _ENDED and self._id is not None:
                self._id = None
                raise ToolError(_AGAIN) from error
            raise
        return result

    def _started(self, call: Call) -> str:
        if self._id is None:
            answer = self._client.start_code_interpreter_session(
                codeInterpreterIdentifier=self._interpreter,
                name="answer",
                sessionTimeoutSeconds=max(1, min(self._seconds, int(call.left()))),
            )
            self._id, self._files = str(answer["sessionId"]), {}
            # What the interpreter comes with was made by nobody.
            self.made(call)
        return self._id


class RunCode:
    """The tool that runs code."""

    name, confirm = "run_code", False

    def __init__(self, agentcore: Any, own: CodeEnvironment) -> None:  # noqa: ANN401 - boto3 has no types
        self._session = Session(agentcore, own.INTERPRETER_ID, own.SESSION_SECONDS)
        self.description = (
            "Runs code and returns what it prints, its errors and its exit code. The code has no network. Variables "
            "and files last until the end of this answer. Use it to compute, to check that code works, and to find "
            "out why it does not."
        )
        self.schema: Mapping[str, Any] = {
            "type": "object",
            "properties": {
                "language": {"type": "string", "enum": list(own.LANGUAGES)},
                "code": {"type": "string", "minLength": 1, "maxLength": WRITTEN},
                "files": {
                    "type": "array",
                    "description": "Files to write before the code runs, such as its input.",
                    "maxItems": MOST_FILES,
                    "items": {
                        "type": "object",
                        "properties": {
                            # Below the folder that the code runs in.
                            "path": {
                                "type": "string",
                                "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$",
                                "maxLength": 200,
                            },
                            "text": {"type": "string", "maxLength": WRITTEN},
                        },
                        "required": ["path", "text"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["language", "code"],
            "additionalProperties": False,
        }

    def run(self, call: Call) -> str:
        """Run the code, show it and what came of it to the user, and return the same for the model."""
        language, code = str(call.arguments["language"]), str(call.arguments["code"])
        call.send("code", id=call.id, language=language, code=call.assess(code))
        if files := call.arguments.get("files"):
            self._session.write(call, {each["path"]: each["text"] for each in files})
        result = self._session.run(call, language, code)
        told = outcome(result)
        shown = {name: call.assess(told[name]) if told[name] else "" for name in ("stdout", "stderr")}
        made = _named(call, self._session.made(call))
        call.send("output", id=call.id, **shown, exit_code=told["exit_code"], files=made)
        return json.dumps({**shown, "exit_code": told["exit_code"], "files": made}, ensure_ascii=False)

    def close(self) -> None:
        """End the session."""
        self._session.close()


def _named(call: Call, files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files with their names as the guardrail leaves them."""
    if not files:
        return []
    names = call.assess("\n".join(each["name"].replace("\n", " ") for each in files)).split("\n")
    return [{**each, "name": name} for each, name in zip(files, names, strict=False)]


def joined(before: dict[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """A result with a further part of it."""
    content = [*before.get("content", []), *part.get("content", [])]
    structured = dict(before.get("structuredContent", {}))
    for name, value in part.get("structuredContent", {}).items():
        # The two outputs may come in parts.
        structured[name] = structured.get(name, "") + value if name in ("stdout", "stderr") else value
    return {
        "content": content,
        "structuredContent": structured,
        "isError": bool(before.get("isError") or part.get("isError")),
    }


def text_of(result: Mapping[str, Any]) -> str:
    """The text of a result."""
    return "\n".join(str(each["text"]) for each in result.get("content", []) if each.get("text"))


def outcome(result: Mapping[str, Any]) -> dict[str, Any]:
    """What code printed, and the code that it ended with."""
    structured, failed = result.get("structuredContent", {}), bool(result.get("isError"))
    printed = {name: str(structured.get(name) or "") for name in ("stdout", "stderr")}
    if not any(printed.values()):
        printed["stderr" if failed else "stdout"] = text_of(result)
    return {
        **{name: cut(text) for name, text in printed.items()},
        "exit_code": int(structured.get("exitCode", 1 if failed else 0)),
    }


def cut(text: str, most: int = SHOWN) -> str:
    """A text without its middle if it is too long: the beginning tells what ran, and the end how it ended."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
