"""Evaluation of the conditions of a statement, as in IAM.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from .undecidable import UndecidableError

Context = Mapping[str, list[str]]


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """A policy element as a list; IAM allows a single value without brackets."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:  # noqa: ANN401 - JSON
    """A value of a policy as the string that IAM compares."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=4096)
def glob(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """A pattern with ``*`` and ``?`` as a regular expression."""
    parts = (
        ".*" if part == "*" else "." if part == "?" else re.escape(part[1:]) if part[0] == "\0" else re.escape(part)
        for part in re.findall(r"\0[*?$]|[*?]|[^*?\0]+", pattern)
    )
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def arn_matches(pattern: str, arn: str) -> bool:
    """Whether an ARN matches a pattern: a wildcard matches within one part only, except in the last, the resource."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(given) == 6 and all(
        glob(part).fullmatch(value) for part, value in zip(wanted, given, strict=True)
    )


_VARIABLE = re.compile(r"\$\{\s*([^},]+?)\s*(?:,\s*'([^']*)'\s*)?\}")


def substitute(value: str, context: Context) -> str | None:
    """``value`` with policy variables replaced; None if one is not in the request.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    missing = False

    def replace(match: re.Match[str]) -> str:
        nonlocal missing
        name, default = match.groups()
        if name in ("*", "?", "$"):
            return f"\0{name}"
        found = context.get(name.lower())
        if found and len(found) == 1:
            return re.sub(r"([*?])", "\0\\1", found[0])
        if default is None:
            missing = True
            return ""
        return default

    replaced = _VARIABLE.sub(replace, value)
    return None if missing else replaced


def plain(value: str) -> str:
    """A substituted value without the markers of literal wildcards."""
    return value.replace("\0", "")


def _number(value: str) -> float:
    return float(value)


def _date(value: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return datetime.fromtimestamp(float(value), UTC)
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _compare(parse: Callable[[str], Any], test: Callable[[Any, Any], bool]) -> Callable[[str, str], bool]:
    def operator(wanted: str, given: str) -> bool:
        try:
            return test(parse(plain(given)), parse(plain(wanted)))
        except ValueError:
            return False

    return operator


def _address(wanted: str, given: str) -> bool:
    try:
        return ipaddress.ip_address(given) in ipaddress.ip_network(plain(wanted), strict=False)
    except ValueError:
        return False


#: Operators that are true if any value of the policy matches.
_POSITIVE: Mapping[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, given: plain(wanted) == given,
    "stringequalsignorecase": lambda wanted, given: plain(wanted).lower() == given.lower(),
    "stringlike": lambda wanted, given: bool(glob(wanted).fullmatch(given)),
    "arnequals": arn_matches,
    "arnlike": arn_matches,
    "bool": lambda wanted, given: plain(wanted).lower() == given.lower(),
    "binaryequals": lambda wanted, given: plain(wanted) == given,
    "ipaddress": _address,
    "numericequals": _compare(_number, lambda given, wanted: given == wanted),
    "numericlessthan": _compare(_number, lambda given, wanted: given < wanted),
    "numericlessthanequals": _compare(_number, lambda given, wanted: given <= wanted),
    "numericgreaterthan": _compare(_number, lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _compare(_number, lambda given, wanted: given >= wanted),
    "dateequals": _compare(_date, lambda given, wanted: given == wanted),
    "datelessthan": _compare(_date, lambda given, wanted: given < wanted),
    "datelessthanequals": _compare(_date, lambda given, wanted: given <= wanted),
    "dategreaterthan": _compare(_date, lambda given, wanted: given > wanted),
    "dategreaterthanequals": _compare(_date, lambda given, wanted: given >= wanted),
}

#: Operators that are true if no value of the policy matches.
_NEGATIVE: Mapping[str, str] = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Whether every condition of a statement is true for the request.

    :raises UndecidableError: for an operator that IAM has and this does not know.
    """
    return all(
        _holds(operator, key, [text(value) for value in as_list(values)], context)
        for operator, tests in conditions.items()
        for key, values in tests.items()
    )


def _holds(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    name = operator.lower()
    quantifier, _, bare = name.rpartition(":")
    if_exists = bare.endswith("ifexists")
    bare = bare.removesuffix("ifexists")
    given = context.get(key.lower())
    if bare == "null":
        return (given is None) == (wanted[0].lower() == "true")
    negative = bare in _NEGATIVE
    test = _POSITIVE.get(_NEGATIVE.get(bare, bare))
    if test is None or quantifier not in ("", "foranyvalue", "forallvalues"):
        raise UndecidableError(f"The condition operator {operator} is not one that can be decided")
    if given is None:
        return if_exists or quantifier == "forallvalues" or (negative and quantifier != "foranyvalue")
    values = [value for value in (substitute(item, context) for item in wanted) if value is not None]
    if negative and len(values) != len(wanted):
        raise UndecidableError(f"{key}: a policy variable of a negated condition is not in the request")

    def matches(value: str) -> bool:
        return any(test(item, value) for item in values) != negative

    if quantifier == "forallvalues":
        return all(matches(value) for value in given)
    if quantifier == "foranyvalue":
        return any(matches(value) for value in given)
    if len(given) != 1:
        raise UndecidableError(f"{key} has several values, and {operator} no ForAnyValue or ForAllValues")
    return matches(given[0])
