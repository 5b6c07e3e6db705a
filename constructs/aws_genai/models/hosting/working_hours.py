"""Hours in which people work: when nothing is put to sleep, and when instances stand ready."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...data.week import WEEK, Day
from ...errors import InvalidValueError


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """Days and hours in which people work.

    :param days: the days. Default: Monday to Friday.
    :param start: hour that it begins, 0 to 23. Default: 8.
    :param end: hour that it ends, 1 to 24. Default: 18.
    :param time_zone: IANA name of the zone. Default: Etc/UTC.
    """

    days: Sequence[Day] = WEEK
    start: int = 8
    end: int = 18
    time_zone: str = "Etc/UTC"

    def check(self) -> None:
        """Refuse hours that are none.

        :raises InvalidValueError: if they end before they begin, or lie outside a day.
        """
        if not 0 <= self.start < self.end <= 24:
            raise InvalidValueError(
                f"Working hours begin at 0 to 23 and end after that, not from {self.start} to {self.end}",
                field="working_hours",
            )


@dataclass(frozen=True, kw_only=True)
class WarmHours(WorkingHours):
    """Hours in which more instances stand ready, whoever calls.

    :param instances: least instances in these hours. Default: 1.
    """

    instances: int = 1

    def actions(self, least: int, ready: int) -> list[dict[str, Any]]:
        """What a scalable target does at the beginning and the end: its least capacity is ``ready``, then ``least``.

        https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html
        """
        # A day has no hour 24 to begin something at.
        moments = {"warm": (f"0 {self.start}", ready), "cool": (f"0 {self.end}" if self.end < 24 else "59 23", least)}
        return [
            {
                "scheduledActionName": name,
                "schedule": f"cron({moment} ? * {','.join(self.days)} *)",
                "timezone": self.time_zone,
                "scalableTargetAction": {"minCapacity": capacity},
            }
            for name, (moment, capacity) in moments.items()
        ]


def check_warm(hours: WarmHours, least: int, most: int) -> None:
    """Refuse warm hours that change nothing or cannot be.

    :raises InvalidValueError: unless ``least`` < instances <= ``most``.
    """
    hours.check()
    if not least < hours.instances <= most:
        raise InvalidValueError(
            f"Instances that stand ready must be {least + 1} to {most}, not {hours.instances}",
            field="warm",
            hint=f"Set warm.instances between the least ({least}) and the most ({most}), or raise max_instances",
        )
