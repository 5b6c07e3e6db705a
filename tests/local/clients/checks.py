"""What the clients' scripts share. It runs in the clients' environment, where nothing of this project is installed."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

_checks: list[tuple[str, str, Callable[[], None]]] = []
#: What the checks use of the account: ids of the model, the guardrail, the knowledge base and so on.
account = SimpleNamespace(**json.loads(os.environ.get("CHECKS_ACCOUNT", "{}")))


def check(shows: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Mark a function as a check, with what it shows for the table of the documentation."""

    def mark(function: Callable[[], None]) -> Callable[[], None]:
        _checks.append((function.__name__, shows, function))
        return function

    return mark


def run() -> None:
    """Run the script's checks, and print a line of JSON on each."""
    for name, _, function in _checks:
        began = time.monotonic()
        why = ""
        try:
            function()
        except Exception as error:  # each check stands alone, whatever a client raises
            place = traceback.extract_tb(sys.exc_info()[2])
            own = next(each for each in reversed(place) if "with_" in each.filename)
            why = f"line {own.lineno}: {own.line}\n{type(error).__name__}: {error}"
        _say({"check": name, "why": why, "seconds": round(time.monotonic() - began, 2)})


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)
