"""How a response is sent: in event stream frames as they are produced, or complete; and what happens on disconnects."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core.responses import StreamingResponse
from ministack.services import bedrock_runtime as runtime

from .asked import Caller, CallerGoneError, ModelServerError

Response = tuple[int, dict[str, str], Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]

#: How the server reports that the caller of the current request disconnected; the account sets it for each request.
RECEIVE: contextvars.ContextVar[Receive | None] = contextvars.ContextVar("receive", default=None)
#: Separate threads: many slow responses must not block other calls of the account.
_pool = ThreadPoolExecutor(max_workers=256, thread_name_prefix="model")
_log = logging.getLogger(__name__)
_END = object()

#: Errors that the two streams can return after they have begun, by the name of the event.
_EVENTS = {
    "ConverseStream": {
        "InternalServerException",
        "ModelStreamErrorException",
        "ValidationException",
        "ThrottlingException",
        "ServiceUnavailableException",
    }
}
_EVENTS["InvokeModelWithResponseStream"] = _EVENTS["ConverseStream"] | {"ModelTimeoutException"}


def event(kind: str, content: dict[str, Any]) -> bytes:
    """One frame of a stream.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
    """
    frame: bytes = runtime._es_event(kind, content)
    return frame


def chunk(content: dict[str, Any]) -> bytes:
    """One frame of InvokeModelWithResponseStream: JSON in the model's own format, in a blob."""
    inner = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return event("chunk", {"bytes": base64.b64encode(inner).decode("ascii")})


def broken(operation: str, error: ModelServerError) -> bytes:
    """The frame that ends a stream with an error.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html
    """
    content: dict[str, Any] = {"message": str(error)}
    code = error.code
    if code not in _EVENTS[operation]:
        content |= {"originalStatusCode": error.status, "originalMessage": f"{code}: {error}"}
        code = "ModelStreamErrorException"
    headers = {
        ":message-type": "exception",
        ":exception-type": code[:1].lower() + code[1:],
        ":content-type": "application/json",
    }
    frame: bytes = runtime._es_encode_message(headers, json.dumps(content).encode())
    return frame


async def whole(work: Callable[[Caller], Response]) -> Response:
    """The response of ``work``, which is stopped if the caller disconnects.

    :raises ModelServerError: as ``work`` does.
    """
    caller = Caller()
    running = _run(lambda: work(caller))
    watching = _watch(RECEIVE.get())
    try:
        await asyncio.wait({running, *watching}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            caller.leave()
        answered: Response = await running
        return answered
    except CallerGoneError:
        return 503, {}, b""  # the caller is gone
    finally:
        await _unwatch(watching)


async def streamed(operation: str, frames: Callable[[Caller], Iterator[bytes]], headers: dict[str, str]) -> Response:
    """A response that begins with the first frame, and forwards each as it is produced.

    :raises ModelServerError: if the first frame fails.
    """
    caller, loop = Caller(), asyncio.get_running_loop()
    made: asyncio.Queue[Any] = asyncio.Queue()

    def make() -> None:
        begun = False
        try:
            with contextlib.closing(frames(caller)) as each:  # type: ignore[type-var]
                for frame in each:
                    begun = True
                    loop.call_soon_threadsafe(made.put_nowait, frame)
        except CallerGoneError as error:
            loop.call_soon_threadsafe(made.put_nowait, error)
        except ModelServerError as error:
            loop.call_soon_threadsafe(made.put_nowait, broken(operation, error) if begun else error)
        except Exception as error:
            _log.exception("a stream failed")
            failed = ModelServerError("InternalServerException", 500, f"{type(error).__name__}: {error}")
            loop.call_soon_threadsafe(made.put_nowait, broken(operation, failed) if begun else failed)
        finally:
            loop.call_soon_threadsafe(made.put_nowait, _END)

    _run(make)
    watching = _watch(RECEIVE.get())
    first = await _next(made, watching)
    if first is None or isinstance(first, Exception):
        caller.leave()
        await _unwatch(watching)
        if isinstance(first, ModelServerError):
            raise first
        return 503, {}, b""  # the caller is gone

    async def run(send: Callable[[dict[str, Any]], Awaitable[None]], _receive: Receive) -> None:
        item = first
        try:
            while isinstance(item, bytes):
                await send({"type": "http.response.body", "body": item, "more_body": True})
                item = await _next(made, watching)
            if item is _END:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            caller.leave()
            await _unwatch(watching)

    return 200, headers, StreamingResponse(run)


def _run(work: Callable[[], Any]) -> asyncio.Future[Any]:
    # The emulator has the account and the Region of a request in the context.
    return asyncio.get_running_loop().run_in_executor(_pool, contextvars.copy_context().run, work)


async def _next(made: asyncio.Queue[Any], watching: set[asyncio.Task[None]]) -> Any:
    """The next frame, error or end. None if the caller disconnected."""
    getting = asyncio.ensure_future(made.get())
    await asyncio.wait({getting, *watching}, return_when=asyncio.FIRST_COMPLETED)
    if getting.done():
        return getting.result()
    getting.cancel()
    return None


def _watch(receive: Receive | None) -> set[asyncio.Task[None]]:
    """A task that ends when the caller has disconnected. None if disconnects are not reported."""
    if receive is None:
        return set()

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    return {asyncio.ensure_future(left())}


async def _unwatch(watching: set[asyncio.Task[None]]) -> None:
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
