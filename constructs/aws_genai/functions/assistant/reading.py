"""Reads a response stream in a thread of its own, so that the answer can be stopped while the model is silent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: Seconds between two looks at whether to go on.
LOOK_SECONDS = 1.0


def parts(
    ask: Callable[[], Mapping[str, Any]], go_on: Callable[[], None], begin: Callable[[], None] = lambda: None
) -> Iterator[Mapping[str, Any]]:
    """Yields the events of a ``ConverseStream`` response.

    :param ask: makes the request and returns the response.
    :param go_on: is called before each event, and at least once a second. What it raises ends the reading, and closes
        the response as soon as the model sends something.
    :param begin: is called first in the thread that reads.
    :raises Exception: what ``ask``, the stream or ``go_on`` raises.
    """
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()
    left = threading.Event()

    def read() -> None:
        try:
            begin()
            stream = ask()["stream"]
            for part in stream:
                if left.is_set():
                    break
                found.put(part)
            if left.is_set():
                stream.close()
            found.put(None)
        except BaseException as error:
            found.put(error)

    threading.Thread(target=read, name="model", daemon=True).start()
    try:
        yield from _taken(found, go_on)
    finally:
        left.set()


def _taken(found: queue.SimpleQueue[Any], go_on: Callable[[], None]) -> Iterator[Mapping[str, Any]]:
    looked = time.monotonic()
    while True:
        try:
            part = found.get(timeout=max(0.0, looked + LOOK_SECONDS - time.monotonic()))
        except queue.Empty:
            looked = time.monotonic()
            go_on()
            continue
        if part is None:
            return
        go_on()
        if isinstance(part, BaseException):
            raise part
        yield part
