"""Why the chat failed: the error of the model's server, or what the function wrote into its log."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from settings import readable

from .chat import Chat
from .emulator import Account
from .home import Home

#: How the line of a traceback begins that names an error. The first of a chain is the origin.
_ERROR = re.compile(r"^(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*(?:Error|Exception|Timeout|Interrupt|Exit))(?::\s*(.*))?$")
#: How boto3 words an error of AWS.
_AWS = re.compile(r"\w+: An error occurred \((\w+)\) when calling the (\w+) operation(?: \([^)]*\))?: (.*)")
#: What AWS Lambda itself logs about an invocation that it ended.
_ENDED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w+|\bOut of memory\b", re.IGNORECASE)


def why(home: Home, account: Account, chat: Chat, since: float) -> str:
    """One line on the failure of a request that began at ``since``, in seconds of the clock. Empty if unknown."""
    return readable(_said_by_server(home, since) or _said_by_function(account, chat, since))


def _said_by_server(home: Home, since: float) -> str:
    """The newest error that the account recorded of the model's server, beside the file that names the server."""
    try:
        lines = (home.model.parent / "model-errors.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            noted = json.loads(line)
            if _seconds(noted["time"]) < since:
                return ""
            return f"{noted['code']}: {noted['message']}"
        except (ValueError, KeyError, TypeError):
            continue  # incomplete, or not a file of the account
    return ""


def _seconds(time: Any) -> float:
    """A time of the clock in seconds, from a number or from ISO 8601."""
    return datetime.fromisoformat(time).timestamp() if isinstance(time, str) else float(time)


def _said_by_function(account: Account, chat: Chat, since: float) -> str:
    try:
        group = _log_group(account, chat)
        pages = (
            account.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=group, startTime=int(since * 1000))
        )
        messages = [str(event["message"]) for page in pages for event in page["events"]]
    except (ClientError, BotoCoreError, LookupError):
        return ""
    told = (reason(message) for message in reversed(messages))
    return next((each for each in told if each), "")


def _log_group(account: Account, chat: Chat) -> str:
    pages = account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=chat.stack)
    names = [
        each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Function" and each["LogicalResourceId"].startswith("ChatFunction")
    ]
    name = names[0]
    found = account.client("lambda").get_function_configuration(FunctionName=name)
    return str(found.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")


def reason(message: str) -> str:
    """What one message of a function's log says of a failure. Empty if it reports none."""
    try:
        entry = json.loads(message)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return next((each for each in (_first(message), _ended(message)) if each), "")
    failed = entry.get("level") in ("ERROR", "CRITICAL") or _status(entry) >= 500
    if not failed:
        return ""
    # Entries of the Lambda runtime have errorMessage; those of a logger have the traceback.
    told = entry.get("errorMessage") or entry.get("message") or ""
    return _first(str(entry.get("exception") or entry.get("stackTrace") or "")) or str(told)


def _status(entry: dict[str, Any]) -> int:
    try:
        return int(entry.get("status", 0))
    except (TypeError, ValueError):
        return 0


def _first(traceback: str) -> str:
    """The first error of a chain of tracebacks."""
    for line in traceback.splitlines():
        if found := _ERROR.match(line.strip()):
            name, said = found.groups()
            return _AWS.sub(r"\2: \1: \3", f"{name}: {said}") if said else name
    return ""


def _ended(message: str) -> str:
    return next((line.strip() for line in message.splitlines() if _ENDED.search(line)), "")
