"""Where the weights of one's own lie."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InvalidValueError

_URI = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<prefix>[A-Za-z0-9_!.*'()/-]*[A-Za-z0-9_!.*'()-])/?"
)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where the weights of a model lie.

    :param uri: ``s3://bucket/prefix`` of the files; give each version a prefix of its own.
    :param key_arn: the customer key that encrypts them; its policy must let this account's roles decrypt. Default:
        encrypted by S3 itself.
    :param pickled: names of files below the prefix that may hold Python pickles, which run code when they are loaded.
        Default: none, safetensors only.
    """

    uri: str
    key_arn: str | None = None
    pickled: Sequence[str] = ()

    def place(self) -> tuple[str, str]:
        """The bucket and the prefix, which ends in ``/``.

        :raises InvalidValueError: if the address is not one of S3 with a prefix.
        """
        found = _URI.fullmatch(self.uri)
        if found is None:
            raise InvalidValueError(
                f"{self.uri} is not where weights can lie",
                field="weights",
                hint="Write it as s3://bucket/model/version",
            )
        return found["bucket"], f"{found['prefix']}/"
