"""CloudFormation's schemas of resource types, as cfn-lint ships them.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import regex
from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

#: The Region with the most types.
REGION = "us-east-1"


class InvalidPropertiesError(ValueError):
    """Properties that CloudFormation would reject."""


@cache
def _folder() -> Path:
    spec = find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("cfn-lint is missing; run make local, which installs it")
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


@cache
def _index() -> dict[str, str]:
    content: dict[str, str] = json.loads((_folder() / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    return content


@cache
def schema(resource_type: str) -> dict[str, Any]:
    """The schema of a resource type.

    :raises KeyError: if CloudFormation has no such type.
    """
    content: dict[str, Any] = json.loads(
        (_folder() / "resources" / f"{_index()[resource_type]}.json").read_text(encoding="utf-8")
    )
    return content


def names(resource_type: str, key: str) -> list[str]:
    """The property paths of a list such as ``createOnlyProperties``, without their prefix."""
    return [path.removeprefix("/properties/") for path in schema(resource_type).get(key) or []]


def tag_property(resource_type: str) -> tuple[str, str] | None:
    """The property that contains tags and its shape, ``list`` or ``map``. None for a type without tags."""
    tagging = schema(resource_type).get("tagging") or {}
    if tagging.get("taggable") is False:
        return None
    name = tagging.get("tagProperty", "/properties/Tags").removeprefix("/properties/")
    definition = schema(resource_type)["properties"].get(name)
    if definition is None:
        return None
    if reference := definition.get("$ref"):
        definition = schema(resource_type)["definitions"][reference.rpartition("/")[2]]
    return name, "map" if definition.get("type") == "object" else "list"


def check(resource_type: str, properties: dict[str, Any]) -> None:
    """Validate what CloudFormation validates before it calls a service: required, unknown, mistyped properties, enums.

    :raises InvalidPropertiesError: with CloudFormation's message.
    """
    if resource_type not in _index():
        return
    tags = tag_property(resource_type)
    if tags and isinstance(properties.get(tags[0]), list):
        # CloudFormation adds its own tags after this check.
        own = [tag for tag in properties[tags[0]] if not str(tag.get("Key", "")).startswith("aws:")]
        rest = {key: value for key, value in properties.items() if key != tags[0]}
        properties = {**rest, tags[0]: own} if own or not properties[tags[0]] else rest
    errors = sorted(_validator(resource_type).iter_errors(properties), key=lambda error: list(map(str, error.path)))
    if errors:
        problems = "; ".join(f"#{_pointer(error)}: {error.message[:300]}" for error in errors[:3])
        raise InvalidPropertiesError(f"Properties validation failed for resource of type {resource_type}: {problems}")


def _pointer(error: ValidationError) -> str:
    return "/" + "/".join(str(part) for part in error.path) if error.path else ""


@cache
def _validator(resource_type: str) -> Draft7Validator:
    # CloudFormation converts strings to numbers and booleans and back, so types are compared by their meaning.
    base = Draft7Validator.TYPE_CHECKER
    checker = (
        base.redefine("string", lambda _, value: isinstance(value, (str, int, float)))
        .redefine("boolean", lambda _, value: isinstance(value, bool) or value in ("true", "false"))
        .redefine("integer", lambda _, value: base.is_type(value, "integer") or _is_number(value, whole=True))
        .redefine("number", lambda _, value: base.is_type(value, "number") or _is_number(value, whole=False))
    )
    own = {"pattern": _pattern, "enum": _enum, "minimum": _minimum, "maximum": _maximum}
    validator: Any = extend(Draft7Validator, own, type_checker=checker)
    return validator(_readable(schema(resource_type)))


def _readable(value: Any) -> Any:
    """A schema with the property name patterns that Python can read. Other patterns allow any name."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {key: _readable(item) for key, item in value.items()}
    if isinstance(plain.get("patternProperties"), dict):
        plain["patternProperties"] = {
            key if _compiles(key) else ".*": item for key, item in plain["patternProperties"].items()
        }
    return plain


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _is_number(value: object, *, whole: bool) -> bool:
    try:
        return isinstance(value, str) and (int(value) if whole else float(value)) is not None
    except ValueError:
        return False


def _minimum(_validator: Any, least: float, value: Any, _schema: Any) -> Any:
    if _is_number(str(value), whole=False) and float(value) < least:
        yield ValidationError(f"{value} is not greater or equal to {least}")


def _maximum(_validator: Any, most: float, value: Any, _schema: Any) -> Any:
    if _is_number(str(value), whole=False) and float(value) > most:
        yield ValidationError(f"{value} is not less or equal to {most}")


def _enum(_validator: Any, allowed: list[Any], value: Any, _schema: Any) -> Any:
    if str(value) not in {str(item) for item in allowed}:
        yield ValidationError(f"{value} is not a valid enum value, choose one of {', '.join(map(str, allowed))}")


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Any:
    if not isinstance(value, str):
        return
    try:
        matches = regex.search(pattern, value)
    except regex.error:
        return  # a dialect of Java that Python does not support
    if not matches:
        yield ValidationError(f"{value!r} does not match the pattern {pattern}")
