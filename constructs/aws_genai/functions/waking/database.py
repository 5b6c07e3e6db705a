"""Retries requests to a paused Aurora database. The first request fails and resumes it, which takes about 15 seconds.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

#: Seconds before each retry, if no user waits for the response.
PATIENT = (10, 15, 20, 25, 30)


def wakes(error: Exception) -> bool:
    """Returns whether a request failed because the database resumes.

    The Data API has an error code for this. Bedrock returns a ValidationException, as for permanent errors, so the
    message is examined.
    https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Retrieve.html
    """
    if not isinstance(error, ClientError):
        return False
    told = error.response.get("Error", {})
    return told.get("Code") == "DatabaseResumingException" or "resuming after being auto-paused" in str(
        told.get("Message", "")
    )


def patiently(call: Callable[[], Answer], waits: Iterable[float] = PATIENT) -> Answer:
    """Returns the result of ``call``, which is retried after each wait while the database resumes.

    :param waits: seconds before each retry. An iterator is advanced after a failed attempt.
    :raises ClientError: if the last attempt fails too. Other errors are not retried.
    """
    for seconds in waits:
        try:
            return call()
        except ClientError as error:
            if not wakes(error):
                raise
        time.sleep(seconds)
    return call()


def within(seconds: float, waits: Sequence[float] = PATIENT) -> list[float]:
    """Returns the waits that end within ``seconds``."""
    return list(_within(seconds, waits))


def _within(seconds: float, waits: Sequence[float]) -> Iterator[float]:
    left = seconds
    for each in waits:
        left -= each
        if left < 0:
            return
        yield each
