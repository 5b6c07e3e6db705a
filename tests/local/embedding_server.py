"""An OpenAI-compatible server of embeddings on loopback whose vectors depend on the words that a text holds."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def embedding(vectors: Mapping[str, list[float]], other: list[float]) -> Iterator[tuple[str, list[str]]]:
    """The server's address up to its /v1, and the texts that it was asked for.

    :param vectors: the vector of a text that holds a word.
    :param other: that of any other text.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send({"data": [{"id": "tiny-embedder"}]})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.extend(request["input"])
            rows = [next((row for word, row in vectors.items() if word in text), other) for text in request["input"]]
            self._send({"data": [{"index": place, "embedding": row} for place, row in enumerate(rows)]})

        def _send(self, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
