"""An agent, which acts with tools behind an Amazon Bedrock AgentCore gateway, as the user who asks.

A tool is offered if the settings declare it and the policies of the gateway allow it to the user. Whether the user
confirms a use is decided by the settings: nothing that a tool, a document or the gateway returns can change it.
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway.html
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...agent_tools.environment import Environment
from ...agent_tools.errors import DENIED, UNAVAILABLE
from ...agent_tools.gateway import DeniedError, FailedError, Gateway, GatewayError
from ..tools import Call, Tool, ToolError
from . import Asker

_log = logging.getLogger(__name__)

#: Seconds for the list of tools, and for one use of a tool at most.
_LIST_SECONDS, _CALL_SECONDS = 10.0, 60.0
#: Seconds of the answer that a tool must leave for the model.
_SPARE_SECONDS = 2.0
#: Seconds between two looks at whether to go on.
_LOOK_SECONDS = 1.0


def tools(asker: Asker) -> list[Tool]:
    """The tools that the settings declare and the gateway lists for this user.

    :raises ChatError: if the gateway does not list them.
    """
    own = Environment.read()
    gateway = Gateway(own.GATEWAY_URL, asker.token)
    try:
        listed = gateway.tools(_LIST_SECONDS)
    except DeniedError as error:
        raise DENIED() from error
    except GatewayError as error:
        raise UNAVAILABLE() from error
    return [
        GatewayTool(
            gateway=gateway,
            name=str(each["name"]),
            description=str(each.get("description", "")),
            schema=_closed(each.get("inputSchema") or {}),
            confirm=own.AGENT_TOOLS[str(each["name"])],
        )
        for each in listed
        if str(each.get("name")) in own.AGENT_TOOLS
    ]


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without arguments that it does not name: the schemas of a gateway cannot say so."""
    return {**schema, "type": "object", "additionalProperties": False}


@dataclass
class GatewayTool:
    """One tool behind a gateway."""

    gateway: Gateway
    name: str
    description: str
    schema: Mapping[str, Any]
    confirm: bool

    def run(self, call: Call) -> str:
        """Use the tool, as the user."""
        seconds = min(_CALL_SECONDS, call.left() - _SPARE_SECONDS)
        if seconds <= 0:
            raise ToolError("There was no time left to use the tool.")
        try:
            return _watched(lambda: self.gateway.call(self.name, call.arguments, call.id, seconds), call.go_on, seconds)
        except DeniedError as error:
            raise ToolError("The user may not do this.", refused=True) from error
        except FailedError as error:
            # What a tool writes is data, as its results are: the loop shows both to the model as such.
            raise ToolError("The tool reports an error.") from error
        except GatewayError as error:
            _log.warning("tool %s: %s", self.name, error)
            raise ToolError("The tool could not be reached. It may or may not have acted.") from error


def _watched(ask: Callable[[], str], go_on: Callable[[], None], seconds: float) -> str:
    """Wait for a request in a thread of its own, so that the answer can be stopped meanwhile.

    :raises GatewayError: if it takes longer than ``seconds``.
    """
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run() -> None:
        try:
            found.put(ask())
        except BaseException as error:
            found.put(error)

    threading.Thread(target=run, name="tool", daemon=True).start()
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        try:
            result = found.get(timeout=min(_LOOK_SECONDS, left))
        except queue.Empty:
            go_on()
            continue
        if isinstance(result, BaseException):
            raise result
        return str(result)
    raise GatewayError(f"no response in {seconds:.0f} s")
