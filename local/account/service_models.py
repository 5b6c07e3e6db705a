"""Differences of a request or a response from the shape that AWS publishes for it, from botocore's service models.

https://docs.aws.amazon.com/botocore/latest/reference/loaders.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session

#: Shapes whose members may exceed the published bound, by the shape's name and the bound.
Bounds = Mapping[tuple[str, str], float]


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def request_problems(
    service: str, operation: str, request: Mapping[str, Any], bounds: Bounds | None = None
) -> list[str]:
    """The errors in a request, each in a sentence as AWS words them.

    :param bounds: limits from AWS's documentation that the service model lacks, in place of the model's.
    """
    shape = _service(service).operation_model(operation).input_shape
    return list(_problems(shape, request, "", bounds or {})) if shape is not None else []


def answer_problems(service: str, operation: str, answer: Mapping[str, Any]) -> list[str]:
    """The errors in a response as boto3 reads it: members that are missing or unknown, types, values, lengths."""
    shape = _service(service).operation_model(operation).output_shape
    read = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    if shape is None:
        return [f"{key} is not a member" for key in read]
    return [*_unknown(shape, read, ""), *_problems(shape, read, "", {})]


def told(problems: list[str]) -> str:
    """All errors in one message, as AWS's services word it."""
    return f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: {'; '.join(problems)}"


def _problems(shape: Any, value: Any, path: str, bounds: Bounds) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, Mapping):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be an object"
            return
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_join(path, name)}' failed to satisfy constraint: Member must not be null"
        if shape.metadata.get("union") and sum(value.get(name) is not None for name in shape.members) != 1:
            yield f"Value at '{path}' failed to satisfy constraint: Exactly one member must be set"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _problems(member, value[name], _join(path, name), bounds)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a list"
            return
        yield from _bounded(shape, value, len(value), path, bounds, "have length")
        for place, each in enumerate(value, 1):
            yield from _problems(shape.member, each, f"{path}.{place}.member", bounds)
    elif kind == "map":
        if not isinstance(value, Mapping):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be an object"
            return
        yield from _bounded(shape, value, len(value), path, bounds, "have length")
        for key, each in value.items():
            yield from _problems(shape.value, each, _join(path, key), bounds)
    else:
        yield from _scalar(shape, value, path, bounds)


def _scalar(shape: Any, value: Any, path: str, bounds: Bounds) -> Iterator[str]:
    kind = shape.type_name
    if kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, int if kind in ("integer", "long") else (int, float)):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a number"
            return
        yield from _bounded(shape, value, value, path, bounds, "be")
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a boolean"
    elif kind == "timestamp":
        if not isinstance(value, (datetime, int, float, str)):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a timestamp"
    elif kind == "blob":
        size = len(base64.b64decode(value)) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 0
        yield from _bounded(shape, value, size, path, bounds, "have length")
    elif kind == "string":
        if not isinstance(value, str):
            yield f"Value at '{path}' failed to satisfy constraint: Member must be a string"
            return
        shown = "Value" if shape.metadata.get("sensitive") else f"Value '{value[:200]}'"
        yield from _bounded(shape, value, len(value), path, bounds, "have length")
        pattern, enum = shape.metadata.get("pattern"), shape.metadata.get("enum")
        if enum and value not in enum:
            allowed = ", ".join(enum)
            yield f"{shown} at '{path}' failed to satisfy constraint: Member must satisfy enum value set: [{allowed}]"
        if pattern and not _matches(pattern, value):
            yield (
                f"{shown} at '{path}' failed to satisfy constraint: Member must satisfy regular expression pattern: "
                f"{pattern}"
            )


def _bounded(shape: Any, value: Any, size: float, path: str, bounds: Bounds, what: str) -> Iterator[str]:
    shown = "Value" if not isinstance(value, (int, float)) else f"Value '{value}'"
    for bound, word in (("min", "greater"), ("max", "less")):
        limit = bounds.get((shape.name, bound), shape.metadata.get(bound))
        if limit is not None and (size < limit if bound == "min" else size > limit):
            constraint = f"Member must {what} {word} than or equal to {limit:g}"
            yield f"{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _unknown(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name, each in value.items():
            if name not in shape.members:
                yield f"'{_join(path, name)}' is not a member"
            else:
                yield from _unknown(shape.members[name], each, _join(path, name))
    elif shape.type_name == "list" and isinstance(value, list):
        for place, each in enumerate(value, 1):
            yield from _unknown(shape.member, each, f"{path}.{place}.member")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    except re.error:
        return True  # a dialect of Java that Python does not support
