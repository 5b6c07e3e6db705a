"""The values that the API accepts, as a regex pattern set of AWS WAF."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

#: https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
MOST = 10
_ATTEMPTS = 3


class RotationError(Exception):
    """A rotation that cannot go on. Both values are accepted until it does."""


class Accepted:
    """The accepted values.

    :param waf: the client of AWS WAF.
    :param arn: ARN of the set, which ends in its name and its id.
    """

    def __init__(self, waf: Any, arn: str) -> None:  # noqa: ANN401 - boto3 has no types
        self._waf = waf
        name, id = arn.split("/")[-2:]
        self._set = {"Name": name, "Id": id, "Scope": "REGIONAL"}

    def values(self) -> list[str]:
        """The values, in the order in which they were added."""
        return self._read()[0]

    def add(self, values: Iterable[str]) -> None:
        """Accept further values.

        :raises RotationError: if that is more than the set holds.
        """
        self._write(lambda there: [*there, *values])

    def only(self, values: Iterable[str]) -> None:
        """Accept these values and no other."""
        wanted = list(values)
        self._write(lambda _: wanted)

    def _read(self) -> tuple[list[str], str]:
        found = self._waf.get_regex_pattern_set(**self._set)
        patterns = found["RegexPatternSet"]["RegularExpressionList"]
        return [each["RegexString"].removeprefix("^").removesuffix("$") for each in patterns], found["LockToken"]

    def _write(self, change: Any) -> None:  # noqa: ANN401 - a function of the values
        for attempt in range(_ATTEMPTS):
            there, token = self._read()
            values = list(dict.fromkeys(change(there)))
            if values == there:
                return
            check(values)
            patterns = [{"RegexString": f"^{each}$"} for each in values]
            try:
                self._waf.update_regex_pattern_set(**self._set, RegularExpressionList=patterns, LockToken=token)
            except ClientError as error:
                # Somebody else changed the set since it was read.
                if error.response["Error"]["Code"] != "WAFOptimisticLockException" or attempt + 1 == _ATTEMPTS:
                    raise
            else:
                return


def check(values: list[str]) -> None:
    """Reject what must not become a pattern.

    :raises RotationError: if there is no value, one is not made of letters and digits, or there are too many.
    """
    if not values:
        raise RotationError("No value would be accepted, and no request would reach the API")
    if any(not re.fullmatch(r"[A-Za-z0-9]{32,190}", each) for each in values):
        raise RotationError("The secret is not 32 to 190 letters and digits; store such a value, and rotate again")
    if len(values) > MOST:
        raise RotationError(
            f"{MOST} values are accepted already, of rotations that did not end; deploy the stack to accept only one"
        )
