"""Serve the account on loopback: ``python -m local.account``, as ``local.emulator`` starts it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

#: The account listens on loopback without TLS; to policies its calls count as encrypted, as AWS's endpoints are.
_TLS = (b"x-forwarded-proto", b"https")


def application() -> Callable[..., Awaitable[None]]:
    """The emulator's application, with what it lacks."""
    from ministack.app import app

    from . import (
        bedrock_jobs,
        bedrock_runtime,
        conditions,
        custom_models,
        databases,
        denied_words,
        ending,
        events,
        flows,
        gateway,
        hosting,
        images,
        principals,
        registry,
        resources,
        sign_in,
        stack_events,
        starts,
        strict,
    )

    conditions.install()
    databases.install()
    principals.install()
    stack_events.install()
    events.install()
    flows.install()
    resources.install()
    bedrock_runtime.install()
    hosting.install()
    registry.install()
    images.install()
    bedrock_jobs.install()
    custom_models.install()
    denied_words.install()
    sign_in.install()
    gateway.install()
    starts.install()
    strict.install()
    ending.install()
    if folder := os.environ.get("ACCOUNT_KEEP"):
        from . import keeping

        # Last, so that it sees every handler as it will be called.
        keeping.install(Path(folder))

    async def over_tls(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = scope.get("headers", [])
        if scope["type"] in ("http", "websocket") and not any(name.lower() == _TLS[0] for name, _ in headers):
            scope = {**scope, "headers": [*headers, _TLS]}
        await app(scope, receive, send)

    return over_tls


async def main() -> None:
    """Serve until the process is told to end."""
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await serve(application(), config, shutdown_trigger=ended.wait)


if __name__ == "__main__":
    logging.getLogger("botocore").setLevel(logging.WARNING)
    asyncio.run(main())
