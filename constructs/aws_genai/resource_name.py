"""The names that AWS accepts for resources, for constructs and for the settings file."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidValueError

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
SAGEMAKER = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent_CreatePrompt.html
BEDROCK = r"([0-9a-zA-Z][_-]?)+"

_SAID = {
    SAGEMAKER: "letters, digits and hyphens, and begin and end with a letter or digit",
    BEDROCK: "letters, digits and single hyphens or underscores, and begin with a letter or digit",
}


@dataclass(frozen=True)
class ResourceName:
    """The rule for the names of one kind of resource.

    :param kind: the resource, as in messages.
    :param longest: maximum number of characters. It is less than the quota of the service if the name gets a suffix.
    :param pattern: regular expression that the whole name matches.
    :param said: the characters in words, after "Use". Default: those of ``SAGEMAKER`` or ``BEDROCK``.
    """

    kind: str
    longest: int
    pattern: str
    said: str = ""

    def check(self, name: str, *, field: str = "name", shorten: str = "it") -> None:
        """Reject a name that AWS would reject. A name that is known only at deployment is not checked.

        :param shorten: what to shorten if the name is too long.
        :raises InvalidValueError: with the characters to use, or the number of characters to remove.
        """
        if "${Token[" in name:
            return
        if len(name) > self.longest:
            raise InvalidValueError(
                f"{self.kind} {name} would have {len(name)} characters; AWS allows {self.longest}",
                field=field,
                hint=f"Shorten {shorten} by {len(name) - self.longest}",
            )
        if not re.fullmatch(self.pattern, name, re.ASCII):
            raise InvalidValueError(
                f"{self.kind} {name!r} does not have a valid name",
                field=field,
                hint=f"Use {self.said or _SAID[self.pattern]}",
            )
