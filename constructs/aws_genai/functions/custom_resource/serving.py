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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

_log = logging.getLogger(__name__)

Properties = Mapping[str, Any]
#: What the id of an instance begins with that was never made: deleting it is nothing to do.
NEVER_MADE = "never-made-"
#: Milliseconds before the function's time runs out at which a failure is reported.
_MARGIN_MS = 4_000
_TRIES = 5
#: Seconds after which a wait is given up: CloudFormation waits an hour.
LONGEST_SECONDS = 55 * 60
#: Most calls for one request, abandoned ones included: a day of minutes.
_MOST_TRIES = 24 * 60
#: Most characters of a reason: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
_LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Made:
    """An instance that exists, with what ``Fn::GetAtt`` reads of it. Another id than before replaces the old one."""

    physical_id: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pending:
    """An instance that is on its way: the function ends, and is called again to look after it."""

    physical_id: str
    #: What is done: ``create``, ``update`` or ``delete``.
    doing: str = ""


class Operations(Protocol):
    """What one kind of custom resource does; each may be called twice for the same request."""

    def create(self, properties: Properties, token: str) -> Made | Pending:
        """Make an instance; ``token`` is the same for every delivery of one request."""
        ...

    def update(self, physical_id: str, properties: Properties, old: Properties, token: str) -> Made | Pending:
        """Change an instance."""
        ...

    def delete(self, physical_id: str, properties: Properties) -> Pending | None:
        """Delete an instance, or what is left of it."""
        ...


class Waiting(Protocol):
    """What calls the function again."""

    def again(self, event: Mapping[str, Any], seconds: int) -> None:
        """Call the function with ``event`` in so many seconds; asked twice for the same, it calls once."""
        ...


class Slow(Operations, Protocol):
    """Operations that take longer than a function runs."""

    def look(self, pending: Pending, properties: Properties) -> Made | Pending:
        """Look after an instance that is on its way; an error says why it never arrives."""
        ...


def serve(
    event: dict[str, Any],
    context: Any,  # noqa: ANN401 - Lambda's context
    operations: Operations,
    waiting: Waiting | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Do what CloudFormation asks, and answer once, whatever happens.

    :param waiting: calls the function again for what takes longer than it runs. Default: nothing does.
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
            # Nobody waits for it any more, so nobody would ever delete it.
            operations.delete(done.physical_id, event["ResourceProperties"])
        else:
            answer.succeed(done)
    except Exception as error:
        # The reason is shown among the stack's events; the log has the whole of it.
        _log.exception("%s of %s failed", event.get("RequestType"), event.get("LogicalResourceId"))
        if not event.get("Abandoned"):
            answer.fail(f"{type(error).__name__}: {error}")
    finally:
        watch.cancel()


def _wait(
    event: dict[str, Any], pending: Pending, answer: _Answer, waiting: Waiting | None, clock: Callable[[], float]
) -> None:
    """Be called again, until CloudFormation would stop waiting.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-customresource.html
    """
    if waiting is None:
        raise TypeError("this function is called by nobody again, so it cannot wait")
    before = event.get("Waiting", {})
    since, tries = float(before.get("Since", clock())), int(before.get("Tries", 0)) + 1
    kept = {"PhysicalResourceId": pending.physical_id, "Doing": pending.doing, "Since": since, "Tries": tries}
    again: dict[str, Any] = {**event, "Waiting": kept}
    if not event.get("Abandoned") and clock() - since > LONGEST_SECONDS:
        answer.fail(f"It was not done within {LONGEST_SECONDS // 60} minutes")
        # CloudFormation deletes what a create has made; of an update it never learns the new instance.
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
        known = self._event.get("PhysicalResourceId")
        if known is None:
            # What is on its way has a name already, by which it is deleted.
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
