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

#: The account listens on loopback without TLS. For policies, its calls count as encrypted, as those of AWS's endpoints.
_TLS = (b"x-forwarded-proto", b"https")


def application() -> Callable[..., Awaitable[None]]:
    """The emulator's application, with the additions of the account."""
    from ministack.app import app

    from . import (
        agent_runtime,
        authentication,
        bedrock_jobs,
        bedrock_runtime,
        catalogue,
        code_interpreters,
        conditions,
        custom_models,
        databases,
        edge,
        ending,
        events,
        flows,
        gateway,
        guardrails,
        hosting,
        images,
        ingestion,
        log_streams,
        managed_login,
        principals,
        queries,
        reads,
        registry,
        resources,
        retrieval,
        rotation,
        routes,
        s3_vectors,
        sign_in,
        sign_in_rules,
        stack_events,
        starts,
        streaming,
        strict,
        tokens,
        tool_gateways,
        web_acls,
    )
    from .models.stream import RECEIVE

    authentication.install()
    conditions.install()
    log_streams.install()
    databases.install()
    principals.install()
    stack_events.install()
    events.install()
    flows.install()
    resources.install()
    bedrock_runtime.install()
    s3_vectors.install()
    code_interpreters.install()
    ingestion.install()
    retrieval.install()
    hosting.install()
    registry.install()
    images.install()
    bedrock_jobs.install()
    custom_models.install()
    guardrails.install()
    catalogue.install()
    reads.install()
    queries.install()
    sign_in.install()
    gateway.install()
    streaming.install()
    web_acls.install()
    edge.install()
    rotation.install()
    sign_in_rules.install()
    managed_login.install()
    tokens.install()
    starts.install()
    tool_gateways.install()
    strict.install()
    ending.install()
    # The outermost, so that every request has been authorized.
    agent_runtime.install()
    if folder := os.environ.get("ACCOUNT_KEEP"):
        from . import keeping

        # Last, so that it wraps the final handlers.
        keeping.install(Path(folder))

    guarded = routes.guarded(tool_gateways.served(app))

    async def over_tls(scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = scope.get("headers", [])
        if scope["type"] in ("http", "websocket") and not any(name.lower() == _TLS[0] for name, _ in headers):
            scope = {**scope, "headers": [*headers, _TLS]}
        RECEIVE.set(receive)
        await guarded(edge.located(scope), receive, send)

    return over_tls


async def main() -> None:
    """Serve until the process receives a signal to end."""
    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    from .models import chosen

    serving = application()
    chosen.start()
    try:
        await serve(serving, config, shutdown_trigger=ended.wait)
    finally:
        chosen.stop()


if __name__ == "__main__":
    logging.getLogger("botocore").setLevel(logging.WARNING)
    asyncio.run(main())
