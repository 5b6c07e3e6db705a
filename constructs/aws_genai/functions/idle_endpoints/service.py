"""Finds idle endpoints, sends notifications, and stops them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .environment import Rules
from .hosting import Endpoint, Hosting
from .records import ACTING, LEASE_SECONDS, SWEPT, WAKING, WARNED, Record, Records

_log = logging.getLogger(__name__)

#: Tag that exempts an endpoint from the sweeper, with any value except ``false``.
KEEP = "keep"

Notify = Callable[[str, str], None]


class Sweeper:
    """Examines every endpoint of the project once. The operation is idempotent, and concurrent invocations are safe."""

    def __init__(
        self,
        rules: Rules,
        hosting: Hosting,
        records: Records,
        notify: Notify,
        clock: Callable[[], datetime],
        function: str,
    ) -> None:
        #: Name of this function, for the command that restores an endpoint.
        self._function = function
        self._rules, self._hosting, self._records = rules, hosting, records
        self._notify, self._clock = notify, clock

    def sweep(self) -> dict[str, str]:
        """Examines every endpoint; returns the result by endpoint. A failure of one does not stop the others."""
        done: dict[str, str] = {}
        for name in list(self._hosting.names(self._rules.prefix)):
            try:
                endpoint = self._hosting.endpoint(name)
                done[name] = "gone" if endpoint is None else self._look_at(endpoint)
            except Exception:
                _log.exception("%s could not be examined", name)
                done[name] = "failed"
        return done

    def wake(self, name: str) -> str:
        """Restores an endpoint that was swept."""
        record = self._records.get(name)
        # If an invocation failed after the deletion, its record still has the settings that restore the endpoint.
        if record is None or not record.saved or (record.state != SWEPT and self._hosting.exists(name)):
            return "not swept"
        self._hosting.restore(name, record.saved)
        self._records.wake(record, _seconds(self._clock()))
        return "waking"

    def _look_at(self, endpoint: Endpoint) -> str:
        rules, now = self._rules, self._clock()
        if any(endpoint.tags.get(key) != value for key, value in rules.owner.items()):
            return "of another environment"
        if endpoint.tags.get(KEEP, "false").lower() != "false":
            return "kept"
        if endpoint.queued:
            return "scales to zero by itself"
        record = self._records.get(endpoint.name)
        if record is not None and record.state in (SWEPT, WAKING):
            return self._after(endpoint, record)
        asleep = not (record and record.saved) and self._asleep(endpoint)
        if asleep or not self._idle(endpoint, now):
            if record is not None:
                self._records.forget(record)
            return "scaled to zero" if asleep else "busy"
        if rules.dry_run:
            _log.info("%s is idle and would be swept", endpoint.name)
            return "would be swept"
        if record is None:
            return self._warn(endpoint, now)
        return self._act(endpoint, record, now)

    def _after(self, endpoint: Endpoint, record: Record) -> str:
        """Handles an endpoint in service that was swept: its components have no copies, or it was created again."""
        if record.state == SWEPT and record.saved["components"]:
            if self._asleep(endpoint):
                return "scaled to zero"
        else:
            self._hosting.rescale(record.saved)
        self._records.forget(record)
        return "awake"

    def _asleep(self, endpoint: Endpoint) -> bool:
        """Returns whether its own scaling policy has scaled all inference components to zero."""
        copies = self._hosting.components(endpoint.name)
        return bool(copies) and not any(copies.values())

    def _idle(self, endpoint: Endpoint, now: datetime) -> bool:
        since = now - timedelta(hours=self._rules.idle_hours)
        # An endpoint that was created or updated since then is not idle yet.
        return endpoint.changed <= since and self._hosting.calls(endpoint, since, now) == 0

    def _warn(self, endpoint: Endpoint, now: datetime) -> str:
        if not self._records.warn(endpoint.name, _seconds(now)):
            return "warned"
        hours = self._rules.notice_hours
        self._notify(
            f"Endpoint {endpoint.name} is idle",
            f"{endpoint.name} received no invocation for {self._rules.idle_hours} hours and is stopped in {hours} "
            f"hours. To keep it, invoke it, or tag it {KEEP}=true.",
        )
        return "warned"

    def _act(self, endpoint: Endpoint, record: Record, now: datetime) -> str:
        age = _seconds(now) - record.since
        if record.state == ACTING and age < LEASE_SECONDS:
            return "another sweeper stops it"
        if record.state == WARNED and age < self._rules.notice_hours * 3600:
            return "warned"
        if self._rules.working_hours and self._rules.working_hours.hold(now):
            return "waits for the end of working hours"
        saved = self._hosting.save(endpoint)
        # Components that a failed attempt has scaled to zero are restored with the copies that it saved.
        found = record.saved.get("components", {})
        saved["components"] = {each: copies or found.get(each, 0) for each, copies in saved["components"].items()}
        if not self._records.claim(record, _seconds(now), saved):
            return "another sweeper stops it"
        try:
            # Checks again right before the deletion, since an invocation may have arrived meanwhile.
            if not self._idle(endpoint, self._clock()):
                self._records.forget(Record(endpoint.name, ACTING, _seconds(now), saved))
                return "busy"
            self._put_to_sleep(endpoint, saved)
        except Exception:
            self._records.take_back(record, _seconds(now), saved)
            raise
        self._records.settle(endpoint.name, _seconds(now), saved)
        self._notify(
            f"Endpoint {endpoint.name} was stopped",
            f"{endpoint.name} was idle, and costs nothing now. Restore it with: {self._command(endpoint.name)}",
        )
        return "swept"

    def _command(self, name: str) -> str:
        """Returns the complete commands that restore an endpoint: of this project, and of the AWS CLI."""
        payload, environment = json.dumps({"wake": name}), self._rules.owner.get("environment")
        invoke = (
            f"aws lambda invoke --function-name {self._function} --cli-binary-format raw-in-base64-out "
            f"--payload '{payload}' /dev/stdout"
        )
        return f"make wake NAME={name} ENV={environment}, or with {invoke}" if environment else invoke

    def _put_to_sleep(self, endpoint: Endpoint, saved: Mapping[str, Any]) -> None:
        if saved["components"]:
            self._hosting.empty(saved["components"])
        else:
            self._hosting.delete(endpoint.name)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def utc_now() -> datetime:
    """Returns the current time in UTC."""
    return datetime.now(UTC)
