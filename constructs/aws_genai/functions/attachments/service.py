"""Scans attachments: their format, instructions in their text, and what the guardrail says of it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ..documents import SlowError
from ..history.files import READY, REFUSED, WAITING, File, owner_of, stored
from ..history.items import file_key, user_key
from ..history.table import GoneError, History
from ..knowledge_ingestion.scan import JUDGING, READING, look
from ..untrusted.text import neutral

_log = logging.getLogger(__name__)

IGNORED = "ignored"
#: Characters that a guardrail assesses at once: https://docs.aws.amazon.com/general/latest/gr/bedrock.html
_ASSESSED = 20_000
#: Result of GuardDuty for a file in which it found nothing, and for one in which it did:
#: https://docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html
_CLEAN, _MALICIOUS = "NO_THREATS_FOUND", "THREATS_FOUND"
#: Characters of a name that are parts of a path, or encode them.
_PATH = re.compile(r"[/\\%]+")
#: What ends a text of which a part is left out.
_CUT = "\n[The rest of this file is not shown.]"


@dataclass(frozen=True)
class Arrived:
    """An object that was uploaded.

    :param version: ID of its version. Empty if it is not known.
    :param malware: result of GuardDuty. None if it was not asked.
    """

    key: str
    bucket: str
    version: str = ""
    malware: str | None = None


class Scan:
    """Decides on each file once: what is uploaded later with the same presigned POST is not read.

    :param s3: a client of boto3.
    :param blocks: whether the guardrail blocks a text.
    :param most_bytes: most bytes of a file.
    :param most_characters: characters of its text that are stored for models.
    """

    def __init__(
        self,
        s3: Any,  # noqa: ANN401 - boto3 has no types
        history: History,
        bucket: str,
        blocks: Callable[[str], bool],
        *,
        most_bytes: int,
        most_characters: int,
    ) -> None:
        self._s3, self._history, self._bucket, self._blocks = s3, history, bucket, blocks
        self._bytes, self._characters = most_bytes, most_characters

    def take(self, arrived: Arrived, seconds: float = READING + JUDGING) -> str:
        """Scan one file; returns ``ready``, ``refused`` or ``ignored``.

        :param seconds: seconds that are left for it.
        """
        owner = owner_of(arrived.key) if arrived.bucket == self._bucket else None
        item = self._history.get(user_key(owner[0]), file_key(owner[1])) if owner else None
        if owner is None or item is None or item["state"] != WAITING:
            return IGNORED
        told = self._judged(arrived, File(item), seconds)
        if told is None:
            return IGNORED
        try:
            self._history.update(user_key(owner[0]), file_key(owner[1]), told, only={"state": WAITING})
        except GoneError:
            # Deleted meanwhile, or decided by another invocation.
            return IGNORED
        _log.info("scanned", extra={"attachment": owner[1], "state": told["state"]})
        return str(told["state"])

    def _judged(self, arrived: Arrived, file: File, seconds: float) -> dict[str, Any] | None:
        """What becomes of a file, as it is written; None if it was deleted."""
        if arrived.malware == _MALICIOUS:
            return _refused("it contains malware")
        if arrived.malware not in (None, _CLEAN):
            return _refused("it could not be checked for malware")
        version = {"VersionId": arrived.version} if arrived.version else {}
        try:
            found = self._s3.get_object(Bucket=arrived.bucket, Key=arrived.key, **version)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion", "404"):
                return None
            raise
        if int(found["ContentLength"]) > self._bytes:
            return _refused(f"it has more than {self._bytes:,} bytes")
        name, kind = str(file.item["name"]), str(file.item["kind"])
        try:
            seen = look(_file_name(name, kind), found["Body"].read(), seconds)
        except SlowError as error:
            return _refused(str(error))
        if seen.problems:
            return _refused("; ".join(seen.problems))
        text = neutral(seen.shown).strip()
        if not text:
            return _refused("it has no text; a scanned page is an image")
        cut = len(text) > self._characters
        text = text[: self._characters]
        # What the model may be shown: the name, and the text as far as it is stored.
        whole = f"{name}\n{text}" if name.count(" ") > 1 else text
        if any(self._blocks(whole[start : start + _ASSESSED]) for start in range(0, len(whole), _ASSESSED)):
            return _refused("its content is not allowed here")
        return {"state": READY, "text": stored(text + _CUT * cut), **({"cut": True} if cut else {})}


def _refused(reason: str) -> dict[str, Any]:
    return {"state": REFUSED, "reason": f"The file was refused: {reason}."}


def _file_name(name: str, kind: str) -> str:
    """The name with the extension of its type, and without anything that would be read as a path."""
    plain = _PATH.sub(" ", name).strip()
    return plain if plain.lower().endswith(f".{kind}") else f"{plain}.{kind}"


def arrived(body: str, *, malware_protection: bool) -> Arrived | None:
    """The upload in an event of EventBridge. None if it is about something else.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html

    :param malware_protection: whether GuardDuty looks at files first: then its events count, and no others.
    """
    event = json.loads(body)
    detail = event.get("detail", {})
    if malware_protection:
        if event.get("source") != "aws.guardduty" or "s3ObjectDetails" not in detail:
            return None
        held, result = detail["s3ObjectDetails"], detail.get("scanResultDetails") or {}
        completed = detail.get("scanStatus") == "COMPLETED"
        return Arrived(
            str(held["objectKey"]),
            str(held["bucketName"]),
            str(held.get("versionId") or ""),
            str(result.get("scanResultStatus")) if completed else "NOT_COMPLETED",
        )
    if event.get("source") != "aws.s3" or event.get("detail-type") != "Object Created":
        return None
    held = detail["object"]
    return Arrived(str(held["key"]), str(detail["bucket"]["name"]), str(held.get("version-id") or ""))
