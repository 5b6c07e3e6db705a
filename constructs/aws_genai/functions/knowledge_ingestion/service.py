"""Takes documents in, keeps poisoned ones apart, and lets the knowledge base follow."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ..documents import SlowError
from ..waking.database import patiently, wakes
from .names import ACCEPTED, GROUP, INCOMING, QUARANTINE, RENEWED, SIDECAR
from .scan import JUDGING, READING, look

_log = logging.getLogger(__name__)

#: Characters that a guardrail assesses at once: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000
#: Chunks at most that are assessed of one document.
_MOST_CHUNKS = 100


class BusyError(Exception):
    """Another ingestion runs, or the store sleeps; the same change is told of again."""


@dataclass(frozen=True)
class Change:
    """A document that was put or deleted under ``incoming/``."""

    key: str
    deleted: bool


class Intake:
    """The documents of one knowledge base; doing anything again changes nothing.

    :param sources: the groups that may read the documents of each source, which is the first part of a key.
    :param assess: whether a guardrail blocks a text; None where there is none.
    """

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        bucket: str,
        sources: Mapping[str, Iterable[str]],
        assess: Callable[[str], bool] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._s3, self._bucket, self._sources = s3, bucket, {name: sorted(groups) for name, groups in sources.items()}
        self._assess, self._clock = assess, clock

    def take(self, change: Change, seconds: float = READING + JUDGING) -> str:
        """Follow one change; what was done: accepted, quarantined, erased or ignored.

        :param seconds: how long looking at a document may take.
        :raises BusyError: if that is less than usual, and too little for it.
        """
        name = change.key.removeprefix(INCOMING)
        if not change.key.startswith(INCOMING) or not name or name.endswith("/"):
            return "ignored"
        content, version = (None, "") if change.deleted else self._read(change.key)
        if content is None:
            self._erase(f"{ACCEPTED}{name}", f"{ACCEPTED}{name}{SIDECAR}", f"{QUARANTINE}{name}", *self._why(name))
            return "erased"
        found = list(self._refused(name, content, seconds))
        if found:
            # A document that was good before and is not any more must not be retrieved meanwhile.
            self._erase(f"{ACCEPTED}{name}", f"{ACCEPTED}{name}{SIDECAR}")
            self._put(f"{QUARANTINE}{name}", content)
            self._put(f"{QUARANTINE}{name}.why.json", json.dumps({"version": version, "problems": found}).encode())
            _log.warning("quarantined", extra={"document": name, "problems": found})
            return "quarantined"
        self._erase(f"{QUARANTINE}{name}", *self._why(name))
        # The attributes first: a document without them would be readable by nobody, and never by everybody.
        self._put(f"{ACCEPTED}{name}{SIDECAR}", json.dumps(self._attributes(name, content, version)).encode())
        self._put(f"{ACCEPTED}{name}", content)
        return "accepted"

    def _why(self, name: str) -> tuple[str]:
        return (f"{QUARANTINE}{name}.why.json",)

    def _read(self, key: str) -> tuple[bytes | None, str]:
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            # Deleted since: without leave to list, S3 says that it is forbidden.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None, ""
            raise
        return found["Body"].read(), str(found.get("VersionId", ""))

    def _refused(self, name: str, content: bytes, seconds: float) -> Iterable[str]:
        source = name.partition("/")[0]
        if "/" not in name or source not in self._sources:
            yield f"{source} is not a source that somebody has reviewed"
            return
        try:
            seen = look(name, content, seconds)
        except SlowError as error:
            if seconds < READING + JUDGING:
                # Others of the batch took the time; it comes again, and has more then.
                raise BusyError(str(error)) from error
            yield str(error)
            return
        yield from seen.problems
        if not seen.problems and self._assess is not None:
            text = seen.text
            chunks = [text[start : start + _ASSESSED] for start in range(0, len(text), _ASSESSED)]
            if len(chunks) > _MOST_CHUNKS:
                yield f"it is longer than {_MOST_CHUNKS * _ASSESSED} characters, which is more than is assessed"
            elif any(self._assess(chunk) for chunk in chunks):
                yield "the guardrail found what would be blocked"

    def _attributes(self, name: str, content: bytes, version: str) -> dict[str, Any]:
        """Who may read it, and where it comes from.

        https://docs.aws.amazon.com/bedrock/latest/userguide/s3-data-source-connector.html
        """
        source = name.partition("/")[0]
        return {
            "metadataAttributes": {
                **{f"{GROUP}{group}": True for group in self._sources[source]},
                "source": source,
                "document": name,
                "version": version,
                "sha256": hashlib.sha256(content).hexdigest(),
                "accepted": self._clock().isoformat(timespec="seconds"),
            }
        }

    def _put(self, key: str, content: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def _erase(self, *keys: str) -> None:
        """Delete objects with every version of them."""
        for key in keys:
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
            found = [
                {"Key": key, "VersionId": each["VersionId"]}
                for page in pages
                for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
                if each["Key"] == key
            ]
            for start in range(0, len(found), 1000):
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": found[start : start + 1000], "Quiet": True}
                )
                if answer.get("Errors"):
                    raise RuntimeError(f"{key} was not erased: {answer['Errors'][0].get('Message')}")


def follow(
    agent: Any,  # noqa: ANN401 - boto3 has no types
    knowledge_base: str,
    data_source: str,
    token: str,
    waits: Sequence[float] = (),
) -> None:
    """Let the knowledge base read what changed.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_StartIngestionJob.html

    :param waits: seconds before each further try while a database that slept wakes up. Default: tried once.
    :raises BusyError: while another ingestion runs, which may have passed the documents already, or a store wakes up.
    """

    def start() -> None:
        agent.start_ingestion_job(knowledgeBaseId=knowledge_base, dataSourceId=data_source, clientToken=token)

    try:
        patiently(start, waits)
    except ClientError as error:
        if wakes(error) or error.response["Error"]["Code"] in ("ConflictException", "ThrottlingException"):
            raise BusyError from error
        raise


def renewed(body: str) -> bool:
    """Whether a message of EventBridge says that a data source may be new, and has to read what was let in before."""
    return bool(json.loads(body).get("source") == RENEWED)


def changes(body: str) -> list[Change]:
    """The changes in a message of EventBridge.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    event = json.loads(body)
    if renewed(body):
        return []
    return [Change(str(event["detail"]["object"]["key"]), event["detail-type"] == "Object Deleted")]
