"""Sends an answer that another request has begun: a reload finds it, and a retry is not answered twice."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..history.table import History, Turn
from .answer import Send

#: Seconds between two looks at what was written.
LOOK_SECONDS = 0.5


def follow(history: History, who: str, turn: Turn, send: Send, left: Callable[[], float]) -> None:
    """Send the events of an answer until its last one.

    :param left: seconds that are left.
    """
    sent, length = 0, 0
    while True:
        for index, (name, data) in enumerate(turn.events[sent:], sent):
            text = data.get("text", "") if name == "delta" else ""
            if name != "delta":
                send(name, **data)
            elif text[length:]:
                send("delta", text=text[length:])
            growing = name == "delta" and index == len(turn.events) - 1
            sent, length = (index, len(text)) if growing else (index + 1, 0)
        if not turn.streaming:
            return
        if not history.running(turn) or left() < 2 * LOOK_SECONDS:
            send("error", status=502, code="interrupted", message="The answer was interrupted; ask again.")
            return
        time.sleep(LOOK_SECONDS)
        turn = history.turn(who, turn.conversation, turn.number) or _gone(turn)


def _gone(turn: Turn) -> Turn:
    """A turn that its user has deleted meanwhile."""
    return Turn(**{**vars(turn), "state": "stopped", "events": [*turn.events, ("done", {"stop_reason": "stopped"})]})
