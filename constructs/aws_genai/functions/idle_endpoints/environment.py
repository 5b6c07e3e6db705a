"""The environment variables of the function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from ..contract import Contract

_DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True)
class Hours:
    """Working hours, in which no endpoint is stopped: whole hours on days of the week, in a time zone."""

    days: tuple[str, ...]
    start: int
    end: int
    zone: str

    def hold(self, now: datetime) -> bool:
        """Returns whether ``now`` is within working hours."""
        local = now.astimezone(ZoneInfo(self.zone))
        return _DAYS[local.weekday()] in self.days and self.start <= local.hour < self.end


@dataclass(frozen=True)
class Rules:
    """The rules by which endpoints are idle and are stopped.

    :param prefix: prefix of the names of the project's endpoints.
    :param owner: tags that every endpoint of the project has.
    :param idle_hours: number of hours without an invocation after which an endpoint is idle.
    :param notice_hours: number of hours between the notification and the deletion.
    :param working_hours: hours in which no endpoint is stopped. Default: none.
    :param dry_run: whether idle endpoints are only logged. Default: no.
    """

    prefix: str
    owner: Mapping[str, str]
    idle_hours: int
    notice_hours: int
    working_hours: Hours | None = None
    dry_run: bool = False

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Self:
        """Returns the rules from the JSON form of ``dataclasses.asdict``."""
        hours = content.get("working_hours")
        parsed = Hours(**{**hours, "days": tuple(hours["days"])}) if hours else None
        return cls(**{**content, "working_hours": parsed})


@dataclass(frozen=True, kw_only=True)
class Environment(Contract):
    """The environment variables of the function."""

    #: The fields of :class:`Rules` as JSON.
    RULES: dict[str, Any]
    #: Name of the table that holds the state of endpoints.
    TABLE: str
    #: ARN of the topic that receives notifications.
    TOPIC_ARN: str
