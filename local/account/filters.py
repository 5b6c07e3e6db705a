"""Which chunks match a metadata filter.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_RetrievalFilter.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Filter = Mapping[str, Any]


class FilterError(ValueError):
    """A filter that a vector store rejects."""


#: Comparisons that only one kind of vector store supports, by the reference of each.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-metadata-filtering.html
_ONLY = {
    "startsWith": ("OPENSEARCH_SERVERLESS",),
    "stringContains": ("OPENSEARCH_SERVERLESS", "RDS"),
}
#: Allowed types of a value, by comparison.
_NUMBERS = ("greaterThan", "greaterThanOrEquals", "lessThan", "lessThanOrEquals")
_LISTS = ("in", "notIn")
_TEXTS = ("startsWith", "stringContains")
_GROUPS = {"andAll": all, "orAll": any}
_KEY_LENGTH = 100


def check(given: Filter, store: str) -> None:
    """Reject a filter that is not valid, or that the vector store does not support.

    :param store: the type of the knowledge base's storage.
    :raises FilterError: with the name of the comparison.
    """
    if not isinstance(given, Mapping) or len(given) != 1:
        raise FilterError("A filter holds exactly one comparison or group")
    ((name, content),) = given.items()
    if name in _GROUPS:
        if not isinstance(content, Sequence) or isinstance(content, str) or len(content) < 2:
            raise FilterError(f"{name} needs at least two filters")
        for each in content:
            check(each, store)
        return
    if name not in _COMPARISONS:
        raise FilterError(f"{name} is no comparison of a filter")
    if store not in _ONLY.get(name, (store,)):
        raise FilterError(f"The filter {name} is not supported by the vector store {store}")
    if not isinstance(content, Mapping) or set(content) != {"key", "value"}:
        raise FilterError(f"{name} needs a key and a value")
    if not isinstance(content["key"], str) or not 1 <= len(content["key"]) <= _KEY_LENGTH:
        raise FilterError(f"The key of {name} has 1 to {_KEY_LENGTH} characters")
    _check_value(name, content["value"])


def _check_value(name: str, value: Any) -> None:
    if name in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise FilterError(f"{name} compares numbers, not {value!r}")
    if name in _LISTS and (not isinstance(value, list) or not value):
        raise FilterError(f"{name} needs a list of values, not {value!r}")
    if name in _TEXTS and not isinstance(value, str):
        raise FilterError(f"{name} compares strings, not {value!r}")
    if name not in _LISTS and isinstance(value, list | dict):
        raise FilterError(f"{name} needs one value, not {value!r}")


def passes(given: Filter | None, metadata: Mapping[str, Any]) -> bool:
    """Whether metadata match a filter that :func:`check` accepted."""
    if not given:
        return True
    ((name, content),) = given.items()
    if name in _GROUPS:
        return bool(_GROUPS[name](passes(each, metadata) for each in content))
    value, wanted = metadata.get(content["key"]), content["value"]
    if content["key"] not in metadata:
        # A missing attribute differs from every value.
        return name in ("notEquals", "notIn")
    return _COMPARISONS[name](value, wanted)


def _same(value: Any, wanted: Any) -> bool:
    # In JSON, true is not 1.
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _among(value: Any, wanted: list[Any]) -> bool:
    return any(_same(each, one) for one in wanted for each in (value if isinstance(value, list) else [value]))


def _number(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def numbers(value: Any, wanted: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and compare(value, wanted)

    return numbers


def _contains(value: Any, wanted: str) -> bool:
    members = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and wanted in each for each in members)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "notEquals": lambda value, wanted: not _same(value, wanted),
    "greaterThan": _number(lambda value, wanted: value > wanted),
    "greaterThanOrEquals": _number(lambda value, wanted: value >= wanted),
    "lessThan": _number(lambda value, wanted: value < wanted),
    "lessThanOrEquals": _number(lambda value, wanted: value <= wanted),
    "in": _among,
    "notIn": lambda value, wanted: not _among(value, wanted),
    "startsWith": lambda value, wanted: isinstance(value, str) and value.startswith(wanted),
    "listContains": lambda value, wanted: isinstance(value, list) and any(_same(each, wanted) for each in value),
    "stringContains": _contains,
}
