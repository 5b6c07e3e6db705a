"""CloudFront in front of APIs of this account, whose responses it passes on part by part.

The emulator's data plane has behaviors, policies and buckets; it refuses every origin of amazonaws.com. A distribution
is reached by its name, ``<label>.cloudfront.localhost``, or for clients that do not resolve names under localhost by
``/_aws/cloudfront/<label>``.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.services import cloudfront

#: Where a distribution is, for clients that cannot choose the name of a host.
PREFIX = "/_aws/cloudfront/"
_API = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com")
_LOCATED = re.compile(rf"{PREFIX}([a-z0-9]+)(/.*)?")

Scope = dict[str, Any]


def install() -> None:
    """Serve origins that are APIs of this account."""
    cloudfront._fetch_from_origin = _from_api(cloudfront._fetch_from_origin)


def located(scope: Scope) -> Scope:
    """The scope of a request with the name of the distribution as its host, if its path names one."""
    found = _LOCATED.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
    if found is None:
        return scope
    label, path = found[1], found[2] or "/"
    raw = scope.get("raw_path") or scope["path"].encode()
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
    return {
        **scope,
        "path": path,
        "raw_path": raw.removeprefix(f"{PREFIX}{label}".encode()) or b"/",
        "headers": [*kept, (b"host", f"{label}.cloudfront.net".encode())],
    }


def _from_api(fetch: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def fetched(
        origin: dict[str, Any],
        method: str,
        uri: str,
        query: str,
        headers: dict[str, Any],
        body: bytes,
        https: bool,
        address: str,
        forwarded_for: str,
        arn: str,
    ) -> Any:
        api = _API.fullmatch(origin["domain_name"])
        if api is None:
            return await fetch(origin, method, uri, query, headers, body, https, address, forwarded_for, arn)
        sent = cloudfront._origin_request_headers(origin, headers, address, forwarded_for)
        answer = await app._handle_execute_api_request(
            "localhost",
            f"/_aws/execute-api/{api[1]}{origin.get('origin_path') or ''}{uri}",
            method,
            {**{name.lower(): value for name, value in sent.items()}, "x-forwarded-proto": "https"},
            body or b"",
            parse_qs(query, keep_blank_values=True),
        )
        if answer is None:
            raise cloudfront.OriginUnreachable(origin["domain_name"])
        status, received, content = answer
        found = cloudfront._multidict_from_pairs(received.items())
        return status, http.client.responses.get(status, ""), found, content

    return fetched
