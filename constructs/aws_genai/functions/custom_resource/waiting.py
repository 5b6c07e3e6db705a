"""Invokes a function again with one-time schedules, so that the function does not sleep while it waits.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from .names import PREFIX


class Schedules:
    """One-time schedules of one function, which are deleted after their invocation."""

    def __init__(
        self,
        scheduler: Any,  # noqa: ANN401 - boto3 has no types
        function_arn: str,
        role_arn: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._scheduler, self._function_arn, self._role_arn, self._clock = scheduler, function_arn, role_arn, clock

    def again(self, event: Mapping[str, Any], seconds: int) -> None:
        """Invokes the function with ``event`` after ``seconds``. A second delivery finds the schedule of the first."""
        tries = event["Waiting"]["Tries"]
        same = f"{event['StackId']} {event['LogicalResourceId']} {event['RequestId']} {tries} {event.get('Abandoned')}"
        # Times of schedules are in whole seconds.
        moment = (self._clock() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
        try:
            self._scheduler.create_schedule(
                Name=PREFIX + hashlib.sha256(same.encode()).hexdigest()[:32],
                ScheduleExpression=f"at({moment})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._function_arn,
                    "RoleArn": self._role_arn,
                    "Input": json.dumps(event),
                    "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":
                raise
