"""The answer as a stream of server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..chat.request import decoded
from ..streaming.runtime import Stream

SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "request.schema.json").read_text(encoding="utf-8"))
#: Seconds without an event after which a comment is sent, so that nothing on the way takes the stream for dead:
#: https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
PING_SECONDS = 15.0


class Events:
    """The events of one answer. While it is entered, comments keep the stream alive.

    :param stream: the response of the function.
    :param headers: further headers of the response.
    """

    def __init__(self, stream: Stream, headers: Mapping[str, str]) -> None:
        self._stream, self._headers = stream, headers
        self._ended = threading.Event()
        self._pinging: threading.Thread | None = None
        #: Is called with each event that is sent, apart from ``meta``.
        self.record: Callable[[str, Mapping[str, Any]], None] = lambda _event, _data: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._pinging:
            # Lambda freezes the process after the response: nothing may be half written.
            self._pinging.join()

    @property
    def begun(self) -> bool:
        """Whether the response has begun: from then on, failures are events."""
        return self._stream.begun

    def begin(self) -> None:
        """Begin the response."""
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", **self._headers}
        self._stream.begin(200, headers)
        self._pinging = threading.Thread(target=self._ping, name="pings", daemon=True)
        self._pinging.start()

    def send(self, event: str, **data: Any) -> None:  # noqa: ANN401 - JSON
        """Send an event with a JSON object."""
        if event != "meta":
            self.record(event, data)
        self._stream.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())

    def question(self, event: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The request.

        :param name: name of the assistant.
        :raises ChatError: if it is malformed.
        """
        return decoded(event, SCHEMA, "question")

    def refuse(self, status: int, content: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Respond with an HTTP error instead."""
        self.respond(content, status, headers)

    def respond(self, content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Respond with one JSON object instead."""
        self._stream.begin(
            status,
            {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {}), **self._headers},
        )
        self._stream.write(json.dumps(content).encode())

    def _ping(self) -> None:
        while not self._ended.wait(1):
            if time.monotonic() - self._stream.written >= PING_SECONDS:
                self._stream.write(b": ping\n\n")
