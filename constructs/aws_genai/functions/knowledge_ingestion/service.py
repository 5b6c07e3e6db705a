"""Screens documents: accepts them, or quarantines them with the reasons; then starts an ingestion job."""

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
from . import release
from .incoming import Incoming
from .names import ACCEPTED, GROUP, QUARANTINE, RELEASED, RENEWED, SIDECAR
from .release import Release
from .scan import JUDGING, READING, Look, look

_log = logging.getLogger(__name__)

#: Maximum number of characters of a request to a guardrail: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000
#: Maximum number of such requests for one document.
_MOST_CHUNKS = 100


class BusyError(Exception):
    """Another ingestion job is running, or the vector store is paused. The message is processed again later."""


@dataclass(frozen=True)
class Change:
    """An object that was created or deleted.

    :param key: its key.
    :param deleted: whether it was deleted.
    :param bucket: its bucket. Default: the bucket of new documents.
    """

    key: str
    deleted: bool
    bucket: str = ""


class Intake:
    """The documents of one knowledge base. Every operation is idempotent.

    :param bucket: the bucket of the knowledge base.
    :param sources: the groups that may read the documents of each source. The source is the first part of a key.
    :param assess: returns whether the guardrail blocks a text. Default: there is no guardrail.
    :param incoming: location of new documents. Default: ``incoming/`` in the bucket of the knowledge base.
    """

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        bucket: str,
        sources: Mapping[str, Iterable[str]],
        assess: Callable[[str], bool] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        incoming: Incoming | None = None,
    ) -> None:
        self._s3, self._bucket, self._sources = s3, bucket, {name: sorted(groups) for name, groups in sources.items()}
        self._assess, self._clock = assess, clock
        self._incoming = incoming or Incoming(bucket)

    def take(self, change: Change, seconds: float = READING + JUDGING) -> str:
        """Processes one change; returns ``accepted``, ``released``, ``quarantined``, ``erased`` or ``ignored``.

        :param seconds: maximum number of seconds to screen a document.
        :raises BusyError: if the document needs more time, and ``seconds`` is less than the default.
        """
        name, deleted = self._document(change)
        if not name or name.endswith("/"):
            return "ignored"
        incoming = self._incoming
        content, version = (None, "") if deleted else self._read(incoming.bucket, f"{incoming.prefix}{name}")
        if content is None:
            self._erase(f"{ACCEPTED}{name}", f"{ACCEPTED}{name}{SIDECAR}", f"{QUARANTINE}{name}", *self._why(name))
            return "erased"
        look = self._look(name, content, seconds)
        sha256 = hashlib.sha256(content).hexdigest()
        let_in = self._released(name, sha256, version) if look.problems and not look.final else None
        if look.problems and not let_in:
            # A previous version that was accepted must no longer be retrieved.
            self._erase(f"{ACCEPTED}{name}", f"{ACCEPTED}{name}{SIDECAR}")
            self._put(f"{QUARANTINE}{name}", content)
            told = {"version": version, "sha256": sha256, "problems": look.problems, "final": look.final}
            self._put(f"{QUARANTINE}{name}.why.json", json.dumps(told).encode())
            _log.warning("quarantined", extra={"document": name, "problems": look.problems})
            return "quarantined"
        self._erase(f"{QUARANTINE}{name}", *self._why(name))
        if let_in:
            _log.warning("released", extra={"document": name, "reviewer": let_in.reviewer, "problems": look.problems})
        # The metadata is written first, so that the document is never stored without the groups that may read it.
        self._put(f"{ACCEPTED}{name}{SIDECAR}", json.dumps(self._attributes(name, sha256, version, let_in)).encode())
        self._put(f"{ACCEPTED}{name}", content)
        return "released" if let_in else "accepted"

    def _document(self, change: Change) -> tuple[str, bool]:
        """Returns the document of a change, which is empty if there is none, and whether it was deleted."""
        incoming = self._incoming
        own = not change.bucket or change.bucket == self._bucket
        if own and change.key.startswith(RELEASED) and (about := release.document_of(change.key)):
            # A reviewer released the document, or withdrew the release. It is screened again.
            return about, False
        if change.bucket not in ("", incoming.bucket) or not change.key.startswith(incoming.prefix):
            return "", False
        return change.key.removeprefix(incoming.prefix), change.deleted

    def _released(self, name: str, sha256: str, version: str) -> Release | None:
        """Returns the release of exactly this content, if there is one."""
        text, _ = self._read(self._bucket, release.key_of(name))
        found = release.parse(text) if text else None
        return found if found and found.covers(name, sha256, version) else None

    def _why(self, name: str) -> tuple[str]:
        return (f"{QUARANTINE}{name}.why.json",)

    def _read(self, bucket: str, key: str) -> tuple[bytes | None, str]:
        try:
            found = self._s3.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            # The object was deleted meanwhile. Without s3:ListBucket, S3 would return 403.
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None, ""
            raise
        return found["Body"].read(), str(found.get("VersionId", ""))

    def _look(self, name: str, content: bytes, seconds: float) -> Look:
        """Screens a document."""
        source = name.partition("/")[0]
        if "/" not in name or source not in self._sources:
            return Look((f"{source} is not a reviewed source of this knowledge base",), final=True)
        try:
            seen = look(name, content, seconds)
        except SlowError as error:
            if seconds < READING + JUDGING:
                # Other documents of the batch took the time. The message is received again, with more time.
                raise BusyError(str(error)) from error
            return Look((str(error),))
        if seen.problems or self._assess is None:
            return seen
        chunks = [seen.text[start : start + _ASSESSED] for start in range(0, len(seen.text), _ASSESSED)]
        if len(chunks) > _MOST_CHUNKS:
            most = _MOST_CHUNKS * _ASSESSED
            return Look((f"it has more than {most} characters, the maximum that the guardrail evaluates",))
        if any(self._assess(chunk) for chunk in chunks):
            return Look(("the guardrail blocks it",))
        return seen

    def _attributes(self, name: str, sha256: str, version: str, let_in: Release | None) -> dict[str, Any]:
        """Returns the metadata: the groups that may read the document, and its origin.

        https://docs.aws.amazon.com/bedrock/latest/userguide/s3-data-source-connector.html
        """
        source = name.partition("/")[0]
        return {
            "metadataAttributes": {
                **{f"{GROUP}{group}": True for group in self._sources[source]},
                "source": source,
                "document": name,
                "version": version,
                "sha256": sha256,
                **({"released_by": let_in.person, "released": let_in.released} if let_in else {}),
                "accepted": self._clock().isoformat(timespec="seconds"),
            }
        }

    def _put(self, key: str, content: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def _erase(self, *keys: str) -> None:
        """Deletes all versions of objects."""
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
                    raise RuntimeError(f"{key} could not be deleted: {answer['Errors'][0].get('Message')}")


def follow(
    agent: Any,  # noqa: ANN401 - boto3 has no types
    knowledge_base: str,
    data_source: str,
    token: str,
    waits: Sequence[float] = (),
) -> None:
    """Starts an ingestion job.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_StartIngestionJob.html

    :param waits: seconds before each further attempt while a paused database resumes. Default: one attempt.
    :raises BusyError: while another job is running, which may not read the new documents, or the database resumes.
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
    """Returns whether an event says that the function was deployed, so the data source may be new and empty."""
    return bool(json.loads(body).get("source") == RENEWED)


def changes(body: str) -> list[Change]:
    """Returns the changes in an event of EventBridge.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    event = json.loads(body)
    if renewed(body):
        return []
    detail = event["detail"]
    bucket = str(detail.get("bucket", {}).get("name", ""))
    return [Change(str(detail["object"]["key"]), event["detail-type"] == "Object Deleted", bucket)]
