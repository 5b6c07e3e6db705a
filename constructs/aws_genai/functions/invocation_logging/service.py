"""Sets the model invocation logging of an account and Region, and restores the previous configuration."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Configuration = Mapping[str, Any]
#: Number of attempts, and seconds between them, until a new role and its permissions have propagated.
_TRIES, _PAUSE = 12, 5.0
#: Prefix of the tags with the previous configuration, and maximum length of the value of a tag.
_NOTE, _TAG = "logged-before-", 256


class TakenError(Exception):
    """The account already has a logging configuration, which another stack or team owns."""


class Logging:
    """The configuration of an account and Region. The previous one is saved in tags of the log group.

    A parameter of Systems Manager is not an alternative: the network has no endpoint of Systems Manager, so that no
    session can be opened. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    """

    def __init__(
        self,
        bedrock: Any,  # noqa: ANN401 - boto3 has no types
        logs: Any,  # noqa: ANN401 - boto3 has no types
        log_group_arn: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bedrock, self._logs, self._group, self._pause = bedrock, logs, log_group_arn, pause

    def set(self, wanted: Configuration, *, replace: bool = False, ours: Configuration | None = None) -> None:
        """Sets the configuration ``wanted``. The operation is idempotent.

        :param replace: whether to replace a configuration of another owner.
        :param ours: configuration that an earlier call set, which is not saved as the previous one.
        :raises TakenError: if there is a configuration of another owner, and ``replace`` is false.
        """
        current = self._current()
        if not _same(current, wanted) and not _same(current, ours):
            if current and not replace:
                raise TakenError(_taken(current))
            self._note(current)
        self._put(wanted)

    def restore(self, ours: Configuration) -> None:
        """Restores the previous configuration, unless another owner has changed it since."""
        before = self._noted()
        ended = before is not None and _same(self._current(), ours)
        if ended and not (before and self._put_back(before)):
            self._bedrock.delete_model_invocation_logging_configuration()
        self.forget()

    def forget(self) -> None:
        """Deletes the saved configuration."""
        if noted := list(self._tags()):
            self._logs.untag_resource(resourceArn=self._group, tagKeys=noted)

    def _current(self) -> Configuration:
        found: Configuration = self._bedrock.get_model_invocation_logging_configuration().get("loggingConfig") or {}
        return found

    def _put(self, wanted: Configuration) -> None:
        for attempt in range(_TRIES):
            try:
                self._bedrock.put_model_invocation_logging_configuration(loggingConfig=wanted)
            except ClientError as error:
                # Bedrock uses the role immediately, but it may not have propagated yet.
                retried = error.response["Error"]["Code"] in ("ValidationException", "ThrottlingException")
                if not retried or attempt == _TRIES - 1:
                    raise
                self._pause(_PAUSE)
            else:
                return

    def _put_back(self, before: Configuration) -> bool:
        """Restores a configuration; returns False if that failed, since its destination may no longer exist."""
        try:
            self._put(before)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            return False
        return True

    def _note(self, before: Configuration) -> None:
        self.forget()
        text = base64.b64encode(zlib.compress(json.dumps(before).encode())).decode()
        parts = [text[start : start + _TAG] for start in range(0, len(text), _TAG)]
        self._logs.tag_resource(
            resourceArn=self._group, tags={f"{_NOTE}{number:02}": part for number, part in enumerate(parts)}
        )

    def _noted(self) -> Configuration | None:
        parts = self._tags()
        if not parts:
            return None
        text = "".join(parts[name] for name in sorted(parts))
        noted: Configuration = json.loads(zlib.decompress(base64.b64decode(text)))
        return noted

    def _tags(self) -> dict[str, str]:
        found = self._logs.list_tags_for_resource(resourceArn=self._group)["tags"]
        return {name: value for name, value in found.items() if name.startswith(_NOTE)}


def _same(one: Configuration, other: Configuration | None) -> bool:
    """Returns whether two configurations have the same destinations; values that Bedrock adds are ignored."""
    return other is not None and _places(one) == _places(other)


def _taken(current: Configuration) -> str:
    group, bucket = _places(current)
    where = " and ".join([f"log group {group}"] * bool(group) + [f"bucket {bucket}"] * bool(bucket))
    return (
        f"model invocations are already logged to {where}, which another environment or team owns. An account has one "
        "logging configuration per Region. Remove the setting here, or replace the configuration with replace: true"
    )


def _places(configuration: Configuration) -> tuple[Any, Any]:
    return (
        configuration.get("cloudWatchConfig", {}).get("logGroupName"),
        configuration.get("s3Config", {}).get("bucketName"),
    )
