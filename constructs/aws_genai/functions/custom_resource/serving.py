"""How a function serves custom resources of CloudFormation: one way to be called, to answer and to fail.

An answer is always sent: without one, CloudFormation waits an hour and then fails.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_log = logging.getLogger(__name__)

Properties = Mapping[str, Any]
#: What the id of an instance begins with that was never made: deleting it is nothing to do.
NEVER_MADE = "never-made-"
#: Milliseconds before the function's time runs out at which a failure is reported.
_MARGIN_MS = 4_000
_TRIES = 5
#: Most characters of a reason: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
_LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Made:
    """An instance that exists, with what ``Fn::GetAtt`` reads of it. Another id than before replaces the old one."""

    physical_id: str
    attributes: dict[str, str] = field(default_factory=dict)


class Operations(Protocol):
    """What one kind of custom resource does; each may be called twice for the same request."""

    def create(self, properties: Properties, token: str) -> Made:
        """Make an instance; ``token`` is the same for every delivery of one request."""
        ...

    def update(self, physical_id: str, properties: Properties, old: Properties, token: str) -> Made:
        """Change an instance."""
        ...

    def delete(self, physical_id: str, properties: Properties) -> None:
        """Delete an instance, or what is left of it."""
        ...


def serve(event: dict[str, Any], context: Any, operations: Operations) -> None:  # noqa: ANN401 - Lambda's context
    """Do what CloudFormation asks, and answer once, whatever happens."""
    answer = _Answer(event)
    seconds = max(0.1, (context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000)
    watch = threading.Timer(seconds, answer.fail, [f"No result within {seconds:.0f} seconds"])
    watch.daemon = True
    watch.start()
    try:
        answer.succeed(_perform(event, operations))
    except Exception as error:
        # The reason is shown among the stack's events; the log has the whole of it.
        _log.exception("%s of %s failed", event.get("RequestType"), event.get("LogicalResourceId"))
        answer.fail(f"{type(error).__name__}: {error}")
    finally:
        watch.cancel()


def _perform(event: dict[str, Any], operations: Operations) -> Made:
    properties = event["ResourceProperties"]
    token = hashlib.sha256(f"{event['StackId']} {event['LogicalResourceId']} {event['RequestId']}".encode()).hexdigest()
    match event["RequestType"]:
        case "Create":
            return operations.create(properties, token)
        case "Update":
            return operations.update(event["PhysicalResourceId"], properties, event["OldResourceProperties"], token)
        case "Delete":
            physical_id = str(event["PhysicalResourceId"])
            if not physical_id.startswith(NEVER_MADE):
                operations.delete(physical_id, properties)
            return Made(physical_id)
        case other:
            raise ValueError(f"{other} is not a request of CloudFormation")


class _Answer:
    """The one answer to a request."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._sent = False

    def succeed(self, made: Made) -> None:
        self._send({"Status": "SUCCESS", "PhysicalResourceId": made.physical_id, "Data": made.attributes})

    def fail(self, reason: str) -> None:
        # An update that failed keeps its id: another one would delete the instance that still serves.
        known = self._event.get("PhysicalResourceId") or f"{NEVER_MADE}{self._event['LogicalResourceId']}"
        self._send({"Status": "FAILED", "PhysicalResourceId": known, "Reason": reason[:_LONGEST_REASON]})

    def _send(self, answer: dict[str, Any]) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
        same = ("StackId", "RequestId", "LogicalResourceId")
        body = json.dumps({**answer, **{name: self._event[name] for name in same}}).encode()
        for attempt in range(_TRIES):
            # The address is CloudFormation's own, signed for this one request; it takes no content type.
            request = urllib.request.Request(  # noqa: S310
                self._event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""}
            )
            try:
                with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                    return
            except OSError as error:
                _log.warning("CloudFormation was not reached: %s", error)
                time.sleep(min(2**attempt, 8))
        raise TimeoutError("CloudFormation could not be told of the result")
