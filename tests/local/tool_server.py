"""An OpenAI-compatible server on loopback that calls tools, fills schemas and streams, as a model does, by plain rules."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: What a question asks the first tool to be called with: "call {"city": "Oslo"}".
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


def message(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a chat.

    - after a tool's result: a sentence with the result in it
    - to a question with a JSON object in it, where there are tools: a call of the tool that the request demands or that
      the question names, else of the first, with that object
    - to a question with a JSON object in it, where a JSON answer is demanded: the object
    - to a question about earlier ones: how many turns there were
    - else: the question
    """
    last = request["messages"][-1]
    asked = _text(last["content"])
    found = _OBJECT.search(asked)
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"The tool says {asked}."}
    if found and request.get("tools"):
        call = {"name": _tool(request, asked), "arguments": found[0]}
        calls = [{"id": f"call_{len(request['messages'])}", "type": "function", "function": call}]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if found and request.get("response_format"):
        return {"role": "assistant", "content": found[0]}
    told = [each for each in request["messages"] if each["role"] == "system"]
    words = f" As told: {_text(told[0]['content'])}" if told else ""
    return {"role": "assistant", "content": f"I heard {len(request['messages']) - len(told)}: {asked}{words}"}


def _tool(request: dict[str, Any], asked: str) -> str:
    choice = request.get("tool_choice")
    if isinstance(choice, dict):
        return str(choice["function"]["name"])
    names = [str(each["function"]["name"]) for each in request["tools"]]
    return next((name for name in names if name in asked), names[-1] if choice == "required" else names[0])


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(each.get("text", "")) for each in content)
    return str(content or "")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"data": [{"id": "tooled"}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self._send({"error": "nothing else is served"}, 404)
            return
        made = message(request)
        used = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        reason = "tool_calls" if made.get("tool_calls") else "stop"
        if request.get("stream"):
            self._stream(made, reason, used)
        else:
            self._send({"choices": [{"index": 0, "message": made, "finish_reason": reason}], "usage": used})

    def _stream(self, made: dict[str, Any], reason: str, used: dict[str, int]) -> None:
        pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        pieces += [{"content": word} for word in re.findall(r"\S+\s*", made["content"] or "")]
        for index, call in enumerate(made.get("tool_calls", [])):
            whole = call["function"]["arguments"]
            begun = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
            pieces.append({"tool_calls": [begun]})
            for part in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
                pieces.append({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            self._event({"choices": [{"index": 0, "delta": piece, "finish_reason": None}]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        self._event({"choices": [], "usage": used})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _event(self, content: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(content)}\n\n".encode())
        self.wfile.flush()

    def _send(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
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
