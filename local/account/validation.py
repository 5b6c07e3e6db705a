"""Validates requests against the service models of botocore, as AWS does before it reads anything else of a request.

Wrong types are a ``SerializationException``, missing values and values out of bounds a
``ValidationException``, with AWS's own messages.
https://smithy.io/2.0/spec/constraint-traits.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

_NUMBERS = {"integer": "Integer", "long": "Long", "float": "Float", "double": "Double"}
_TEXT = ("string", "blob", "timestamp", "character")


class InvalidRequestError(ValueError):
    """A request that AWS would reject as malformed.

    :param code: AWS's name of the error.
    :param status: the HTTP status of the response.
    """

    def __init__(self, message: str, code: str = "ValidationException", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


#: Values that Bedrock accepts and that the models of botocore lack.
_BEYOND = {
    # For judges: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_EvaluationDatasetMetricConfig.html
    "EvaluationTaskType": frozenset({"General"}),
}


@dataclass(frozen=True)
class Call:
    """A request that is in a service model: its operation and the labels of its path."""

    model: OperationModel
    labels: Mapping[str, str]

    @property
    def name(self) -> str:
        """The operation, such as ``Converse``."""
        return str(self.model.name)


def call(service: str, method: str, path: str) -> Call | None:
    """The operation of a service that a request calls. None if there is none.

    :param service: botocore's name, such as ``bedrock-runtime``.
    """
    for verb, pattern, model, names in _routes(service):
        found = pattern.fullmatch(path) if verb == method else None
        if found:
            return Call(model, {label: unquote(found[group]) for group, label in names.items()})
    return None


def named(service: str, operation: str) -> Call:
    """A call of an operation whose service identifies it by a header, not by its path."""
    return Call(_service(service).operation_model(operation), {})


def operations(service: str) -> tuple[str, ...]:
    """The names of all operations of a service."""
    return tuple(_service(service).operation_names)


def check(
    found: Call,
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    body: bytes | dict[str, Any],
    *,
    labels: bool = True,
) -> dict[str, Any]:
    """Reject a request that does not match its operation, and return its members.

    :param body: as received, or already parsed.
    :param labels: whether the labels of its path are checked too, which may be ids of the emulator's own form.
    :raises InvalidRequestError: with AWS's message.
    """
    shape = found.model.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    raw = bool(payload) and shape.members[payload].type_name in ("blob", "string")
    given: dict[str, Any] = {payload: body} if raw else dict(body) if isinstance(body, dict) else _parsed(body)
    if payload and not raw:
        given = {payload: given}
    skip = [payload] if raw else []
    for name, member in shape.members.items():
        located = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if located == "uri" and not labels:
            skip.append(name)
        elif located == "uri":
            given[name] = found.labels.get(key)
        elif located == "querystring" and key in query:
            given[name] = _text_of(query[key], member)
        elif located == "header" and key.lower() in headers:
            given[name] = headers[key.lower()]
    errors = list(_errors(shape, given, "", skip=tuple(skip)))
    if errors:
        count = f"{len(errors)} validation error{'s' if len(errors) > 1 else ''} detected: "
        raise InvalidRequestError(count + "; ".join(errors))
    return given


def _parsed(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise InvalidRequestError("The request body is no valid JSON", "SerializationException") from error
    if not isinstance(parsed, dict):
        raise InvalidRequestError("Start of structure or map found where not expected.", "SerializationException")
    return parsed


def _text_of(value: Any, shape: Shape) -> Any:
    values = value if isinstance(value, list) else [value]
    if shape.type_name == "list":
        return values
    if shape.type_name in _NUMBERS:
        try:
            return float(values[0]) if shape.type_name in ("float", "double") else int(values[0])
        except ValueError as error:
            raise InvalidRequestError(f"{values[0]} is no number", "SerializationException") from error
    return values[0] == "true" if shape.type_name == "boolean" else values[0]


def _errors(shape: Shape, value: Any, path: str, skip: tuple[str, ...] = ()) -> Iterator[str]:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    if kind == "structure":
        yield from _structure(shape, _of_type(value, dict, kind), path, skip)
    elif kind == "list":
        yield from _size(shape, len(_of_type(value, list, kind)), path)
        for number, item in enumerate(value, start=1):
            yield from _errors(shape.member, item, f"{path}.{number}.member")
    elif kind == "map":
        yield from _size(shape, len(_of_type(value, dict, kind)), path)
        for key, item in value.items():
            yield from _errors(shape.key, key, f"{path}.{key}.key")
            yield from _errors(shape.value, item, f"{path}.{key}.value")
    elif kind in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind in ("integer", "long") and value % 1):
            raise InvalidRequestError(f"{_named(value)} can not be converted to a {_NUMBERS[kind]}", _SERIALIZATION)
        yield from _range(shape, value, path)
    elif kind == "boolean":
        if not isinstance(value, bool):
            raise InvalidRequestError(f"{_named(value)} can not be converted to a Boolean", _SERIALIZATION)
    elif kind == "string":
        if not isinstance(value, str):
            raise InvalidRequestError(f"{_named(value)} can not be converted to a String", _SERIALIZATION)
        yield from _string(shape, value, path)
    elif kind == "blob" and isinstance(value, str):
        yield from _size(shape, len(value) * 3 // 4, path)


_SERIALIZATION = "SerializationException"


def _of_type(value: Any, wanted: type, kind: str) -> Any:
    if not isinstance(value, wanted):
        raise InvalidRequestError(f"{_named(value)} can not be converted to a {kind}", _SERIALIZATION)
    return value


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int | float):
        return "NUMBER_VALUE"
    kinds: dict[type, str] = {str: "STRING_VALUE", dict: "START_OBJECT", list: "START_ARRAY"}
    return kinds.get(type(value), "NULL_VALUE")


def _structure(shape: Any, value: dict[str, Any], path: str, skip: tuple[str, ...]) -> Iterator[str]:
    by_wire = {member.serialization.get("name", name): name for name, member in shape.members.items()}
    present = {by_wire.get(key, key): item for key, item in value.items() if item is not None}
    if getattr(shape, "is_tagged_union", False):
        known = [name for name in present if name in shape.members]
        if len(known) != 1:
            told = ", ".join(shape.members)
            raise InvalidRequestError(
                f"Value at '{path.lstrip('.')}' has {len(known)} of the members [{told}], where exactly one must be set"
            )
    for name in shape.required_members:
        if name not in present and name not in skip:
            yield f"Value null at '{_joined(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, item in present.items():
        if name in shape.members and name not in skip:
            yield from _errors(shape.members[name], item, _joined(path, name))


def _joined(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]  # as AWS writes it, whatever the service's own spelling
    return f"{path}.{name}" if path else name


def _size(shape: Shape, length: int, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    start = f"Value at '{path}' failed to satisfy constraint: Member must have length"
    if least is not None and length < least:
        yield f"{start} greater than or equal to {least}"
    if most is not None and length > most:
        yield f"{start} less than or equal to {most}"


def _range(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    start = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value"
    if least is not None and value < least:
        yield f"{start} greater than or equal to {least}"
    if most is not None and value > most:
        yield f"{start} less than or equal to {most}"


def _string(shape: Any, value: str, path: str) -> Iterator[str]:
    yield from _size(shape, len(value), path)
    enum = shape.metadata.get("enum")
    if enum and value not in enum and value not in _BEYOND.get(shape.name, ()):
        values = ", ".join(enum)
        told = f"Member must satisfy enum value set: [{values}]"
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {told}"
    pattern = _pattern(shape.metadata.get("pattern"))
    if pattern is not None and not pattern.fullmatch(value):
        expression = shape.metadata["pattern"]
        yield (
            f"Value '{value}' at '{path}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {expression}"
        )


@cache
def _pattern(expression: str | None) -> re.Pattern[str] | None:
    if not expression:
        return None
    try:
        return re.compile(expression)
    except re.error:
        return None  # syntax that only Java has


@cache
def _service(service: str) -> ServiceModel:
    loader = botocore.session.Session(session_vars={"profile": (None, None, None, None)}).get_component("data_loader")
    return ServiceModel(loader.load_service_model(service, "service-2"), service_name=service)


@cache
def _routes(service: str) -> tuple[tuple[str, re.Pattern[str], OperationModel, dict[str, str]], ...]:
    """Method, path, operation and labels, those with more fixed parts first."""
    model = _service(service)
    made = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = operation.http["requestUri"].partition("?")[0].rstrip("/")
        names: dict[str, str] = {}
        parts = []
        for part in re.split(r"(\{[^}]+\})", path):
            if part.startswith("{"):
                group = f"label{len(names)}"
                names[group] = part.strip("{}+")
                parts.append(f"(?P<{group}>.+?)")
            else:
                parts.append(re.escape(part))
        fixed = sum(1 for part in path.split("/") if part and not part.startswith("{"))
        made.append((fixed, (operation.http["method"], re.compile("".join(parts) + "/?"), operation, names)))
    return tuple(route for _, route in sorted(made, key=lambda each: -each[0]))
