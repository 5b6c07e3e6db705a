"""Starts few environments of functions at a time, as many as the machine has processors.

AWS starts each on a machine of its own. Fifty that start at once on two processors are ready together, after the time
that API Gateway waits; one after the other, the first answers soon.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime

#: How long a start waits for others, in seconds: one that hangs holds up no other for longer.
MOST_SECONDS = 10.0


def install() -> None:
    """Let environments wait for one another."""
    turns = threading.BoundedSemaphore(os.cpu_count() or 1)
    lambda_runtime.Worker._spawn = in_turn(lambda_runtime.Worker._spawn, turns)


def in_turn(start: Callable[..., Any], turns: threading.BoundedSemaphore) -> Callable[..., Any]:
    """What starts an environment, when it is its turn or has waited long enough."""

    def starting(*arguments: Any, **more: Any) -> Any:
        taken = turns.acquire(timeout=MOST_SECONDS)
        try:
            return start(*arguments, **more)
        finally:
            if taken:
                turns.release()

    return starting
