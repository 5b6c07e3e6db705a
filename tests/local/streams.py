"""An OpenAI-compatible server on loopback that streams, as its last message tells it to, and notes who left."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Seconds between two pieces.
PACE = 0.15
WORDS = ["one", " two", " three", " four", " five"]


class Server(ThreadingHTTPServer):
    """What was asked, and how many pieces of the endless answer went out before its reader left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """A caller that gave up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: Server

    def do_GET(self) -> None:
        self._whole({"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        asked = request["messages"][-1]["content"]
        if "too long" in asked:
            self._whole({"error": {"type": "exceed_context_size_error", "message": "request exceeds the context"}}, 400)
        elif not request["stream"]:
            self._unstreamed(request, asked)
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.end_headers()
            try:
                self._stream(request, asked)
            except OSError:
                self.server.left.set()

    def _unstreamed(self, request: dict[str, Any], asked: str) -> None:
        if asked == "think":
            # Nothing is to be read of a caller that waits; the connection ends when they leave.
            self.connection.settimeout(10)
            if self.connection.recv(1) == b"":
                self.server.left.set()
            return
        message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
        if request.get("tools") and request["messages"][-1]["role"] != "tool":
            function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "function": function}]}
        reason = "tool_calls" if "tool_calls" in message else "stop"
        usage = {"prompt_tokens": 7, "completion_tokens": 5}
        self._whole({"choices": [{"message": message, "finish_reason": reason}], "usage": usage})

    def _stream(self, request: dict[str, Any], asked: str) -> None:
        if request.get("tools"):
            self._delta({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "get_weather"}}]})
            for part in ('{"city"', ': "Paris"}' if "malformed" not in asked else ': "Par'):
                self._delta({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
            self._end("tool_calls")
            return
        while asked == "endless":
            self._delta({"content": "more "})
            time.sleep(PACE)
        for number, word in enumerate(WORDS):
            if number == 2 and asked == "break off":
                return
            if number == 2 and asked == "fail":
                self._event({"error": {"code": 500, "message": "out of memory"}})
                return
            self._delta({"content": word})
            time.sleep(PACE)
        self._end("length" if asked == "cut" else "stop")

    def _end(self, reason: str) -> None:
        self._delta({}, reason)
        self._event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _delta(self, delta: dict[str, Any], reason: str | None = None) -> None:
        self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    def _event(self, content: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(content)}\n\n".encode())
        self.wfile.flush()

    def _whole(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def streaming() -> Iterator[Server]:
    """The server, while it serves."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
