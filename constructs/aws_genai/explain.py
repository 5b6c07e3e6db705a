"""Messages for invalid values of options, which say what is wrong and what to do."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from .errors import InvalidValueError, nearest

#: The requirement of a pattern in words, for error messages.
SAID: dict[str, str] = {}

#: Maximum length of a message, in characters. The middle of a longer one is omitted.
_MOST = 1_000


def readable(text: str) -> str:
    """One line that is safe for any terminal: line breaks and unprintable characters are escaped, and it is truncated.

    A file can contain characters that reverse the text direction, or unpaired surrogates, which cannot be printed.
    """
    # Enough characters remain, whether or not they are escaped.
    cut = text if len(text) <= 2 * _MOST else f"{text[:_MOST]}...{text[-_MOST:]}"
    line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in cut)
    return line if len(line) <= _MOST else f"{line[: _MOST - 303]}...{line[-300:]}"


def explain(error: ValidationError, file: str, model: type[BaseModel]) -> str:
    """One line for each problem: file, key path, value, what is wrong, and the nearest valid choice."""
    return "\n".join(_line(problem, file, model) for problem in error.errors(include_url=False))


def _line(problem: Any, file: str, model: type[BaseModel]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    location = [part for part in problem["loc"] if part != "[key]"]
    cause = problem.get("ctx", {}).get("error")
    message, value = _plain(str(problem["msg"])), _short(problem["input"])
    if isinstance(cause, InvalidValueError):
        if cause.field:
            parts = cause.field.split(".")
            # Checks of the library report a part of the path only, those of the settings the full path.
            whole = parts[0] in model.model_fields and len(parts) > 1
            location = parts if whole or not location else _append(location, *parts)
        message, value = str(cause), ""
    elif problem["type"] == "extra_forbidden":
        message = "unknown key. " + nearest(str(location[-1]), _keys(model, location[:-1]), cutoff=_LIKE)
        value = ""
    elif problem["type"] == "missing":
        message, value = "missing; give it a value", ""
    elif problem["type"] == "string_pattern_mismatch" and (said := SAID.get(problem["ctx"]["pattern"])):
        message = f"has to {said}"
    elif problem["type"] in _KINDS:
        message = f"should be {_KINDS[problem['type']]}"
    elif problem["type"] in ("literal_error", "enum"):
        choices = [choice.strip("' ") for choice in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        message = nearest(str(problem["input"]), choices)
    path = ".".join(str(part) for part in location)
    return readable(f"{file}: {path or '(whole file)'}{f' = {value}' if value else ''}: {message}")


#: Minimum similarity of a key to be proposed: cidr is not proposed for vpc_id.
_LIKE = 0.7


#: The expected type of a value, by pydantic's error type.
_KINDS = {
    "string_type": "text (a string); put it in quotes",
    "bool_type": "true or false (a boolean)",
    "int_type": "a whole number (an integer)",
    "int_from_float": "a whole number (an integer)",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list, such as [one, two]",
    "dict_type": "a section: keys with values below it, or {} for none",
    "model_type": "a section: keys with values below it, or {} for none",
    "datetime_type": "a time such as 2027-01-04T11:30:00Z, in quotes",
}


def _plain(message: str) -> str:
    """Pydantic's message, as a continuation after the value."""
    for begin in ("Input ", "String ", "List ", "Dictionary ", "Value error, "):
        message = message.removeprefix(begin)
    message = message.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    return message.removesuffix(" after validation").replace(" after validation,", ",")


def _append(location: list[Any], *parts: str) -> list[Any]:
    return [*location, *(parts[1:] if str(location[-1]) == parts[0] else parts)]


def _short(value: Any) -> str:  # noqa: ANN401 - any value of the file
    text = readable(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """The keys that are allowed at a location."""
    current: Any = model
    for part in location:
        current = _section(current)
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        else:
            arguments = typing.get_args(current)
            current = arguments[-1] if arguments else current
    current = _section(current)
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _section(annotation: Any) -> Any:  # noqa: ANN401 - a type annotation
    """An annotation without ``None`` and ``Annotated``."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(item for item in typing.get_args(annotation) if item is not type(None))
        else:
            return annotation
