"""Generates the JSON schema and the reference page of the settings from the models."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from aws_genai.options import MODELS, Options

from .disk import replace
from .environment import Settings
from .loader import CONFIG

SCHEMA = CONFIG / "settings.schema.json"
TABLE = CONFIG.parent / "docs" / "configuration.md"

_INTRODUCTION = """# Configuration

One file for each environment in `config/`; `make docs` writes this page and `config/settings.schema.json` from the
models in `settings/`. Editors with a YAML language server complete and check the files as you type. A key that is
left out has its default; a layer or feature that is left out is not made.

| setting | meaning | type | default | bounds |
| --- | --- | --- | --- | --- |
"""


@cache
def described() -> dict[str, Any]:
    """The JSON schema of the models, with the docstring of each field as its description.

    Reading docstrings takes longer than reading a settings file, so it is done here and not when a model is defined.
    """
    # Each model is rebuilt after the models that it contains.
    for section in MODELS:
        texts = {name: text for base in reversed(section.__mro__) for name, text in _docstrings(base).items()}
        for name, field in section.model_fields.items():
            field.description = field.description or texts.get(name)
        section.model_rebuild(force=True)
    return Settings.model_json_schema()


@cache
def _docstrings(section: type) -> dict[str, str]:
    """The docstring below each field of a model, by the field's name."""
    if not issubclass(section, Options):
        return {}
    [body] = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(statements)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def schema() -> str:
    """The JSON schema of a settings file."""
    content = _given(described())
    # The key may be omitted: the file's name is the name of the environment.
    content["required"] = [key for key in content["required"] if key != "environment"]
    # The whole budget may be null too, which means a budget without a limit.
    content["properties"]["budget"] = {"anyOf": [content["properties"]["budget"], {"type": "null"}]}
    content["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _given(node: Any) -> Any:  # noqa: ANN401 - any part of a JSON schema
    """The schema without null where it has no meaning: such a key is omitted, and a key without a value is rejected."""
    if isinstance(node, list):
        return [_given(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _given(each) for key, each in node.items() if (key, each) != ("default", None)}
    options = made.get("anyOf")
    # Where the default is a value, null turns the setting off.
    if isinstance(options, list) and {"type": "null"} in options and node.get("default") is None:
        left = [each for each in options if each != {"type": "null"}]
        del made["anyOf"]
        made |= left[0] if len(left) == 1 else {"anyOf": left}
    return made


def table() -> str:
    """The reference page of all settings."""
    content = described()
    return _INTRODUCTION + "".join(_rows(content, content, "")) + _NOTES


_NOTES = """
`NAME` stands for a name of your choice, of lower-case letters, digits and hyphens, at most 24 characters. Names that
would make one resource of two are refused, those that differ in hyphens only too.

## How files are read

Files are YAML 1.2, read so that nothing can be taken for something else: `no`, `off` and `1:30` are text, `0x10` is 16,
and a number that begins with a zero, an infinite one, a tag, a merge key (`<<`), a key that stands twice or has nothing
behind it are refused, and so is a text with `${name}` or `{{resolve:...}}`, which CloudFormation writes references as.
Quote what is text, such as an account. Every mistake is told in one line with the file, the key
and what to write, and the exit code is 2, from `make synth` as from every other command. With `AWS_GENAI_DEBUG=1` in
the environment, the place in the code is shown too, for a report of a fault.

## Models that end

A model that had ended when the catalogue was read is refused. One that ends later is told when you synthesize: as a
warning in the 180 days before, and from the day on as a finding, with which nothing may be deployed. The day is the
present one, UTC, or the one that you give: `cdk synth -c environment=prod -c today=2027-03-30`.
"""


def _rows(node: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[str]:
    required = set(node.get("required", ())) - ({"environment"} if not prefix else set())
    for key, field in node["properties"].items():
        path = f"{prefix}{key}"
        inner = _resolve(field, root)
        meaning = " ".join(field.get("description", inner.get("description", "")).split())
        default = "required" if key in required else f"`{json.dumps(field['default'])}`" if "default" in field else ""
        if "properties" in inner:
            absent = "left out" if field.get("default", ...) is None else ""
            yield f"| `{path}` | {meaning} | section | {default if default == 'required' else absent} | |\n"
            yield from _rows(inner, root, f"{path}.")
            continue
        yield f"| `{path}` | {meaning} | {_type(inner, root)} | {default} | {_bounds(inner, root)} |\n"
        values = inner.get("additionalProperties")
        values = _resolve(
            values if isinstance(values, dict) else next(iter(inner.get("patternProperties", {}).values()), {}), root
        )
        if "properties" in values:
            yield from _rows(values, root, f"{path}.NAME.")


def _resolve(field: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in field:
        resolved: dict[str, Any] = root["$defs"][field["$ref"].rpartition("/")[2]]
        return resolved
    for option in field.get("anyOf", ()):
        if option.get("type") != "null":
            return _resolve(option, root)
    return field


def _type(field: dict[str, Any], root: dict[str, Any]) -> str:
    if field.get("type") == "array":
        return f"list of {_type(_resolve(field['items'], root), root)}"
    if field.get("type") == "object":
        return "mapping"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        str(field.get("type")), "text"
    )


def _bounds(field: dict[str, Any], root: dict[str, Any]) -> str:
    item = _resolve(field["items"], root) if field.get("type") == "array" else field
    if "enum" in item:
        return ", ".join(f"`{choice}`" for choice in item["enum"])
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "minItems": "at least {}",
        "maxItems": "at most {}",
        "minProperties": "at least {}",
        "maxProperties": "at most {}",
    }
    bounds = [
        text.format(f"{part[key]:g}")
        for part in ([field] if item is field else [field, item])
        for key, text in words.items()
        if key in part
    ]
    if pattern := item.get("pattern"):
        bounds.append("`" + pattern.replace("|", "\\|") + "`")
    return ", ".join(bounds)


def write(schema_path: Path = SCHEMA, table_path: Path = TABLE) -> None:
    """Write both files."""
    replace(schema_path, schema())
    replace(table_path, table())


if __name__ == "__main__":
    write()
