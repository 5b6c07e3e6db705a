"""A database of Aurora that sleeps is woken by the first call, which fails: about 15 seconds later it is there.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from botocore.exceptions import ClientError

Answer = TypeVar("Answer")

#: Seconds before each further try, where nobody waits for an answer.
PATIENT = (10, 15, 20, 25, 30)


def wakes(error: Exception) -> bool:
    """Whether a call failed only because the database is on its way.

    The Data API has an error of that name. Bedrock passes the sentence on as a ValidationException, as it does what is
    wrong for good, so the sentence tells.
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
    """The result of ``call``, tried again after each wait while the database wakes up.

    :param waits: seconds before each further try; an iterator is asked for the next one after a try has failed.
    :raises ClientError: if it still does after the last one; whatever else goes wrong is not tried again.
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
    """The waits that end in time."""
    return list(_within(seconds, waits))


def _within(seconds: float, waits: Sequence[float]) -> Iterator[float]:
    left = seconds
    for each in waits:
        left -= each
        if left < 0:
            return
        yield each
