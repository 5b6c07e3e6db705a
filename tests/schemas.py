"""What CloudFormation's schemas say of the texts in templates: their lengths, their patterns, and names given twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REGION = "us-east-1"


@cache
def _schemas() -> tuple[Path, dict[str, str]]:
    spec = find_spec("cfnlint")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data" / "schemas"
    index: dict[str, str] = json.loads((folder / "providers" / f"{REGION}.json").read_text(encoding="utf-8"))
    return folder / "resources", index


@cache
def _schema(kind: str) -> dict[str, Any]:
    folder, index = _schemas()
    content: dict[str, Any] = json.loads((folder / f"{index[kind]}.json").read_text(encoding="utf-8"))
    return content


def _text(value: Any) -> str | None:
    """A literal text, or one that is joined of such and of what a stack knows of itself."""
    known = {
        "AWS::Region": REGION,
        "AWS::AccountId": "1" * 12,
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value.keys() == {"Ref"}:
        return known.get(value["Ref"])
    if isinstance(value, dict) and value.keys() == {"Fn::Join"}:
        between, parts = value["Fn::Join"]
        found = [_text(part) for part in parts]
        return between.join(part for part in found if part is not None) if None not in found else None
    return None


def _wrong(value: Any, node: dict[str, Any], root: dict[str, Any], path: str) -> Iterator[str]:
    """What of a property the schema of CloudFormation refuses: lengths and patterns of texts, wherever they stand."""
    if reference := node.get("$ref"):
        node = root
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
    if (text := _text(value)) is not None:
        if "maxLength" in node and len(text) > node["maxLength"]:
            yield f"{path}: {text} has {len(text)} characters, not at most {node['maxLength']}"
        if "minLength" in node and len(text) < node["minLength"]:
            yield f"{path}: {text!r} has {len(text)} characters, not at least {node['minLength']}"
        pattern = node.get("pattern")
        if pattern and not _matches(pattern, text):
            yield f"{path}: {text!r} does not match {pattern}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _wrong(each, node.get("items", {}), root, f"{path}.{number}")
    elif isinstance(value, dict):
        inner = node.get("properties", {})
        for key, each in value.items():
            if key in inner:
                yield from _wrong(each, inner[key], root, f"{path}.{key}")


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # a dialect of Java's that Python has not
        return True


def refused_by_aws(folder: Path) -> list[str]:
    """What AWS would refuse of the texts in templates, and resources of a kind that have one name."""
    found: list[str] = []
    taken: dict[tuple[str, ...], str] = {}
    for path in sorted(folder.glob("*.template.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        for logical_id, resource in template["Resources"].items():
            kind, properties = resource["Type"], resource.get("Properties", {})
            if kind not in _schemas()[1]:
                continue
            root, place = _schema(kind), f"{path.stem} {logical_id} {kind}"
            found += _wrong(properties, {"properties": root["properties"]}, root, place)
            primary = [each.removeprefix("/properties/") for each in root["primaryIdentifier"]]
            named = primary if all(each in properties for each in primary) else ["Name"]
            name = [_text(properties.get(each)) for each in named]
            other = taken.setdefault((kind, *map(str, name)), place) if None not in name else place
            if other != place and kind not in _SHARED:
                found.append(f"{place} and {other} are both called {name}")
    return found


#: Kinds whose names are unique within something else, or whose properties are those of functions.
_SHARED = frozenset(
    {
        "AWS::CloudFormation::CustomResource",
        "AWS::Bedrock::DataSource",
        "AWS::Bedrock::FlowAlias",
        "AWS::Route53::RecordSet",
    }
)
