"""Limits the number of execution environments of functions that start at a time to the number of processors.

AWS starts each on a separate host. Fifty that start at once on two processors are ready together, after the timeout
of API Gateway; one after the other, the first respond soon.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime

#: Maximum wait of a start for others, in seconds: a hanging start delays others no longer than this.
MOST_SECONDS = 10.0


def install() -> None:
    """Let execution environments wait for one another."""
    turns = threading.BoundedSemaphore(os.cpu_count() or 1)
    for kind in (lambda_runtime.Worker, lambda_runtime.ProvidedWorker):
        kind._spawn = in_turn(kind._spawn, turns)


def in_turn(start: Callable[..., Any], turns: threading.BoundedSemaphore) -> Callable[..., Any]:
    """Starts an environment when it is its turn or has waited for the maximum time."""

    def starting(*arguments: Any, **more: Any) -> Any:
        taken = turns.acquire(timeout=MOST_SECONDS)
        try:
            return start(*arguments, **more)
        finally:
            if taken:
                turns.release()

    return starting
