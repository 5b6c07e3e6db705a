"""What a CloudFront distribution sends to its origins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from .accepted import RotationError

_ATTEMPTS = 3


@dataclass(frozen=True)
class State:
    """The configuration of a distribution.

    :param sent: the values that its origins get, each once.
    :param deployed: whether all edge locations have the configuration.
    """

    sent: list[str]
    deployed: bool


class Distribution:
    """A distribution that sends a header to one or several of its origins.

    :param cloudfront: the client of CloudFront.
    :param id: id of the distribution.
    :param header: name of the header.
    """

    def __init__(self, cloudfront: Any, id: str, header: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._cloudfront, self._id, self._header = cloudfront, id, header

    def state(self) -> State:
        """What the distribution sends.

        :raises RotationError: if it sends no such header.
        """
        found = self._cloudfront.get_distribution(Id=self._id)["Distribution"]
        sent = [each["HeaderValue"] for each in self._headers(found["DistributionConfig"])]
        if not sent:
            raise RotationError(f"The distribution {self._id} sends no header {self._header}; deploy the stack")
        return State(list(dict.fromkeys(sent)), found["Status"] == "Deployed")

    def send(self, value: str) -> None:
        """Send ``value`` to every origin that gets the header. The edge locations follow within minutes."""
        for attempt in range(_ATTEMPTS):
            found = self._cloudfront.get_distribution(Id=self._id)
            config = found["Distribution"]["DistributionConfig"]
            for each in self._headers(config):
                each["HeaderValue"] = value
            try:
                self._cloudfront.update_distribution(Id=self._id, IfMatch=found["ETag"], DistributionConfig=config)
            except ClientError as error:
                # Somebody else changed the distribution since it was read.
                if error.response["Error"]["Code"] != "PreconditionFailed" or attempt + 1 == _ATTEMPTS:
                    raise
            else:
                return

    def _headers(self, config: dict[str, Any]) -> Iterator[dict[str, str]]:
        for origin in config["Origins"]["Items"]:
            for each in origin.get("CustomHeaders", {}).get("Items", []):
                if each["HeaderName"].lower() == self._header:
                    yield each
