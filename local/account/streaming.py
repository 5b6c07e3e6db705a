"""Functions that stream their responses through the Runtime API, and integrations of API Gateway that pass them on.

The emulator runs Python functions in a loop of its own, and reads responses of other runtimes whole.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

from __future__ import annotations

import asyncio
import contextvars
import io
import json
import os
import queue
import shlex
import sys
import zipfile
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import StreamingResponse
from ministack.services import apigateway_v1, lambda_svc

from .gateway import bad_gateway

#: Where functions name the script that starts in place of their runtime's loop.
_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_TASK = "/var/task/"
_STREAMED = "/response-streaming-invocations"
_END_OF_PRELUDE = b"\0" * 8
_ERROR = b"lambda-runtime-function-error-type"

#: What became of a stream after its last part.
_ENDED, _FAILED = "ended", "failed"
Sink = Callable[[bytes | str], None]
_sink: contextvars.ContextVar[Sink | None] = contextvars.ContextVar("stream", default=None)


def install() -> None:
    """Run functions that have a wrapper script by that, and stream what they send."""
    lambda_runtime._worker_class_for = _class_for(lambda_runtime._worker_class_for)
    lambda_svc._provided_worker_env = _with_endpoint(lambda_svc._provided_worker_env)
    apigateway_v1._invoke_lambda_proxy_v1 = _passed_on(apigateway_v1._invoke_lambda_proxy_v1)


def _variables(config: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = (config.get("Environment") or {}).get("Variables") or {}
    return found


def _class_for(choose: Callable[[dict[str, Any]], type]) -> Callable[[dict[str, Any]], type]:
    def chosen(config: dict[str, Any]) -> type:
        return StreamingWorker if _variables(config).get(_WRAPPER) else choose(config)

    return chosen


def _with_endpoint(environment: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    """Functions call this account."""

    def complete(*arguments: Any) -> dict[str, str]:
        found = environment(*arguments)
        found.setdefault("AWS_ENDPOINT_URL", f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}")
        return found

    return complete


@lru_cache(maxsize=32)
def _package(code: bytes, layers: tuple[bytes, ...], wrapper: str) -> bytes:
    """The code with its layers, and a program that starts the wrapper as Lambda does."""
    if not wrapper.startswith(_TASK):
        raise RuntimeError(f"{_WRAPPER} is {wrapper}, which is not in the code of the function")
    script = f'"$LAMBDA_TASK_ROOT"/{shlex.quote(wrapper.removeprefix(_TASK))}'
    loop = f"{shlex.quote(sys.executable)} /var/runtime/bootstrap.py"
    start = f'#!/bin/sh\nexport PYTHONPATH="$LAMBDA_TASK_ROOT/python"\nexec {script} {loop}\n'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        for each in (code, *layers):
            with zipfile.ZipFile(io.BytesIO(each)) as part:
                for entry in part.infolist():
                    whole.writestr(entry, part.read(entry))
        whole.writestr("bootstrap", start)
    return packed.getvalue()


class StreamingWorker(lambda_runtime.ProvidedWorker):  # type: ignore[misc] # the emulator has no types
    """An execution environment whose function speaks the Runtime API, and may stream."""

    def __init__(self, name: str, config: dict[str, Any], code: bytes) -> None:
        layers = [lambda_svc._resolve_layer_zip(each) for each in config.get("Layers") or ()]
        package = _package(code, tuple(each for each in layers if each), _variables(config)[_WRAPPER])
        super().__init__(name, config, package)
        self.sink: Sink | None = None

    def invoke(self, event: Any, request_id: str, **more: Any) -> dict[str, Any]:
        known = {key: more[key] for key in ("trace_id", "invoked_function_arn") if key in more}
        self.sink = _sink.get()
        try:
            result: dict[str, Any] = super().invoke(event, request_id, **known)
            return result
        finally:
            self.sink = None

    def _build_handler_class(self, generation: int, pending: queue.Queue[Any]) -> Any:
        worker, base = self, super()._build_handler_class(generation, pending)

        class Handler(base):  # type: ignore[misc, valid-type] # the emulator has no types
            def _read_body(self) -> bytes:
                sink = worker.sink
                if sink is None or self.headers.get("Lambda-Runtime-Function-Response-Mode") != "streaming":
                    whole: bytes = super()._read_body()
                    return whole
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    sink(self.rfile.read(size))
                    self.rfile.readline()
                failed = False
                while line := self.rfile.readline().strip():
                    failed = failed or line.lower().startswith(_ERROR)
                sink(_FAILED if failed else _ENDED)
                return b"null"

        return Handler


def _passed_on(invoke: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Send the parts of a response on as they arrive, once its status and headers are there."""

    async def passed(integration: dict[str, Any], *arguments: Any, **more: Any) -> Any:
        uri = str(integration.get("uri", ""))
        if _STREAMED not in uri:
            return await invoke(integration, *arguments, **more)
        loop = asyncio.get_running_loop()
        parts: asyncio.Queue[bytes | str] = asyncio.Queue()

        def take(part: bytes | str) -> None:
            loop.call_soon_threadsafe(parts.put_nowait, part)

        _sink.set(take)
        whole = {**integration, "uri": uri.replace(_STREAMED, "/invocations")}
        running = asyncio.ensure_future(invoke(whole, *arguments, **more))
        # A function that is ended in the middle of its response sends no end.
        running.add_done_callback(lambda _: parts.put_nowait(_FAILED))
        head = b""
        while _END_OF_PRELUDE not in head:
            part = await parts.get()
            if isinstance(part, str):
                # Without a response of its own: an error of the function, or of Lambda.
                return await running if running.done() else bad_gateway().error
            head += part
        prelude, _, first = head.partition(_END_OF_PRELUDE)
        return _response(json.loads(prelude), first, parts)

    return passed


def _response(prelude: dict[str, Any], first: bytes, parts: asyncio.Queue[bytes | str]) -> Any:
    async def run(send: Any, _receive: Any) -> None:
        part: bytes | str = first
        while not isinstance(part, str):
            if part:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            part = await parts.get()
        if part == _ENDED:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        # Otherwise the last frame is not sent, and the client sees that the response was cut off.

    headers = {str(name): str(value) for name, value in (prelude.get("headers") or {}).items()}
    return int(prelude.get("statusCode", 200)), headers, StreamingResponse(run)
