"""The resource of the calls that write log events: a log stream, as on AWS, where the emulator names the log group.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions

_WRITING = ("PutLogEvents", "CreateLogStream")


def install() -> None:
    """Name the log stream of a request."""
    iam_actions.extract_resource_arn = _of_streams(iam_actions.extract_resource_arn)


def _of_streams(extract: Callable[..., str]) -> Callable[..., str]:
    def extracting(
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, *more: Any, **options: Any
    ) -> str:
        found = extract(service, method, path, headers, body, *more, **options)
        if service != "logs" or headers.get("x-amz-target", "").rpartition(".")[2] not in _WRITING:
            return found
        try:
            stream = json.loads(body)["logStreamName"]
        except (ValueError, KeyError, TypeError):
            return found
        return f"{found.removesuffix(':*')}:log-stream:{stream}"

    return extracting
