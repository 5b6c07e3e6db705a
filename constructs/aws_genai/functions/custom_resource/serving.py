"""Handles the requests of CloudFormation for custom resources: performs the operation and sends the response.

A response is always sent: without one, CloudFormation waits an hour and then fails.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_log = logging.getLogger(__name__)

Properties = Mapping[str, Any]
#: Prefix of the physical id of an instance whose creation failed. Deleting it does nothing.
NEVER_MADE = "never-made-"
#: Milliseconds before the timeout of the function at which a failure is reported.
_MARGIN_MS = 4_000
_TRIES = 5
#: Maximum number of seconds of a wait: CloudFormation waits an hour.
LONGEST_SECONDS = 55 * 60
#: Maximum number of invocations for one request, abandoned requests included: one a minute for a day.
_MOST_TRIES = 24 * 60
#: Maximum number of characters of a reason: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
_LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Made:
    """An instance that exists, with the attributes for ``Fn::GetAtt``. A new physical id replaces the instance."""

    physical_id: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pending:
    """An instance that is being created, updated or deleted: the function ends, and is invoked again to check it."""

    physical_id: str
    #: The operation: ``create``, ``update`` or ``delete``.
    doing: str = ""


class Operations(Protocol):
    """The operations of one custom resource type. Each may be called twice for the same request."""

    def create(self, properties: Properties, token: str) -> Made | Pending:
        """Creates an instance; ``token`` is the same for every delivery of one request."""
        ...

    def update(self, physical_id: str, properties: Properties, old: Properties, token: str) -> Made | Pending:
        """Updates an instance."""
        ...

    def delete(self, physical_id: str, properties: Properties) -> Pending | None:
        """Deletes an instance, or the remains of one whose creation failed."""
        ...


class Waiting(Protocol):
    """Invokes the function again."""

    def again(self, event: Mapping[str, Any], seconds: int) -> None:
        """Invokes the function with ``event`` after ``seconds``. The operation is idempotent."""
        ...


class Slow(Operations, Protocol):
    """Operations that take longer than the timeout of a function."""

    def look(self, pending: Pending, properties: Properties) -> Made | Pending:
        """Checks an instance that is in progress; raises an error with the reason if it failed."""
        ...


def serve(
    event: dict[str, Any],
    context: Any,  # noqa: ANN401 - Lambda's context
    operations: Operations,
    waiting: Waiting | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Performs the request of CloudFormation, and sends one response even if it fails.

    :param waiting: invokes the function again for operations that take longer than its timeout. Default: none.
    """
    answer = _Answer(event)
    seconds = max(0.1, (context.get_remaining_time_in_millis() - _MARGIN_MS) / 1000)
    watch = threading.Timer(seconds, answer.fail, [f"No result within {seconds:.0f} seconds"])
    watch.daemon = True
    watch.start()
    try:
        done = _perform(event, operations)
        if isinstance(done, Pending):
            _wait(event, done, answer, waiting, clock)
        elif event.get("Abandoned"):
            # The request has already failed, so CloudFormation would never delete the instance.
            operations.delete(done.physical_id, event["ResourceProperties"])
        else:
            answer.succeed(done)
    except Exception as error:
        # The events of the stack show the reason, the log the traceback.
        _log.exception("%s of %s failed", event.get("RequestType"), event.get("LogicalResourceId"))
        if not event.get("Abandoned"):
            answer.fail(f"{type(error).__name__}: {error}")
    finally:
        watch.cancel()


def _wait(
    event: dict[str, Any], pending: Pending, answer: _Answer, waiting: Waiting | None, clock: Callable[[], float]
) -> None:
    """Schedules the next invocation, until CloudFormation would stop waiting.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-customresource.html
    """
    if waiting is None:
        raise TypeError("this function has no schedules to invoke it again, so it cannot wait")
    before = event.get("Waiting", {})
    since, tries = float(before.get("Since", clock())), int(before.get("Tries", 0)) + 1
    kept = {"PhysicalResourceId": pending.physical_id, "Doing": pending.doing, "Since": since, "Tries": tries}
    again: dict[str, Any] = {**event, "Waiting": kept}
    if not event.get("Abandoned") and clock() - since > LONGEST_SECONDS:
        answer.fail(f"Not complete after {LONGEST_SECONDS // 60} minutes")
        # CloudFormation deletes the instance of a failed create, but does not know the new instance of a failed update.
        if event["RequestType"] != "Update":
            return
        again["Abandoned"] = True
    if tries <= _MOST_TRIES:
        waiting.again(again, min(60, 5 * tries))


def _perform(event: dict[str, Any], operations: Operations) -> Made | Pending:
    properties = event["ResourceProperties"]
    if before := event.get("Waiting"):
        look: Callable[[Pending, Properties], Made | Pending] = operations.look  # type: ignore[attr-defined]
        return look(Pending(str(before["PhysicalResourceId"]), str(before["Doing"])), properties)
    token = hashlib.sha256(f"{event['StackId']} {event['LogicalResourceId']} {event['RequestId']}".encode()).hexdigest()
    match event["RequestType"]:
        case "Create":
            return operations.create(properties, token)
        case "Update":
            return operations.update(event["PhysicalResourceId"], properties, event["OldResourceProperties"], token)
        case "Delete":
            physical_id = str(event["PhysicalResourceId"])
            pending = None
            if not physical_id.startswith(NEVER_MADE):
                pending = operations.delete(physical_id, properties)
            return pending or Made(physical_id)
        case other:
            raise ValueError(f"{other} is not a request type of CloudFormation")


class _Answer:
    """The response to a request, which is sent once."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._sent = False

    def succeed(self, made: Made) -> None:
        self._send({"Status": "SUCCESS", "PhysicalResourceId": made.physical_id, "Data": made.attributes})

    def fail(self, reason: str) -> None:
        # A failed update keeps the physical id: with a new one, CloudFormation would delete the instance in use.
        known = self._event.get("PhysicalResourceId")
        if known is None:
            # An instance in progress already has a physical id, which deletes it.
            waiting = self._event.get("Waiting", {})
            known = waiting.get("PhysicalResourceId") or f"{NEVER_MADE}{self._event['LogicalResourceId']}"
        self._send({"Status": "FAILED", "PhysicalResourceId": known, "Reason": reason[:_LONGEST_REASON]})

    def _send(self, answer: dict[str, Any]) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
        same = ("StackId", "RequestId", "LogicalResourceId")
        body = json.dumps({**answer, **{name: self._event[name] for name in same}}).encode()
        for attempt in range(_TRIES):
            # A presigned URL from CloudFormation for this request; it does not accept a content type.
            request = urllib.request.Request(  # noqa: S310
                self._event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""}
            )
            try:
                with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                    return
            except OSError as error:
                _log.warning("CloudFormation could not be reached: %s", error)
                time.sleep(min(2**attempt, 8))
        raise TimeoutError("the response could not be sent to CloudFormation")
