"""The existing documents of a bucket, for which Amazon S3 sends no events.

Each deployment of the intake sends one message per source to the queue. The function lists the documents of the source
page by page: it sends an event for each document that was not screened yet, and a message for the next page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .incoming import Incoming
from .names import ACCEPTED, QUARANTINE, SIDECAR

#: Source of the messages that request the documents of a source.
ASKED = "aws-genai.existing-documents"
#: Maximum number of messages of a request to SQS:
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
_BATCH = 10


class Existing:
    """The documents of an existing bucket that have not been screened yet."""

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        sqs: Any,  # noqa: ANN401 - boto3 has no types
        queue_url: str,
        bucket: str,
        incoming: Incoming,
        page: int = 1000,
    ) -> None:
        self._s3, self._sqs, self._queue_url, self._bucket = s3, sqs, queue_url, bucket
        self._incoming, self._page = incoming, page

    def ask(self, sources: list[str]) -> None:
        """Requests the documents of each source."""
        self._send([_asked(source) for source in sources])

    def answer(self, body: str) -> int:
        """Sends the documents of one page to the queue, and requests the next page; returns the number of documents."""
        asked = json.loads(body)
        source, after = str(asked["documents"]), str(asked.get("after", ""))
        prefix = self._incoming.prefix
        found = self._s3.list_objects_v2(
            Bucket=self._incoming.bucket,
            Prefix=f"{prefix}{source}/",
            MaxKeys=self._page,
            **({"StartAfter": f"{prefix}{after}"} if after else {}),
        )
        names = [str(each["Key"]).removeprefix(prefix) for each in found.get("Contents", ())]
        names = [each for each in names if not each.endswith("/")]
        last = str(found["Contents"][-1]["Key"]).removeprefix(prefix) if found.get("Contents") else ""
        known = {*self._copies(ACCEPTED, source, after, last), *self._copies(QUARANTINE, source, after, last)}
        fresh = [each for each in names if each not in known]
        messages = [self._change(each) for each in fresh]
        self._send([*messages, *([_asked(source, last)] if found.get("IsTruncated") else [])])
        return len(fresh)

    def _copies(self, place: str, source: str, after: str, last: str) -> Iterator[str]:
        """Returns the names of documents up to ``last`` that have a copy. S3 lists keys in UTF-8 binary order."""
        start, below = {"StartAfter": f"{place}{after}"} if after else {}, f"{place}{source}/"
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=below, **start):
            for each in page.get("Contents", ()):
                name = str(each["Key"]).removeprefix(place)
                if name.encode() > last.encode():
                    return
                if not name.endswith(SIDECAR):
                    yield name

    def _change(self, name: str) -> str:
        """Returns an event in the format of EventBridge."""
        bucket, key = {"name": self._incoming.bucket}, {"key": f"{self._incoming.prefix}{name}"}
        return json.dumps(
            {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": bucket, "object": key}}
        )

    def _send(self, bodies: list[str]) -> None:
        for start in range(0, len(bodies), _BATCH):
            batch = bodies[start : start + _BATCH]
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
            answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            if answer.get("Failed"):
                raise RuntimeError(f"SQS did not accept a message: {answer['Failed'][0].get('Message')}")


def asks(body: str) -> bool:
    """Returns whether a message requests the documents of a source."""
    return bool(json.loads(body).get("source") == ASKED)


def _asked(source: str, after: str = "") -> str:
    return json.dumps({"source": ASKED, "documents": source, "after": after})
