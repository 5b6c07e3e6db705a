"""How calls move to a new version of an endpoint, and which ways to serve exclude each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import InvalidValueError


@dataclass(frozen=True, kw_only=True)
class TrafficShift:
    """How calls move from the version before to a new one, which an alarm takes back.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html

    :param kind: ``all_at_once``; ``canary``, a part first and then the rest; ``linear``, part after part.
    :param percent: the part, of the capacity: 1 to 50 of a canary, 10 to 50 of each linear step. Default: 25.
    :param wait_seconds: seconds between two parts, and before the version before is gone, 0 to 3,600. Default: 300.
    """

    kind: Literal["all_at_once", "canary", "linear"] = "all_at_once"
    percent: int = 25
    wait_seconds: int = 300

    def check(self) -> None:
        """Refuse parts and times that SageMaker does not take.

        :raises InvalidValueError: if ``percent`` or ``wait_seconds`` is out of range.
        """
        least = 10 if self.kind == "linear" else 1
        if not least <= self.percent <= 50:
            raise InvalidValueError(
                f"A part of the traffic is {least} to 50 percent, not {self.percent}", field="traffic"
            )
        if not 0 <= self.wait_seconds <= 3600:
            raise InvalidValueError(
                f"Between two parts are 0 to 3,600 seconds, not {self.wait_seconds}", field="traffic"
            )

    def policy(self) -> dict[str, object]:
        """The update policy of an endpoint."""
        self.check()
        routing: dict[str, object] = {"type": self.kind.upper(), "waitIntervalInSeconds": self.wait_seconds}
        size = {"type": "CAPACITY_PERCENT", "value": self.percent}
        if self.kind == "canary":
            routing["canarySize"] = size
        elif self.kind == "linear":
            routing["linearStepSize"] = size
        return {
            "trafficRoutingConfiguration": routing,
            "terminationWaitInSeconds": self.wait_seconds,
            "maximumExecutionTimeoutInSeconds": 7200 if self.kind == "all_at_once" else 14400,
        }


def check_ways(
    *,
    to_zero: bool,
    asynchronous: bool,
    least: int,
    shifted: bool,
    shadowed: bool,
    shared: bool,
    retained: bool = False,
) -> None:
    """Refuse ways to serve that cannot be had together.

    :raises InvalidValueError: naming the two.
    """
    zero = "scale_to_zero" if to_zero else "asynchronous" if asynchronous else None
    if to_zero and asynchronous:
        raise InvalidValueError(
            "An asynchronous endpoint goes to zero by itself", field="scale_to_zero", hint="Leave scale_to_zero out"
        )
    if zero and least > 1:
        raise InvalidValueError(
            f"An endpoint cannot have {least} instances and none",
            field="min_instances",
            hint=f"Leave min_instances or {zero} out",
        )
    if to_zero and shifted:
        raise InvalidValueError(
            "Inference components move copy by copy, whatever the traffic", field="traffic", hint="Leave traffic out"
        )
    if zero and shadowed:
        raise InvalidValueError(
            "A shadow copies calls that are answered at once, by instances that stand",
            field="shadow",
            hint=f"Leave {zero} or shadow out",
        )
    if zero and retained:
        raise InvalidValueError(
            "What goes to no instance has none to keep",
            field="retain_capacity",
            hint=f"Leave retain_capacity or {zero} out",
        )
    if shared and not to_zero:
        raise InvalidValueError(
            "Models share an endpoint as inference components",
            field="beside",
            hint="Set scale_to_zero to true, or serve the other models on endpoints of their own",
        )
