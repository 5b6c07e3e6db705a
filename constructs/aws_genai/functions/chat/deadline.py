"""One deadline for a whole request: every call gets what is left of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

#: Seconds that API Gateway waits for an integration, counted from the request:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
GATEWAY_SECONDS = 29
#: Seconds kept to write the log and return the response.
_MARGIN = 1


class Deadline:
    """The moment at which a response has to leave the function.

    :param seconds: seconds until then.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._end = self._clock() + seconds

    def left(self) -> float:
        """Seconds until the deadline; negative once it has passed."""
        return self._end - self._clock()


def deadline(
    event: Mapping[str, Any],
    context: Any,  # noqa: ANN401 - Lambda's context
    gateway_seconds: int = GATEWAY_SECONDS,
) -> Deadline:
    """The deadline of a request: whichever ends first, the function's timeout or API Gateway's patience.

    API Gateway counts from the request, and so includes a cold start, which the function's own timeout does not.
    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html

    :param gateway_seconds: seconds that API Gateway waits. Default: 29, for a response that does not stream.
    """
    began = (event.get("requestContext") or {}).get("requestTimeEpoch")
    age = time.time() - began / 1000 if isinstance(began, int | float) else 0
    # A time that cannot be true, of a test event or of another clock, says nothing.
    waited = age if 0 <= age <= gateway_seconds else 0
    return Deadline(min(context.get_remaining_time_in_millis() / 1000, gateway_seconds - waited) - _MARGIN)
