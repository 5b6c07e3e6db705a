"""An OpenAI-compatible server on loopback that does what the last message tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: How long the server thinks about a message that says "slow"; longer than the account waits in the tests.
SLOW_SECONDS = 4


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = request["messages"][-1]["content"]
        if asked == "throttle":
            self._send(429, {"error": {"code": "rate_limit_exceeded"}})
        elif asked == "spent":
            self._send(429, {"error": {"code": "insufficient_quota"}})
        elif asked == "broken":
            self._send(500, {"error": "out of memory"})
        elif asked == "garbage":
            self._send(200, b"<html>not json")
        elif asked == "no message":
            self._send(200, {"choices": []})
        elif asked == "empty":
            self._send(200, self._answer(request, ""))
        else:
            if asked == "slow":
                time.sleep(SLOW_SECONDS)
            self._send(200, self._answer(request, f"{request['model']} heard: {asked}"))

    def _answer(self, request: dict[str, Any], text: str) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "completion_tokens": min(5, request.get("max_tokens", 5))}
        return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}

    def _send(self, status: int, content: dict[str, Any] | bytes) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A caller that gave up is no error here."""


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, up to its /v1, while it serves."""
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
