"""Sets how calls of models are logged in an account and Region, and sets it back to what it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Configuration = Mapping[str, Any]
#: Tries and seconds between them, while a new role and its permissions become known everywhere.
_TRIES, _PAUSE = 12, 5.0


class Logging:
    """The one configuration of an account and Region; what it was before is noted in a parameter.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    """

    def __init__(
        self,
        bedrock: Any,  # noqa: ANN401 - boto3 has no types
        ssm: Any,  # noqa: ANN401 - boto3 has no types
        parameter: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bedrock, self._ssm, self._parameter, self._pause = bedrock, ssm, parameter, pause

    def set(self, wanted: Configuration, *, ours: Configuration | None = None) -> None:
        """Log as ``wanted``; doing it again changes nothing.

        :param ours: what an earlier call wanted, and is no state to go back to.
        """
        current = self._current()
        if not _same(current, wanted) and not _same(current, ours):
            self._note(current)
        self._put(wanted)

    def restore(self, ours: Configuration) -> None:
        """Log as before; what somebody else has set meanwhile stays."""
        before = self._noted()
        if before is not None and _same(self._current(), ours):
            if before:
                self._put(before)
            else:
                self._bedrock.delete_model_invocation_logging_configuration()
        self.forget()

    def forget(self) -> None:
        """Delete the note of what was before."""
        try:
            self._ssm.delete_parameter(Name=self._parameter)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise

    def _current(self) -> Configuration:
        found: Configuration = self._bedrock.get_model_invocation_logging_configuration().get("loggingConfig") or {}
        return found

    def _put(self, wanted: Configuration) -> None:
        for attempt in range(_TRIES):
            try:
                self._bedrock.put_model_invocation_logging_configuration(loggingConfig=wanted)
            except ClientError as error:
                # Bedrock tries the role at once, which IAM may not have told it of yet.
                retried = error.response["Error"]["Code"] in ("ValidationException", "ThrottlingException")
                if not retried or attempt == _TRIES - 1:
                    raise
                self._pause(_PAUSE)
            else:
                return

    def _note(self, before: Configuration) -> None:
        self._ssm.put_parameter(
            Name=self._parameter,
            Description="How calls of models were logged before",
            Value=json.dumps(before),
            Type="String",
            Overwrite=True,
        )

    def _noted(self) -> Configuration | None:
        try:
            value = self._ssm.get_parameter(Name=self._parameter)["Parameter"]["Value"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise
        noted: Configuration = json.loads(value)
        return noted


def _same(one: Configuration, other: Configuration | None) -> bool:
    """Whether two configurations log to the same places: what Bedrock adds to one does not matter."""
    return other is not None and _places(one) == _places(other)


def _places(configuration: Configuration) -> tuple[Any, Any]:
    return (
        configuration.get("cloudWatchConfig", {}).get("logGroupName"),
        configuration.get("s3Config", {}).get("bucketName"),
    )
