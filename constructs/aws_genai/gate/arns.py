"""Whether two ARN patterns can match the same resource."""

from __future__ import annotations

import re
from functools import lru_cache

#: Variables in the reference's ARN formats that match no slash; otherwise, an object would match the format of a
#: bucket.
_WITHOUT_SLASH = re.compile(r"\$\{(BucketName|VectorBucketName)\}")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
#: A value that is known only at deployment; see :class:`aws_genai.policies.resolve.Resolver`.
_UNKNOWN = re.compile(r"<[^<>]*>")

#: Tokens of a pattern: any text, any text without a slash, one character.
_ANY, _NO_SLASH, _ONE = "\0", "\1", "\2"
_WILD = (_ANY, _NO_SLASH)


@lru_cache(maxsize=65536)
def overlaps(pattern: str, form: str) -> bool:
    """Whether an ARN exists that matches both.

    :param pattern: The resource of a policy, with ``*`` and ``?``.
    :param form: An ARN format of the service reference, with ``${...}``.
    """
    if pattern == "*":
        return True
    given, wanted = _tokens(pattern), _tokens(form)
    if given.startswith(_ANY) and ":" not in given:
        return True
    ours, theirs = given.split(":", 5), wanted.split(":", 5)
    if len(ours) != 6:
        # An unknown value can have any number of parts.
        return _ANY in given
    return len(theirs) == 6 and all(_meet(one, other) for one, other in zip(ours, theirs, strict=True))


def _tokens(pattern: str) -> str:
    text = _UNKNOWN.sub(_ANY, _VARIABLE.sub(_ANY, _WITHOUT_SLASH.sub(_NO_SLASH, pattern)))
    return text.replace("*", _ANY).replace("?", _ONE)


@lru_cache(maxsize=65536)
def _meet(one: str, other: str) -> bool:
    """Whether a string exists that matches both patterns."""
    if one == other or _ANY in (one, other):
        return True
    # Pairs of positions that a common prefix of both can reach.
    seen, todo = {(0, 0)}, [(0, 0)]
    while todo:
        i, j = todo.pop()
        mine, theirs = one[i : i + 1], other[j : j + 1]
        if not mine and not theirs:
            return True
        following = []
        if mine and mine in _WILD:
            following.append((i + 1, j))
            if theirs and not (mine == _NO_SLASH and theirs == "/"):
                following.append((i, j + 1))
        if theirs and theirs in _WILD:
            following.append((i, j + 1))
            if mine and not (theirs == _NO_SLASH and mine == "/"):
                following.append((i + 1, j))
        if mine and theirs and (mine == theirs or _ONE in (mine, theirs)):
            following.append((i + 1, j + 1))
        fresh = [pair for pair in following if pair not in seen]
        seen.update(fresh)
        todo += fresh
    return False
